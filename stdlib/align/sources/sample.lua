--- A data set whose responses both come from one policy; options and errors are those of sources.between.
--
--   align.sources.sample(sft, { task = task, judge = gold, prompts = prompts, count = 2048 })
--
--   > local w = require "perilune.worlds".bandit { answers = 4, seed = 1 }
--   > local how = { task = w, prompts = w.prompts, count = 2, judge = w:judge {} }
--   > #sample(w:policy(), how)
--   2
local between = require "perilune.align.sources.between"

return function(policy, given) return between(policy, policy, given) end
