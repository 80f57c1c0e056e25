--- Closed forms: optima, win rates and divergences of distributions over a list of answers.
--
-- Distributions are log-probabilities [prompts, answers] in float64; preferences p(y > y'|x) are [prompts,
-- answers, answers]; mu is who wrote the data, pi_ref the reference.
--
--   > local p, q = T{ { 0.5, 0.5 } }:log(), T{ { 0.9, 0.1 } }:log()
--   > local beats = T{ { { 0.5, 0.8 }, { 0.2, 0.5 } } }
--   > exact.total_variation(p, q)
--   0.39999997615814
--   > print(exact.against(beats, q))
--   [[0.5300, 0.2300]]
--   [Tensor f32 1x2]
--   > exact.exploitability(beats, p)
--   0.14999997615814
--   > print(exact.tilted(p, T{ { 1, 0 } }, 1):exp())
--   [[0.7311, 0.2689]]
--   [Tensor f32 1x2]
--   > print(exact.equilibrium(beats:double(), p:double(), 0.1):exp())
--   [[0.9526, 0.0474]]
--   [Tensor f64 1x2]
--   > print(exact.bradley_terry(beats:double(), p:double()))
--   [[ 0.6931, -0.6931]]
--   [Tensor f64 1x2]
local options = require "perilune.options"
local tensor = require "perilune.tensor"

local exact = {}

--- p(y > q) = sum over y' of q(y') p(y > y'), [prompts, answers].
function exact.against(preference, q) return preference:bmm(q:exp():unsqueeze(3)):squeeze(3) end

--- p(p > q): the probability that an answer of `p` is preferred to one of `q`, a mean over prompts.
function exact.win_rate(preference, p, q)
  return (p:exp() * exact.against(preference, q)):sum(2):mean():item()
end

--- KL(p || q) in nats, a mean over prompts; 0 log 0 = 0.
--
--   > local half = T{ { 0.5, 0.5 } }:log()
--   > exact.kl(T{ { 1, 0 } }:log(), half)
--   0.6931
function exact.kl(p, q)
  local mass = p:exp()
  return tensor.where(mass:gt(0), mass * (p - q), tensor.zeros_like(p)):sum(2):mean():item()
end

--- The largest difference of probabilities of an event, 1/2 sum |p - q|, a mean over prompts.
function exact.total_variation(p, q) return ((p:exp() - q:exp()):abs():sum(2) / 2):mean():item() end

--- pi(y) proportional to base(y) exp(score(y) / beta): the maximum of E score - beta KL(pi || base).
function exact.tilted(base, score, beta) return (base + score / beta):log_softmax(2) end

--- The best of n draws from `base` by the reward: F(y)^n - F(< y)^n, F the distribution of the reward. Equal
-- rewards share theirs as in `base`. Its KL from `base` is at most log n - (n - 1) / n, and it wins at most
-- n / (n + 1) of comparisons with `base` (Beirami et al. 2024, arXiv:2401.01879, theorem 3.1 and sec. 5).
--
--   > local best = exact.best_of_n(T{ { 0.5, 0.5 } }:log(), T{ { 1, 0 } }, 2)
--   > best:exp()[1][1]:item()
--   0.75
function exact.best_of_n(base, reward, n)
  local mass, scores, found = base:exp():totable(), reward:totable(), {}
  for x, row in ipairs(mass) do
    local order, below, at = {}, 0, 1
    for y = 1, #row do order[y] = y end
    table.sort(order, function(a, b) return scores[x][a] < scores[x][b] end)
    found[x] = {}
    while at <= #order do
      local last, level = at, 0
      while last <= #order and scores[x][order[last]] == scores[x][order[at]] do
        level, last = level + row[order[last]], last + 1
      end
      for i = at, last - 1 do
        local y = order[i]
        found[x][y] = level > 0 and ((below + level) ^ n - below ^ n) * row[y] / level or 0
      end
      below, at = below + level, last
    end
  end
  return tensor(found, "f64"):log()
end

--- One prompt of `exact.equilibrium`: Newton's method on l - log base - P q(l) / beta, q the opponent of
-- logits l. Its Jacobian I - (1 - m) / beta P (diag q - q q') is never singular, as P - 1/2 is antisymmetric.
-- Returns the logits, and whether the residual is below 1e-12.
local function settled(preference, base, beta, m, logits)
  local count, residual = base:numel(), nil
  local identity = tensor.eye(count, { dtype = "f64" })
  local function apart(l)
    local q = ((1 - m) * l + m * base):softmax(1)
    local d = l - base - preference:matmul(q) / beta
    d = d - d:mean()
    return d, d:abs():amax():item(), q
  end
  for _ = 1, 100 do
    local d, size, q = apart(logits)
    if size < 1e-12 then return logits, true end
    residual = size
    local slope = q:diag() - q:unsqueeze(2) * q:unsqueeze(1)
    local move = (identity - preference:matmul(slope) * ((1 - m) / beta)):solve(d:unsqueeze(2)):squeeze(2)
    local share = 1
    while share > 1e-6 and select(2, apart(logits - share * move)) >= residual do share = share / 2 end
    if share <= 1e-6 then return logits, size < 1e-8 end
    logits = logits - share * move
  end
  return logits, residual < 1e-8
end

--- The policy that is its own opponent: pi(y) proportional to base(y) exp(p(y > pi_m) / beta), where pi_m is
-- the mixture of logits (1 - m) pi + m base. For m = 0 it is the Nash equilibrium of the preference with the
-- penalty beta KL(pi || base), the fixed point of Nash learning (Munos et al. 2023, arXiv:2312.00886)
-- and of online IPO (Calandriello et al. 2024, arXiv:2403.08635); for m > 0 that of gradient ascent against
-- the mixture.
--
-- Found by Newton's method, from large betas to small ones. Errors: it does not settle.
function exact.equilibrium(preference, base, beta, mixture)
  local found = {}
  for x = 1, base:size(1) do
    local logits, step = base[x], math.max(beta, 1)
    local ok
    repeat
      logits, ok = settled(preference[x], base[x], step, mixture or 0, logits)
      local is_last = step == beta
      step = math.max(beta, step / 2)
    until is_last or not ok
    if not ok then error(("worlds: the equilibrium at beta = %s does not settle"):format(beta), 0) end
    found[x] = logits
  end
  return tensor.stack(found, 1):log_softmax(2)
end

--- How much more than 1/2 the best answer wins against `p`, a mean over prompts: 0 for a Nash equilibrium of
-- the preference, else above.
function exact.exploitability(preference, p)
  return exact.against(preference, p):amax(2):mean():item() - 0.5
end

--- The rewards whose Bradley-Terry probabilities are nearest to the preferences of pairs of `mu` (maximum
-- likelihood, the mean 0), by Newton's method: what reward modelling and DPO assume. [prompts, answers].
function exact.bradley_terry(preference, mu)
  local count = mu:size(2)
  local weight = mu:exp():unsqueeze(3) * mu:exp():unsqueeze(2)
  local r = tensor.zeros(mu:size(), "f64")
  local ones = tensor.ones({ count, count }, "f64")
  -- Nothing is known of an answer that mu does not draw: its score stays 0.
  local unseen = mu:exp():eq(0):to "f64"
  for _ = 1, 100 do
    local p = (r:unsqueeze(3) - r:unsqueeze(2)):sigmoid()
    local slope = (weight * (preference - p)):sum(3)
    if slope:abs():amax():item() < 1e-14 then break end
    local curvature, rows = weight * p * (1 - p), {}
    for x = 1, mu:size(1) do
      local c = curvature[x]
      local hessian = (c:sum(2) + unseen[x]):diag() - c + ones / count
      rows[x] = hessian:solve(slope[x]:unsqueeze(2)):squeeze(2)
    end
    r = r + tensor.stack(rows, 1)
  end
  return r - r:mean(2, true)
end

local spec = options.spec("worlds.optimum", {
  { "of", "ipo", "what is optimised", choices = { "ipo", "reward", "bo2", "best_of_n", "equilibrium" } },
  { "beta", 0.1, "strength of the regularisation", above = 0 },
  { "n", 2, "draws of best_of_n", least = 1 },
  { "mixture", 0.0, "weight of the reference in the opponent of `equilibrium`", least = 0, below = 1 },
})

--- The optimum of a method in a world, log-probabilities [prompts, answers]. `of` is one of:
--
--   "ipo"          pi_ref exp(p(y > mu) / beta), offline IPO (Azar et al. 2023, arXiv:2310.12036)
--   "reward"       pi_ref exp(r / beta), DPO on drawn labels, PPO, RLOO (Rafailov et al. 2023,
--                  arXiv:2305.18290, eq. 4)
--   "bo2"          2 mu p(y > mu), fine-tuning on the chosen of two (Tang et al. 2024, arXiv:2405.08448)
--   "best_of_n"    the best of n of pi_ref
--   "equilibrium"  online IPO, and Nash-MD with `mixture`
--
-- Where data does not cover all answers (`support`), offline methods do not reach it. Errors: an option is
-- unknown or out of range; the world has no reward.
function exact.optimum(world, given)
  local o = spec:fill(given, 2)
  local reference, mu = world:logps(world.reference), world:data()
  if (o.of == "reward" or o.of == "best_of_n") and not world.reward then
    error(("worlds.optimum: '%s' needs a reward, and %s has preferences only"):format(o.of, world.name), 3)
  end
  if o.of == "reward" then return exact.tilted(reference, world.reward, o.beta) end
  if o.of == "best_of_n" then return exact.best_of_n(reference, world.reward, o.n) end
  if o.of == "equilibrium" then
    return exact.equilibrium(world.preference, reference, o.beta, o.mixture)
  end
  local score = exact.against(world.preference, mu)
  if o.of == "bo2" then return mu + (2 * score):log() end
  return exact.tilted(reference, score, o.beta)
end

return exact
