--- Sources of batches: the only difference between online and offline training.
--
--   align.train { source = align.sources.offline(pairs), policy = p, reference = sft, loss = ipo, steps = 9 }
--
-- A source is a table with a `name` and a method `batch(step, policy, checkpoint, reference)`, which gives
-- the batch of a step: a batch of `align.batch`, or a list of pairs, tables with `prompt`, `chosen` and
-- `rejected`, lists of token ids. `checkpoint` names the policy's weights ("hash@step"). Two optional fields:
-- `check(run_options)`, called before the first step, and `steps`, how many steps it has batches for.
--
--   offline(pairs, {...})     batches of a fixed list of pairs
--   online{...}               two fresh responses of the policy to each prompt, ordered by a judge
--   groups{...}               several fresh responses to each prompt, with rewards
--   replay(stream, {...})     the batches of an earlier run, in order or shuffled within windows
--   refreshed{...}            responses of a copy of the policy that is renewed every few steps
--   between(a, b, {...})      a data set: one response of policy a and one of b to each prompt, ordered
--   sample(policy, {...})     a data set with both responses from one policy
--   mixture{...}              a writer of responses: two models mixed token by token
--   relabel(pairs, judge)     the same pairs in the order of another judge
--   prompts(pairs)            the different prompts of pairs
--
-- A batch drawn by a source keeps what is known of its making: the columns `step` and `checkpoint` (of the
-- policy that wrote), `writer` (its role), and the log-probabilities of all tokens then, `old_logps` and
-- `sampling_logps`.
local options = require "perilune.options"
local folder = require "perilune.folder"

return options.strict("align.sources", {}, folder.modules(), function(name)
  return require("perilune.align.sources." .. name)
end)
