--- One response of a policy to each prompt: a pure function of (seed, role, number of the prompt).
--
-- Two responses that are compared must be independent. Drawn with the same uniform numbers they are coupled,
-- and their win rate is another quantity than p(a > b): by 5 points on the toy of the tests. Each role has a
-- stream of its own.
local options = require "perilune.options"

local responses = {}

local streams = { evaluation = 3, baseline = 4, second = 5 }

--- Options of every function that draws responses to a list of prompts.
responses.options = options.spec("evaluate.responses", {
  { "prompts", options.required "table", "list of prompts, each a list of token ids" },
  { "task", options.optional "table", "gives max_new_tokens and stop where they are not given" },
  { "batch", 64, "prompts of one pass; the responses do not depend on it", least = 1 },
  options.native "Model:sample",
})

--- `given` with the task's max_new_tokens and stop, where they are not given.
function responses.given(given)
  local task = type(given) == "table" and given.task
  if type(task) ~= "table" then return given end
  local all = { max_new_tokens = task.max_response, stop = task.stop }
  for name, value in pairs(given) do all[name] = value end
  return all
end

--- Draws with filled options `o`, in passes of `o.batch` prompts.
function responses.draw(policy, o, role)
  local how, drawn = {}, {}
  for _, name in ipairs(options.native("Model:sample"):names()) do how[name] = o[name] end
  for start = 1, #o.prompts, o.batch do
    local last = math.min(start + o.batch - 1, #o.prompts)
    how.seeds = {}
    for i = start, last do how.seeds[#how.seeds + 1] = ((o.seed << 3) ~ streams[role]) << 32 ~ i end
    local new = policy:sample(table.move(o.prompts, start, last, 1, {}), how)
    table.move(new, 1, #new, #drawn + 1, drawn)
  end
  return drawn
end

return options.strict("align.evaluate.responses", responses)
