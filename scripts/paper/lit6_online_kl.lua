--- Is what online training gains a KL on own samples, or preferences on own samples?
--
-- Song et al. 2024, arXiv:2406.01462: offline DPO cannot bound the KL, and a KL on own samples (HyPO) gains
-- over it without one more label. Tang et al. 2024, arXiv:2405.08448, have no such run: own samples are
-- labelled there.
--
-- DPO offline, HyPO (the same golden pairs and a KL on own samples), DPO online: the two steps add up to the
-- gap. HyPO's pairs have gold's labels, DPO online has the proxy's. Online IPO labelled by gold, of
-- fig01_tradeoff, is a curve beside them.
--
--   perilune scripts/paper/lit6_online_kl.lua [--task arena] [--quick]
--
-- Cost: 4 runs a repetition on `sentiment`, 1 after nc2_hybrid; 7 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): HyPO's KL on own samples is
-- worth 0.18 [0.11, 0.25] at the peak over offline DPO; what labels give beyond it is not resolved there,
-- 0.17 [-0.07, 0.40], and at equal KL to 4 nats HyPO is ahead by 0.04 [0.02, 0.04]; the whole gap is 0.35
-- [0.13, 0.57].
local paper = require "perilune.paper"

local song <const> = "Song et al. 2024"

paper.figure {
  name = "lit6_online_kl", arguments = arg,
  question = "Is what online training gains a KL on own samples, or preferences on own samples?",
  found = "Not run in the paper; Song et al. find that a KL on own samples gains over DPO.",
  variants = function(make, o)
    local dpo, hypo = paper.variants.of(o, "dpo"), paper.variants.of(o, "hypo")
    return { dpo.online(), hypo.online(), dpo.offline_one(), make.online_gold() }
  end,
  claims = function(claims)
    local offline = "dpo offline, one setting"
    local function kl(point) return point.kl end
    return {
      claims.peak("hypo online", offline,
        { by = song, paper = "A KL on own samples gains over DPO." }),
      claims.on_average("hypo online", offline, { name = "the same at equal KL" }),
      claims.at_end("hypo online", offline, "KL", kl,
        { expect = "below", unit = "nats", margin = 0.2, by = song, paper = "It has the smaller KL." }),
      claims.peak("dpo online", "hypo online", { name = "what labels on own samples give beyond the KL" }),
      claims.on_average("dpo online", "hypo online", { name = "what they give at equal KL" }),
      claims.peak("dpo online", offline, { name = "the whole gap, DPO at the peak" }),
    }
  end,
}
