--- Rock, paper, scissors: preferences that no reward explains.
--
--   p(y > y') = 1/2 + w(y) M w(y'),   w(y) the shares of rock, paper and scissors in the answer y
--   M(rock, scissors) = a,   M(scissors, paper) = b,   M(paper, rock) = c,   M(j, i) = -M(i, j)
--
-- The first three answers are rock, paper and scissors, the others mixtures of them. The Nash equilibrium of
-- the preference is M w = 0: rock : paper : scissors = b : a : c, the field `nash` (log-probabilities, 0 for
-- mixtures); against it every answer wins half. Bradley-Terry rewards have no such equilibrium: their optimum
-- tends to one answer, which another one beats. Munos et al. 2023, arXiv:2312.00886.
--
--   > local world = cyclic { margins = { 0.4, 0.2, 0.3 } }
--   > print(world.nash:exp())
--   [[0.2222, 0.4444, 0.3333]]
--   [Tensor f64 1x3]
--   > world:exploitability(world.nash) < 1e-12, world:exploitability(world.reference) > 0
--   true	true
--   > cyclic { margins = { 0.6, 0.1, 0.1 } }
--   worlds.cyclic: margins must be three numbers above 0 and of at most 0.5
local options = require "perilune.options"
local policies = require "perilune.align.policy"
local system = require "perilune.system"
local tabular = require "perilune.worlds.tabular"
local tensor = require "perilune.tensor"
local world = require "perilune.worlds.world"

local spec = options.spec("worlds.cyclic", {
  { "margins", { 0.4, 0.2, 0.3 },
    "p - 1/2 of rock over scissors, of scissors over paper, and of paper over rock" },
  { "mixtures", 0, "answers that are random mixtures", least = 0 },
  { "spread", 0.5, "standard deviation of the logits of the reference", least = 0 },
  { "seed", 0, "seed of reference and mixtures" },
  { "support", 1.0, "share of the answers that data covers, at least two", above = 0, most = 1 },
  { "support_seed", 0, "seed of the answers that are covered" },
})

local function check(margins)
  local ok = #margins == 3
  for _, m in ipairs(margins) do ok = ok and type(m) == "number" and m > 0 and m <= 0.5 end
  if not ok then error("worlds.cyclic: margins must be three numbers above 0 and of at most 0.5", 3) end
end

--- Shares of rock, paper and scissors of each answer: the pure ones, then points drawn from the simplex.
local function shares(count, seed)
  local list = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }
  for i = 1, count do
    local u = system.uniform(seed, "worlds/shares", 2 * i)
    local v = system.uniform(seed, "worlds/shares", 2 * i + 1)
    u, v = math.min(u, v), math.max(u, v)
    list[3 + i] = { u, v - u, 1 - v }
  end
  return tensor(list, "f64")
end

return function(given)
  local o = spec:fill(given)
  check(o.margins)
  local a, b, c = table.unpack(o.margins)
  local w = shares(o.mixtures, o.seed)
  local margins = tensor({ { 0, -c, a }, { c, 0, -b }, { -a, b, 0 } }, "f64")
  local answers, nash = {}, { b / (a + b + c), a / (a + b + c), c / (a + b + c) }
  for y = 1, 3 + o.mixtures do answers[y], nash[y] = { y - 1 }, nash[y] or 0 end
  local made = world {
    name = "cyclic", prompts = { { 0 } }, answers = answers, max_response = 1, support = o.support,
    support_seed = o.support_seed,
    preference = (w:matmul(margins):matmul(w:transpose(1, 2)) + 0.5):unsqueeze(1),
    reference = policies.table {
      contexts = { { 0 } }, vocab = #answers,
      logits = tabular.normal(o.seed, "worlds/reference", { 1, #answers }) * o.spread,
    },
  }
  made.nash = tensor({ nash }, "f64"):log()
  return made
end
