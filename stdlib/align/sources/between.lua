--- A data set: `count` prompts, to each one response of `a` and one of `b`, ordered by the judge.
--
-- With checkpoints of an online run these are the paper's D_{a vs b} (Tang et al. 2024, arXiv:2405.08448,
-- fig. 12).
--
--   align.sources.between(sft, online.policy, { task = task, judge = gold, prompts = prompts, count = 2048 })
--
-- It is also a list of pairs: `#dataset`, `dataset[3].chosen`; `dataset:list()` are plain tables, to save
-- them.
--
-- Errors: an option is missing, unknown or out of range; there are no prompts.
--
--   > local w = require "perilune.worlds".bandit { answers = 4, seed = 1 }
--   > local how = { task = w, prompts = w.prompts, count = 2, judge = w:judge {} }
--   > #between(w:policy(), w.reference, how)
--   2
local options = require "perilune.options"
local batches = require "perilune.align.batch"
local ordered = require "perilune.align.ordered"
local progress = require "perilune.progress"
local sampling = require "perilune.align.sampling"

local spec = options.spec("sources.between", {
  { "count", options.integer(nil, 1), "pairs in all" },
  ordered.options,
  { "batch", 64, "prompts of a draw", least = 1 },
  { "label", "", "label of the progress bar, and the column `checkpoint`" },
  { "quiet", false, "no progress bar" },
})

return function(a, b, given)
  local o, judge = ordered.filled(spec, given)
  local bar = progress.start {
    label = o.label ~= "" and o.label or "pairs", total = o.count, quiet = o.quiet,
  }
  local size = math.max(math.min(o.batch, o.count, #o.prompts), 1)
  local prompts = sampling.dealt(o, size)
  local parts, drawn, step = {}, 0, 0
  while drawn < o.count do
    step = step + 1
    local part = ordered.draw(a, a, b, prompts(step), o, judge, {
      step = step, checkpoint = o.label, writers = a == b and { "a", "a" } or { "a", "b" },
    })
    if drawn + #part > o.count then
      local units = {}
      for i = 1, o.count - drawn do units[i] = i end
      part = part:select(units)
    end
    parts[step], drawn = part, drawn + #part
    bar:update(drawn)
  end
  bar:finish()
  return batches.concat(parts)
end
