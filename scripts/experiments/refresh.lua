--- How often must offline data be renewed to be as good as online data?
--
-- Tang et al. 2024 (arXiv:2405.08448) close with it: offline with a repeatedly updated stream is effectively
-- online. The policy that writes the responses is renewed every s steps: s = 1 is online, "all" is offline on
-- the start's own responses. Lanchantin et al. 2025 (arXiv:2506.21495) did this with DPO.
--
--   perilune scripts/experiments/refresh.lua [--every 1,10,50,all] [--steps 480] [--task stories --data FILE]
local perilune = require "perilune"
local settings = require "perilune.align.experiment.settings"
local experiment, cli = perilune.align.experiment, perilune.cli

local o = experiment.parse(arg, "refresh.lua: offline data renewed every s steps", {
  { "every", "1,10,50,all", "steps between renewals of the policy that writes", counts = "all",
    smoke = "1,3,all" },
  { "out", "out/refresh", "folder of the report", folder = true, smoke = "out/refresh_smoke" },
})

local loss = settings.list(o)[1].loss
if loss.source.name ~= "online" then
  cli.refuse("--loss %s reads '%s': responses are renewed for losses on pairs", o.loss, loss.source.name)
end

local variants = {}
for _, every in ipairs(cli.counts("every", o.every, "all")) do
  variants[#variants + 1] = {
    label = every == "all" and "never renewed" or ("every %d"):format(every),
    source = function(stage, run)
      return stage:online(run, { refresh = every == "all" and o.steps or every })
    end,
  }
end

experiment.compare {
  title = ("%s on %s: data renewed every s steps"):format(o.loss:upper(), o.task), options = o,
    variants = variants,
}
