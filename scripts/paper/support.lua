--- Does offline training reach its optimum exactly where data cover all answers, and only there?
--
-- Tang et al. 2024, arXiv:2405.08448, app. H: with full support offline IPO has the optimum
-- pi_ref exp(p(y > mu) / beta), better than the writer mu; the paper's data did not give it. Xu et al. 2024,
-- arXiv:2404.10719, table 1: without support the optimum is another one.
--
-- A table of logits, 4 prompts with 8 answers, descends IPO; a policy linear in 3 features descends DPO.
-- Every expectation is a sum, nothing is drawn, and a repetition is a world of its own. The support of the
-- data is all answers, half and a quarter of them. A table leaves answers without data where they are, a
-- linear policy moves them with the others.
--
--   perilune scripts/paper/support.lua [--outer-seeds 12] [--quick]
--
-- Cost: 8 runs a repetition, whatever the task; 2 s of processor time at --smoke.
-- Measured in bf16 (5 worlds, 2026-11-30, AMD EPYC Zen 4): with full support the table reaches the optimum to
-- 0.000 nats and beats the writer by 0.137 [0.104, 0.170]; with data on half of the answers it ends 0.227
-- [0.159, 0.296] nats further away. Whether it beats its writer with data on a quarter is not resolved,
-- -0.028 [-0.132, 0.075].
local paper = require "perilune.paper"
local coverage = require "perilune.paper.reading.coverage"
local support = require "perilune.paper.support"

paper.figure {
  name = "support", arguments = arg, place = "small worlds",
  question = "Does offline training reach its optimum exactly where data cover all answers, and only there?",
  found = "In theory yes, one step better than the writer; in the paper's runs the step was not seen.",
  options = { { "instruments", "none", "what runs measure besides win rate and KL",
    choices = { "none", "default", "all" } } },
  stage = support.stage, variants = support.variants, claims = coverage.claims,
}
