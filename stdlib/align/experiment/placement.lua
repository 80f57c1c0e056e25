--- Which steps of a run are measured: where its KL from the start has moved, or the steps of a list.
--
-- A win rate at a KL is read between two checkpoints that enclose it. Steps are a poor measure of KL: one
-- run needs 200 steps for the first nat, another passes six nats in twenty steps. So a few prompts estimate
-- the KL now and then, and a checkpoint is due where the KL has moved away from that of the last one. The
-- same prompts and random numbers are used each time: two estimates differ by what the policy has learnt.
local cli = require "perilune.cli"
local options = require "perilune.options"

local placement = {}

--- The option of everything whose runs are measured on the way.
placement.options = options.spec("experiment.placement", {
  { "checkpoints", "kl", "kl: where the KL from the start has moved by a quarter; or steps, separated by "
    .. "commas. The last step is always measured", counts = "kl", smoke = "3,6", pretrained = "4,8,16,32" },
})

--- A checkpoint is due where the KL has grown or shrunk by this share or this many nats, whichever is more,
-- and after this share of the run at the latest.
local share <const>, nats <const>, longest <const> = 0.25, 0.1, 0.125

--- The steps of a run at which its KL is estimated, a set: every step at first, then a twelfth apart.
--
--   > local placement = require "perilune.align.experiment.placement"
--   > local steps = placement.probes(40)
--   > steps[12], steps[26], steps[27], steps[28]
--   true	true	nil	true
function placement.probes(steps)
  local set, step = {}, 2
  while step <= steps do
    set[step] = true
    step = step + math.max(1, step // 12)
  end
  return set
end

--- Whether a KL is far enough from that of the last checkpoint.
--
--   > local placement = require "perilune.align.experiment.placement"
--   > placement.has_moved(0.05, 0), placement.has_moved(0.2, 0), placement.has_moved(4.9, 4)
--   false	true	false
--   > placement.has_moved(3, 4)
--   true
function placement.has_moved(kl, last)
  return kl >= math.max(last * (1 + share), last + nats) or kl <= math.min(last / (1 + share), last - nats)
end

--- The option `evaluate_every` of a run of `steps` steps, a function. It reads nothing but the policy and the
-- points so far, so a run that is taken up again places the same checkpoints. `kl_of(policy)` gives an
-- estimate of KL(policy || start) in nats.
--
--   > local placement = require "perilune.align.experiment.placement"
--   > local function kl_of(policy) return policy.kl end
--   > local due, run = placement.by_kl(kl_of, 80), { points = { { step = 4, kl = 1 } } }
--   > due({ kl = 1.2 }, 5, run), due({ kl = 1.3 }, 5, run), due({ kl = 1.2 }, 14, run)
--   false	true	true
function placement.by_kl(kl_of, steps)
  local probes <const>, most <const> = placement.probes(steps), math.max(1, math.ceil(longest * steps))
  return function(policy, step, run)
    local last = run.points[#run.points] or { step = 0, kl = 0 }
    if step - last.step >= most then return true end
    if not probes[step] then return false end
    local at_last = type(last.kl) == "table" and last.kl.mean or last.kl
    return placement.has_moved(kl_of(policy), at_last)
  end
end

--- The steps of the option `checkpoints` for a run of `steps` steps; the last one is always measured.
--
--   > local placement = require "perilune.align.experiment.placement"
--   > table.concat(placement.listed("2,4,8", 5), " ")
--   2 4 5
--   > placement.listed("all", 5)
--   --checkpoints takes "kl", or whole numbers from 1, separated by commas, not 'all'
function placement.listed(text, steps)
  local list = {}
  for _, step in ipairs(cli.counts("checkpoints", text, "kl")) do
    if step ~= "kl" and step < steps then list[#list + 1] = step end
  end
  list[#list + 1] = steps
  return list
end

--- The option `evaluate_every` of a run of a stage by the text of the option `checkpoints`: "kl" or steps.
--
--   > local placement = require "perilune.align.experiment.placement"
--   > table.concat(placement.of(nil, "2,4,8", 5), " ")
--   2 4 5
--   > local due = placement.of({ kl = function(_, policy) return policy.kl end }, "kl", 80)
--   > due({ kl = 1 }, 5, { points = {} }), due({ kl = 0 }, 5, { points = {} })
--   true	false
function placement.of(stage, text, steps)
  if text ~= "kl" then return placement.listed(text, steps) end
  return placement.by_kl(function(policy) return stage:kl(policy) end, steps)
end

--- About how many checkpoints a run of `steps` steps will have. By KL it is what runs to 20 nats had.
--
--   > local placement = require "perilune.align.experiment.placement"
--   > placement.count("2,4,8", 5), placement.count("kl", 480)
--   3	24
function placement.count(text, steps)
  return text == "kl" and math.min(24, steps) or #placement.listed(text, steps)
end

return options.strict("align.experiment.placement", placement)
