--- Sources of batches: the only difference between online and offline training.
--
--   align.train { source = align.sources.offline(pairs), policy = p, reference = sft, loss = ipo, steps = 9 }
--
-- A source is a table with a `name`, which tells its settings, and a method
-- `batch(step, policy, checkpoint, reference)`, which gives the batch of a step: a batch of `align.batch`, or
-- a list of pairs, tables with `prompt`, `chosen` and `rejected`, lists of token ids. `checkpoint` names the
-- policy's weights ("hash@step"). Optional fields: `kind`, a short name for messages; `check(run_options)`,
-- called before the first step; `steps`, how many steps it has batches for; `labels(batches)`, how many
-- labels of a judge the first batches use, where it is not one a pair; `state` and `restore`, see
-- `align.runs`; `parts`, the sources it is made of.
--
-- Each file of the folder is a source or makes what a source reads: `between`, `sample` and `relabel` give
-- lists of pairs, `prompts` a list of prompts, `mixture` and `writer` writers of responses. `buffer`,
-- `blend`, `switch`, `filter` and `reweighted` are made of other sources, and can be made of each other.
--
-- A batch drawn by a source has the columns `step` and `checkpoint` (of the policy that wrote), `writer` (its
-- role), and the log-probabilities of all its response tokens, `old_logps` and `sampling_logps`.
local options = require "perilune.options"
local folder = require "perilune.folder"

return options.strict("align.sources", {}, folder.modules(), function(name)
  return require("perilune.align.sources." .. name)
end)
