--- One measure for every checkpoint of every run: its answers to fixed prompts, and its exact KL from the start.
--
--   local measure = align.measure { task = task, reference = sft, judge = gold, prompts = test, kl_prompts = train }
--   align.train { ..., evaluate = measure.point }
--   frontier_run = measure:run(trained.points, measure:baseline(golden))
--
-- A point is plain data { step, kl, kl_se, entropy, responses }, so that it can be made in another process; `run` judges
-- the points later, when the baseline is known, and adds { win, se, wins }.
local options = require "perilune.options"
local evaluate = require "perilune.align.evaluate"

local Measure = {}
Measure.__index = Measure

--- The answers that every point is compared with: independent of the answers of the points.
function Measure:baseline(policy)
  return evaluate.baseline(policy, { task = self.task, prompts = self.prompts, seed = self.seed })
end

--- The points of a run from the start on, each with its win rate against `baseline`.
function Measure:run(points, baseline)
  self.start = self.start or self.point(self.reference, 0)
  local run = {}
  for i, p in ipairs { self.start, table.unpack(points) } do
    local compared = evaluate.compare(self.judge, self.prompts, p.responses, baseline)
    run[i] = {
      step = p.step, kl = p.kl, kl_se = p.kl_se, entropy = p.entropy, win = compared.mean, se = compared.se, wins = compared.wins,
    }
  end
  return run
end

--- Options: task, reference, judge, prompts (of the win rate), kl_prompts (the same unless given), seed.
return function(given)
  local o = options.fill({
    task = options.required("table"), reference = options.required("userdata"), judge = options.required("any"),
    prompts = options.required("table"), kl_prompts = options.optional("table"), seed = options.integer(0),
  }, given or {}, "align.measure")
  local self = setmetatable(o, Measure)
  --- What `align.train` takes as `evaluate`.
  function self.point(policy, step)
    local kl = evaluate.kl(policy, self.reference, { task = self.task, prompts = self.kl_prompts or self.prompts, seed = self.seed + 1 })
    return {
      step = step, kl = kl.mean, kl_se = kl.se, entropy = kl.entropy.mean,
      responses = evaluate.responses(policy, { task = self.task, prompts = self.prompts, seed = self.seed }),
    }
  end
  return self
end
