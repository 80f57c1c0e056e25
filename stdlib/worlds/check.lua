--- Training in a world, and its distance to the optimum by step.
local align = require "perilune.align"
local losses = require "perilune.align.loss"
local options = require "perilune.options"

local checks = {}

local spec = options.spec("worlds.check", {
  { "optimum", options.optional "string|Tensor",
    "what is approached: a name of worlds.exact.optimum, or log-probabilities; by the loss unless given" },
  { "beta", options.optional "number", "of the optimum; that of the loss unless given", above = 0 },
  { "evaluate_every", 50, "steps between lines", least = 1 },
  { "quiet", false, "no lines are printed" },
})

--- The optimum that a loss aims at, by its name: nil where it is not known.
local aims <const> = {
  ipo = "ipo", dpo = "reward", robust = "reward", bo2 = "bo2", ppo = "reward", rloo = "reward",
  reinforce = "reward", nash_md = "equilibrium", ipo_md = "equilibrium",
}

--- Whether a source draws answers of the policy that is trained.
local function is_online(source)
  if source.kind == "population" then return source.options.writer == "policy" end
  return source.kind ~= "offline" and source.kind ~= "replay"
end

--- The weight of the reference in the opponent that a source draws.
local function mixture_of(source)
  local o = source.options or {}
  if o.second ~= "mixture" and o.writer ~= "mixture" then return 0 end
  return o.mixture_coef or o.weight or 0
end

local function optimum_of(world, o, trainer)
  if type(o.optimum) == "userdata" then return o.optimum end
  local loss = type(trainer) == "table" and trainer.loss or { options = {} }
  local of, mixture = o.optimum or aims[loss.name], 0
  if not o.optimum and of then
    if of == "ipo" and is_online(trainer.source) then of = "equilibrium" end
    if of == "equilibrium" then mixture = mixture_of(trainer.source) end
  end
  local beta = o.beta or tonumber(loss.options.beta or loss.options.kl_coef)
  if not of then
    error(("worlds.check: the optimum of loss '%s' is not known: give `optimum`"):format(
      tostring(loss.name)), 3)
  elseif of ~= "bo2" and of ~= "best_of_n" and not beta then
    error(("worlds.check: the optimum '%s' needs `beta`"):format(of), 3)
  end
  return world:optimum { of = of, beta = beta, mixture = mixture }
end

--- Refuses what is neither a function nor has what align.train needs beside the policy.
local function check_trainer(trainer)
  local loss, source = type(trainer) == "table" and trainer.loss, type(trainer) == "table" and trainer.source
  local name = losses.is_definition(loss) and loss.name or type(loss) == "string" and loss
  if name then
    error(("worlds.check: loss '%s' needs its options: give loss = align.loss.%s {}"):format(name, name), 3)
  elseif not (type(loss) == "table" and loss.options and type(source) == "table") then
    error("worlds.check: expected a function, or options of align.train with a loss and a source", 3)
  end
end

--- The distances of a policy from an optimum: `kl_to_optimum`, KL(pi || pi*) in nats; `total_variation`;
-- `win`, the win rate against the reference; `kl`, KL(pi || pi_ref) in nats; `unseen`, the mass on answers
-- that data does not cover.
--
--   > local w = require "perilune.worlds".bandit { answers = 3, seed = 1 }
--   > local best = w:optimum { of = "reward", beta = 1 }
--   > local check = require "perilune.worlds.check"
--   > check.distances(w, w.reference, best).kl, check.distances(w, best, best).kl_to_optimum < 1e-9
--   0.0	true
function checks.distances(world, policy, optimum)
  local logps = world:logps(policy)
  return {
    kl_to_optimum = world:kl(logps, optimum), total_variation = world:total_variation(logps, optimum),
    win = world:win_rate(logps, world.reference), kl = world:kl(logps, world.reference),
    unseen = world:unseen(logps),
  }
end

local columns <const> = { "kl_to_optimum", "total_variation", "win", "kl", "unseen" }

local function print_points(points)
  print(("%6s  %13s  %15s  %6s  %7s  %6s"):format("step", table.unpack(columns)))
  for _, point in ipairs(points) do
    print(("%6d  %13.5f  %15.5f  %6.4f  %7.4f  %6.4f"):format(point.step, point.kl_to_optimum,
      point.total_variation, point.win, point.kl, point.unseen))
  end
end

--- Trains a policy that begins as the reference, prints its distances from the optimum by step, and returns
-- the points and the policy. `trainer` has options for align.train (`loss`, `source`, `steps`, ...), or is a
-- function(world, policy, measure) that trains `policy` and calls `measure(policy, step)`.
--
--   > local align, worlds = require "perilune.align", require "perilune.worlds"
--   > local world = worlds.bandit { answers = 4, seed = 3 }
--   > local points = world:check({ loss = align.loss.ipo { beta = 1 }, source = world:population(),
--   >>   steps = 200, lr = 0.05 }, { quiet = true })
--   > points[1].kl_to_optimum > 0.01, points[#points].kl_to_optimum < 1e-4
--   true	true
--
-- Errors: an option is unknown; the optimum of the loss is not known; what align.train refuses.
function checks.check(world, trainer, given)
  local o = spec:fill(given)
  if type(trainer) ~= "function" then check_trainer(trainer) end
  local optimum = optimum_of(world, o, trainer)
  local policy, points = world:policy(), {}
  local function point_of(measured, step)
    local point = checks.distances(world, measured, optimum)
    point.step = step
    return point
  end
  local function measure(measured, step) points[#points + 1] = point_of(measured, step) end
  measure(policy, 0)
  if type(trainer) == "function" then
    policy = trainer(world, policy, measure) or policy
  else
    local settings = {
      policy = policy, reference = world.reference, evaluate = point_of, evaluate_every = o.evaluate_every,
      quiet = true, instruments = false,
    }
    for name, value in pairs(trainer) do settings[name] = value end
    local run = align.train(settings)
    policy = run.policy
    table.move(run.points, 1, #run.points, 2, points)
  end
  if not o.quiet then print_points(points) end
  return points, policy
end

--- The gradients of a loss at a policy, one a parameter, and the loss: over `world:population`, those of the
-- expected loss, exact. The policy is not changed. Errors: what align.train refuses.
function checks.gradient(world, loss, policy, source)
  local copy = policy:clone()
  local run = align.train {
    policy = copy, reference = world.reference, loss = loss, source = source, steps = 1, lr = 0,
    optimizer = "sgd", max_grad_norm = 0, quiet = true, instruments = false,
  }
  local gradients = {}
  for i, weight in ipairs((copy:parameters())) do gradients[i] = weight:grad() end
  return gradients, run.log[1].loss
end

return options.strict("worlds.check", checks)
