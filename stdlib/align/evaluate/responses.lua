--- One response of a policy to each prompt: a pure function of (seed, role, number of the prompt).
--
-- Two responses that are compared must be independent. Drawn with the same uniform numbers they are coupled,
-- and their win rate is another quantity than p(a > b): by 5 points on the toy of the tests. Each role has a
-- stream of its own.
local options = require "perilune.options"

local responses = {}

local streams = { evaluation = 3, baseline = 4, second = 5 }

-- The sampler's options that a caller may choose; the rest belong to the role.
local sampling = { "max_new_tokens", "temperature", "top_k", "top_p", "min_p", "stop", "seed" }

--- Options of every function that draws responses to a list of prompts.
responses.options = options.spec("evaluate.responses", {
  { "prompts", options.required "table", "list of prompts, each a list of token ids" },
  { "task", options.optional "table", "gives max_new_tokens and stop where they are not given" },
  { "batch", 64, "prompts of one pass; the responses do not depend on it", least = 1 },
  options.native("Model:sample"):only(sampling),
})

--- `given` with the task's max_new_tokens and stop, where they are not given.
function responses.given(given)
  local task = type(given) == "table" and given.task
  if type(task) ~= "table" then return given end
  local all = { max_new_tokens = task.max_response, stop = task.stop }
  for name, value in pairs(given) do all[name] = value end
  return all
end

--- Rows of one response to each prompt, drawn with filled options `o` in passes of `o.batch` prompts.
function responses.draw(policy, o, role)
  if #o.prompts == 0 then error("evaluate: no prompts", 3) end
  local how, parts = { stream = streams[role] }, {}
  for _, name in ipairs(sampling) do how[name] = o[name] end
  for start = 1, #o.prompts, o.batch do
    how.first = start
    local last = math.min(start + o.batch - 1, #o.prompts)
    parts[#parts + 1] = policy:sample(table.move(o.prompts, start, last, 1, {}), how)
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
