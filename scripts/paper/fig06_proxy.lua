--- Who judges the online stream right: the proxy, or the policies as classifiers?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 6.
--
-- Pairs of the online run's stream at ten steps, ordered by gold: how often the proxy, the final online
-- policy, the final offline policy and that of online labelled by gold agree. A policy prefers the response
-- with the larger log-ratio to the start.
--
--   perilune scripts/paper/fig06_proxy.lua [--task summary] [--quick]
--
-- Cost: 3 runs a repetition on `sentiment`, none after fig01_tradeoff; 6 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): the proxy is not more often
-- right than the online policy (-0.01 [-0.05, 0.04]) and less often than the offline one (by 0.10 [0.02,
-- 0.18]).
local paper = require "perilune.paper"
local stream = require "perilune.paper.reading.stream"
local stream_judges = require "perilune.paper.reading.stream_judges"

paper.figure {
  name = "fig06_proxy", arguments = arg,
  question = "Who judges the online stream right: the proxy, or the policies as classifiers?",
  found = "The proxy is right more often than both policies; its accuracy falls as the policy drifts.",
  variants = function(make)
    return { make.online(), make.offline_one "online", make.online_gold "online" }
  end,
  after = function(stage, run)
    local done = run.done
    return stream.accuracies(stage, done.online, {
      proxy = stage.proxy, online = done.online.policy, offline = done["offline, one setting"].policy,
      ["online by gold"] = done["online by gold"].policy,
    }, { places = 10, pairs = 64 })
  end,
  section = stream.section, claims = stream_judges.claims,
}
