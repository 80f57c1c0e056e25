--- Is it the data an online run saw, or the order in which it saw them?
--
-- Tang et al. 2024 (arXiv:2405.08448), fig. 4, app. F and G. An online run, labelled by the proxy, is
-- recorded token for token. The same loss is then trained offline on the record: in order, which must give
-- the online run's parameters bit for bit, and with whole batches shuffled within windows of growing size:
-- the same coverage, another order.
--
--   perilune scripts/experiments/replay.lua [--windows 1,4,50,all] [--steps 480] [--task stories --data FILE]
local perilune = require "perilune"
local experiment, sources, cli = perilune.align.experiment, perilune.align.sources, perilune.cli

local o = experiment.parse(arg, "replay.lua: an online run's data in order and shuffled", {
  { "windows", "1,4,50,all", "batches are shuffled within windows of this many", counts = "all",
    smoke = "1,all" },
  { "out", "out/replay", "folder of the report", folder = true, smoke = "out/replay_smoke" },
})

local variants = { { label = "online", source = function(stage, run) return stage:online(run) end } }
for _, window in ipairs(cli.counts("windows", o.windows, "all")) do
  variants[#variants + 1] = {
    label = window == 1 and "in order" or ("shuffled within %s"):format(window),
    source = function(_, run)
      return sources.replay(run.done.online.stream, { window = window, seed = run.seed })
    end,
    check = window == 1 and function(replayed, done)
      assert(replayed.policy:hash() == done.online.policy:hash(),
        "replay in order must reproduce the online run bit for bit")
    end or nil,
  }
end

experiment.compare {
  title = ("%s on %s: an online run's data, in order and shuffled"):format(o.loss:upper(), o.task),
  options = o, variants = variants, together = true,
  notes = { "The run in order ended with the online run's parameters, bit for bit, in every seed." },
}
