--- A data set whose responses both come from one policy; options and errors are those of sources.between.
--
--   align.sources.sample(sft, { task = task, judge = gold, prompts = prompts, count = 2048 })
local between = require "perilune.align.sources.between"

return function(policy, given) return between(policy, policy, given) end
