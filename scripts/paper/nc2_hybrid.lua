--- How much online does it take?
--
-- Tang et al. 2024, arXiv:2405.08448, a check the conclusion asks for.
--
-- Offline and then online, half of each batch online, and renewal every 60 steps, beside online and offline;
-- and HyPO (offline pairs and a KL on own samples: Song et al. 2024, arXiv:2406.01462) beside the offline DPO
-- that it is made of.
--
--   perilune scripts/paper/nc2_hybrid.lua [--task arena] [--quick]
--
-- Cost: 8 runs a repetition on `sentiment`, 5 after fig01_tradeoff; 11 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): half of each batch online is
-- 0.20 [0.03, 0.38] above offline; online less it is not resolved, -0.02 [-0.21, 0.16]. Offline first, online
-- then, is 0.22 [0.01, 0.42] above offline.
local paper = require "perilune.paper"
local hybrids = require "perilune.paper.reading.hybrids"
local sources = require "perilune.align.sources"

paper.figure {
  name = "nc2_hybrid", arguments = arg,
  question = "How much online does it take, and is it online KL or online preferences?",
  found = "Not run in the paper; Song et al. find that a KL on own samples gains over DPO.",
  variants = function(make, o)
    local hypo, dpo = paper.variants.of(o, "hypo"), paper.variants.of(o, "dpo")
    local half = paper.settings.one(o)[1].steps // 2
    return {
      make.online(), make.offline_one(), make.refreshed(60),
      make.of("offline, then online", function(stage, run)
        return sources.switch { before = stage:offline(run), steps = math.max(1, half),
          after = stage:online(run) }
      end),
      make.of("half of each", function(stage, run)
        return sources.blend { of = { stage:offline(run), stage:online(run) }, weights = { 1, 1 },
          batch = run.batch }
      end),
      hypo.online(), dpo.offline_one(), make.online_gold(),
    }
  end,
  claims = hybrids.claims,
}
