--- Prompts with answers of one token, each pair with a reward of its own.
--
--   r(x, y) ~ N(0, scale^2),   pi_ref(.|x) = softmax(N(0, spread^2))
--   p(y > y'|x) = sigmoid(r(x, y) - r(x, y'))
--
-- The policy is a table of logits, a row a prompt: every distribution is one of its points. Prompt i is the
-- number i - 1 with `answers` as the base, so that every token is an answer.
--
--   > local world = tabular { prompts = 3, answers = 5 }
--   > world
--   [World tabular: 3 prompts, 5 answers]
--   > world:value(world:optimum { of = "reward", beta = 1 }, 1) > world:value(world.reference, 1)
--   true
--
--   > #tabular.prompts(2, 4)
--   2
--   > print(tabular.row({ 1, 2 }, 2, "example", "reward"))
--   [[1, 2]]
--   [Tensor f64 1x2]
--   > print(tabular.log_probabilities({ 0.5, 0.5 }, 2, "example"))
--   [[-0.6931, -0.6931]]
--   [Tensor f64 1x2]
--   > tabular.normal(1, "example", { 1, 2 }):numel()
--   2
--   > tabular.preference("bradley_terry", T{ { 0, 1 } })
--   nil
--   > tabular.of("example", { support = 1, support_seed = 0, seed = 1 }, T{ { 0, 1 } }, T{ { 0, 0 } })
--   [World example: 1 prompts, 2 answers]
local options = require "perilune.options"
local policies = require "perilune.align.policy"
local tensor = require "perilune.tensor"
local world = require "perilune.worlds.world"

local tabular = {}

--- What worlds with random rewards share.
tabular.options = options.spec("worlds.random", {
  { "scale", 1.0, "standard deviation of the rewards", least = 0 },
  { "spread", 0.5, "standard deviation of the logits of the reference", least = 0 },
  { "preference", "bradley_terry", "p(y > y'): a sigmoid of the rewards, or 1 for the larger one",
    choices = { "bradley_terry", "strict" } },
  { "seed", 0, "seed of rewards and reference" },
  { "support", 1.0, "share of the answers to a prompt that data covers, at least two", above = 0, most = 1 },
  { "support_seed", 0, "seed of the answers that are covered" },
})

local spec = options.spec("worlds.tabular", {
  { "prompts", 4, "number of prompts", least = 1 },
  { "answers", 8, "number of answers", least = 2 },
  tabular.options,
})

--- Normal numbers of a seed, in float64.
function tabular.normal(seed, stream, sizes)
  local count = 1
  for _, n in ipairs(sizes) do count = count * n end
  local list, uniform = {}, require "perilune.system".uniform
  for i = 1, count do
    local u, v = 1 - uniform(seed, stream, 2 * i), uniform(seed, stream, 2 * i + 1)
    list[i] = math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v)
  end
  return tensor(list, "f64"):reshape(sizes)
end

--- p(y > y') of rewards [prompts, answers]; nil for Bradley-Terry, which worlds.world computes.
function tabular.preference(kind, reward)
  if kind ~= "strict" then return nil end
  local a, b = reward:unsqueeze(3), reward:unsqueeze(2)
  return (a:gt(b):to "f64" + a:ge(b):to "f64") / 2
end

--- A list of numbers, one an answer, as a tensor [1, answers]; `where` opens the message of an error.
function tabular.row(list, count, where, what)
  if #list == count then return tensor({ list }, "f64") end
  error(("%s: %d %s for %d answers"):format(where, #list, what, count), 3)
end

--- The logarithms of a list of probabilities, all above 0, [1, answers].
function tabular.log_probabilities(list, count, where)
  local sum, least = 0, math.huge
  local row = tabular.row(list, count, where, "probabilities")
  for _, p in ipairs(list) do sum, least = sum + p, math.min(least, p) end
  if least > 0 and math.abs(sum - 1) < 1e-6 then return row:log() end
  error(("%s: reference must be probabilities above 0 with the sum 1, not %s with the least %s"):format(
    where, options.number_text(sum, "%g"), options.number_text(least, "%g")), 3)
end

--- The digits of `number` with a base, most significant first, `width` of them.
local function digits(number, base, width)
  local list = {}
  for i = width, 1, -1 do list[i], number = number % base, number // base end
  return list
end

--- The prompts 1 to `count` as lists of ids below `base`.
function tabular.prompts(count, base)
  local width, prompts = 1, {}
  while base ^ width < count do width = width + 1 end
  for i = 1, count do prompts[i] = digits(i - 1, base, width) end
  return prompts
end

--- A world whose answers are the single tokens, from rewards and reference logits, [prompts, answers] each.
function tabular.of(name, o, reward, logits)
  local prompts, answers = tabular.prompts(reward:size(1), reward:size(2)), {}
  for y = 1, reward:size(2) do answers[y] = { y - 1 } end
  return world {
    name = name, prompts = prompts, answers = answers, max_response = 1, reward = reward,
    preference = tabular.preference(o.preference, reward), support = o.support, support_seed = o.support_seed,
    reference = policies.table { contexts = prompts, vocab = #answers, logits = logits },
  }
end

return setmetatable(tabular, {
  __call = function(_, given)
    local o = spec:fill(given)
    local size = { o.prompts, o.answers }
    return tabular.of("tabular", o, tabular.normal(o.seed, "worlds/reward", size) * o.scale,
      tabular.normal(o.seed, "worlds/reference", size) * o.spread)
  end,
})
