--- Fresh responses of a copy of the policy that is renewed every `every` steps.
--
-- `every = 1` is online; a number no run reaches is offline on the start's responses. Lanchantin et al. 2025,
-- arXiv:2506.21495, call it semi-online.
--
--   align.sources.refreshed { task = task, every = 10, judge = proxy, prompts = prompts }
local options = require "perilune.options"
local ordered = require "perilune.align.ordered"
local sampling = require "perilune.align.sampling"
local source = require "perilune.align.source"

local spec = options.spec("sources.refreshed", {
  { "every", options.integer(nil, 1), "steps between copies of the policy" },
  ordered.options,
  { "batch", 32, "prompts, and so pairs, of a batch", least = 1 },
})

return function(given)
  local o, judge = ordered.filled(spec, given)
  local prompts = sampling.dealt(o, o.batch)
  local writer, copied, written
  return source.new(spec, o, {
    batch = function(_, step, policy, checkpoint)
      if (step - 1) % o.every == 0 or copied ~= policy then
        writer, copied, written = policy:clone(), policy, checkpoint
      end
      local origin = { step = step, checkpoint = written, writers = { "policy", "policy" } }
      return ordered.draw(policy, writer, writer, prompts(step), o, judge, origin)
    end,
    state = function() return { written = written }, { writer = writer } end,
    restore = function(_, data, models, policy)
      writer, copied, written = models.writer, policy, data.written
    end,
  })
end
