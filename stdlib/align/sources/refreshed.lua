--- Fresh responses of a copy of the policy that is renewed every `every` steps.
--
-- `every = 1` is online; a number no run reaches is offline on the start's responses. Lanchantin et al. 2025,
-- arXiv:2506.21495, call it semi-online.
--
--   align.sources.refreshed { task = task, every = 10, judge = proxy, prompts = prompts }
local options = require "perilune.options"
local judges = require "perilune.align.judge"
local ordered = require "perilune.align.ordered"
local sampling = require "perilune.align.sampling"

local spec = options.spec("sources.refreshed", {
  { "judge", options.required "table|function",
    "of align.judge, or a function(prompt, a, b) that returns 1, 0, 0.5, true or false" },
  { "every", options.integer(nil, 1), "steps between copies of the policy" },
  sampling.options,
  { "batch", 32, "prompts, and so pairs, of a batch", least = 1 },
})

return function(given)
  local o = spec:fill(sampling.given(given))
  o.judge = judges.as_judge(o.judge)
  local prompts = sampling.dealt(o, o.batch)
  local writer, copied, written
  return {
    name = ("refreshed every %d"):format(o.every),
    options = o,
    batch = function(_, step, policy, checkpoint)
      if (step - 1) % o.every == 0 or copied ~= policy then
        writer, copied, written = policy:clone(), policy, checkpoint
      end
      local origin = { step = step, checkpoint = written, writers = { "policy", "policy" } }
      return ordered.draw(policy, writer, writer, prompts(step), o, origin)
    end,
    state = function() return { written = written }, { writer = writer } end,
    restore = function(_, data, models, policy)
      writer, copied, written = models.writer, policy, data.written
    end,
  }
end
