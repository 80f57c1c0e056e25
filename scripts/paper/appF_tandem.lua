--- Is offline training on the online run's data in order the online run?
--
-- Tang et al. 2024, arXiv:2405.08448, app. F.
--
-- The stream in order must give the online run's parameters bit for bit. Then one batch of it is left out, or
-- its texts are told in other tokens, where the tokenizer has several sequences for a text; that of
-- `sentiment` has whole words, and one. How far the policies end from each other is told by the logarithm of
-- the KL, beside that of online from the start.
--
--   perilune scripts/paper/appF_tandem.lua [--data pairs.jsonl] [--quick]
--
-- Cost: 4 runs a repetition on `sentiment`, 1 after fig04_coverage; 6 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): in order the two are equal bit
-- for bit. With one batch missing it ends half as far from online, in KL, as online is from the start (0.5
-- times, 0.1 to 2.3), and the peak is lower by 0.09 [0.02, 0.16]. The same text has one sequence of tokens
-- there. On `harmless` (AMD EPYC Zen 5) a replay in other tokens ends 9 times (2 to 42) as far, one without a
-- batch 5.5 times (1.5 to 20).
local paper = require "perilune.paper"
local divergence = require "perilune.paper.reading.divergence"
local tandem = require "perilune.paper.tandem"

paper.figure {
  name = "appF_tandem", arguments = arg,
  question = "Is offline training on the online run's data in order the online run?",
  found = "Yes, to about 0.1 %, slowly diverging; one missing batch, or the same text in other tokens, makes "
    .. "the two diverge drastically.",
  notes = { "The run in order ended with the online run's parameters, bit for bit, in every seed." },
  variants = function(make, o)
    local list = tandem.variants(make, o)
    list[#list + 1] = make.online_gold()
    return list
  end,
  after = divergence.after, claims = divergence.claims,
}
