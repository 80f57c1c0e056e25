--- Can offline data be made to stand in for online data?
--
-- Tang et al. 2024, arXiv:2405.08448, a check the conclusion asks for.
--
-- Pairs with a clear margin alone, DPO with and without WPO's weights towards the policy's own distribution
-- (Zhou et al. 2024, arXiv:2406.11827), and the best against the worst of four responses of the start.
-- Augmentation towards the policy's own distribution, both by the online run's last policy and ordered by
-- gold: the golden pairs with the second half of each response written anew, and half golden pairs, half of
-- that policy.
--
--   perilune scripts/paper/nc3_curation.lua [--task summary] [--quick]
--
-- Cost: 9 runs a repetition on `sentiment`, 4 after fig01_tradeoff, fig12_datasets and lit6_online_kl; 10 s
-- of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): the peak of filtered pairs
-- less that of all pairs is 0.07 [-0.04, 0.17], of best of 4 0.05 [-0.08, 0.17], of rewritten ones -0.04
-- [-0.14, 0.05]; WPO's weights add 0.03 [-0.04, 0.09] to DPO.
local paper = require "perilune.paper"
local curated = require "perilune.paper.reading.curated"
local curation = require "perilune.paper.curation"

paper.figure {
  name = "nc3_curation", arguments = arg,
  question = "Can offline data be curated to stand in for online data?",
  found = "Not run in the paper; it asks what of the data matters.",
  notes = { "\"half golden, half end against end\" is half the paper's D_golden, half D_4k-vs-4k." },
  variants = function(make, o)
    local dpo, wpo, shared = paper.variants.of(o, "dpo"), paper.variants.of(o, "wpo"), { shared = true }
    return {
      make.online(), make.offline_one(), make.of("half with the clearest margin", curation.clear, shared),
      make.of("best against worst of 4", curation.best_worst, shared), dpo.offline_one(), wpo.offline_one(),
      make.of("golden pairs, rewritten", curation.rewritten, { shared = true, from = "online" }),
      make.mixed(1, 1), make.online_gold(),
    }
  end,
  claims = curated.claims,
}
