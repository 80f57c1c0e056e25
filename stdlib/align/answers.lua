--- How answers are drawn: the options that training and evaluation share, and who draws by which chance.
--
-- Two answers that are compared must be independent. Drawn by the same uniform numbers they are coupled, and the share
-- of wins is then another quantity than p(a > b), not a less noisy one: by 5 points on the toy of the tests. So each
-- role has a stream of its own, and equal seeds never meet.
local options = require "perilune.options"

local answers = {}

local streams = { first = 1, second = 2, evaluation = 3, baseline = 4 }

--- The options of drawing, and `more` beside them. `task` gives `max_new_tokens` and `stop` where they are not given.
function answers.options(more)
  local all = {
    prompts = options.required("table"),
    task = options.optional("table"),
    max_new_tokens = options.integer(32, 1),
    temperature = options.number(1.0, 0),
    top_k = options.integer(0, 0),
    top_p = options.number(1.0, 0, 1),
    min_p = options.number(0.0, 0, 1),
    stop = options.optional("table"),
    seed = options.integer(0),
  }
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

--- What was given, with the task's length and stop tokens where nothing was said of them.
function answers.given(given)
  local task = given and given.task
  if type(task) ~= "table" then return given or {} end
  local all = { max_new_tokens = task.max_response, stop = task.stop }
  for name, value in pairs(given) do all[name] = value end
  return all
end

--- Rows of one response of the policy to each prompt, or of `count`. `role` is who they are for: first or second of a
-- pair, evaluation or baseline.
function answers.draw(policy, prompts, o, role, step, count)
  return policy:sample(prompts, {
    max_new_tokens = o.max_new_tokens, temperature = o.temperature, top_k = o.top_k, top_p = o.top_p, min_p = o.min_p,
    stop = o.stop, seed = o.seed, stream = streams[role], step = step, count = count,
  })
end

return require "perilune.options".strict("align.answers", answers)
