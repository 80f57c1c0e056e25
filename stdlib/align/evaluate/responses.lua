--- One response of a policy to each prompt: a pure function of (seed, role, number of the prompt).
local lists = require "perilune.align.policy.prompts"
local options = require "perilune.options"
local sampling = require "perilune.align.sampling"

local responses = {}

--- Options of every function that draws responses to a list of prompts.
responses.options = options.spec("evaluate.responses", {
  sampling.options,
  { "batch", 64, "prompts of one pass; the responses do not depend on it", least = 1 },
})

--- Refuses prompts that are none, and an empty list of them, in the name of `where`, pointing at the caller
-- of the function that checks.
--
--   > local responses = require "perilune.align.evaluate.responses"
--   > responses.check({}, "where")
--   where: no prompts
function responses.check(prompts, where)
  if #prompts == 0 then error(where .. ": no prompts", 3) end
  lists.check(prompts, where, 2)
end

--- The options `given`, filled; the task gives max_new_tokens and stop where they are not given.
function responses.fill(given) return responses.options:fill(sampling.given(given), 2) end

--- Rows of one response to each prompt, drawn with filled options `o` in passes of `o.batch` prompts, which
-- `check` has checked.
function responses.draw(policy, o, role)
  local parts = {}
  for start = 1, #o.prompts, o.batch do
    local prompts = table.move(o.prompts, start, math.min(start + o.batch - 1, #o.prompts), 1, {})
    parts[#parts + 1] = sampling.draw(policy, policy, prompts, o, role, nil, nil, start)
  end
  return #parts == 1 and parts[1] or parts[1]:concat(table.unpack(parts, 2))
end

--- Iterates over rows in parts of `size`.
function responses.parts(rows, size)
  local start = 1
  return function()
    if start > #rows then return nil end
    local places = {}
    for i = start, math.min(start + size - 1, #rows) do places[#places + 1] = i end
    start = start + size
    return rows:select(places)
  end
end

return options.strict("align.evaluate.responses", responses)
