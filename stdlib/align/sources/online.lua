--- Two fresh responses to each prompt, ordered by the judge.
--
--   align.sources.online { task = task, judge = proxy, prompts = task:prompts("train", 2048) }
--
-- Both responses come from the policy. With `second` the second one comes from another model, or from a
-- writer such as `sources.mixture` (Nash-MD); `second = "reference"` is the reference of the run (XPO). The
-- column `writer` says whose response a row is: "policy", "reference", or the writer's name.
--
-- Sampling is not differentiated. Errors: an option is missing, unknown or out of range; there are fewer
-- prompts than a batch; the judge gives something else than 1, 0 or 0.5.
--
--   > online { judge = function(prompt, a, b) return #a < #b end, prompts = { { 1 } }, batch = 1 }.name
--   online
local options = require "perilune.options"
local judges = require "perilune.align.judge"
local ordered = require "perilune.align.ordered"
local sampling = require "perilune.align.sampling"

local spec = options.spec("sources.online", {
  { "judge", options.required "table|function",
    "of align.judge, or a function(prompt, a, b) that returns 1, 0, 0.5, true or false" },
  sampling.options,
  { "batch", 32, "prompts, and so pairs, of a batch", least = 1 },
  { "second", options.optional "Model|table|string",
    "writer of the second response; the policy unless given" },
})

return function(given)
  local o = spec:fill(sampling.given(given))
  if type(o.second) == "string" and o.second ~= "reference" then
    error(("sources.online: second must be a model, a writer or \"reference\", got '%s'"):format(o.second), 2)
  end
  o.judge = judges.as_judge(o.judge)
  local prompts = sampling.dealt(o, o.batch)
  return {
    name = "online",
    options = o,
    batch = function(_, step, policy, checkpoint, reference)
      local origin, second = { step = step, checkpoint = checkpoint }, o.second or policy
      if second == "reference" then
        if not reference then error("sources.online: the run has no reference", 0) end
        second, origin.writers = reference, { "policy", "reference" }
      end
      return ordered.draw(policy, policy, second, prompts(step), o, origin)
    end,
  }
end
