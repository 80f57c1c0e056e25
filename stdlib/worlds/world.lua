--- A world of tensors: prompts, answers, a reference policy, and a reward or preferences.
--
--   > local coin = require "perilune.align.policy".table { contexts = { { 0 } }, vocab = 2 }
--   > local w = world { name = "coin", prompts = { { 0 } }, answers = { { 0 }, { 1 } }, reference = coin,
--   >>   reward = T{ { 0, 1 } }, max_response = 1 }
--   > w:win_rate(w:optimum { of = "reward", beta = 1 }, coin)
--   0.553
--   > world { name = "coin", prompts = { { 0 } }, answers = { { 0 } }, reference = coin, reward = T{ { 0 } },
--   >>   max_response = 1 }
--   worlds.coin: the answers have mass 0.5 under the reference at prompt 1, expected 1
--
--   > local w = require "perilune.worlds".bandit { answers = 3, seed = 1 }
--   > #w:rows(), w:logps(w.reference):numel()
--   3	3
--   > local best = w:optimum { of = "reward", beta = 1 }
--   > w:total_variation(best, w.reference) > 0, w:value(best, 1) > w:value(w.reference, 1)
--   true	true
--   > w:exploitability(w:data()) > 0, w:against(w.reference):numel()
--   true	3
--   > w:mixed(w.reference, w.reference, 0.5):allclose(w:logps(w.reference))
--   true
--   > w:place(w.prompts[1], w.answers[2])
--   1	2
local models = require "perilune.models"
local options = require "perilune.options"
local policies = require "perilune.align.policy"
local system = require "perilune.system"
local tensor = require "perilune.tensor"
local exact = require "perilune.worlds.exact"

local World = { __name = "World" }
World.__index = World

local spec = options.spec("worlds.world", {
  { "name", options.required "string", "name in messages" },
  { "prompts", options.required "table", "list of prompts, lists of token ids" },
  { "answers", options.required "table", "all answers to every prompt, lists of token ids" },
  { "reference", options.required(policies.types), "pi_ref: where policies start" },
  { "reward", options.optional "Tensor", "[prompts, answers]; preferences are Bradley-Terry unless given" },
  { "preference", options.optional "Tensor", "p(y > y'|x), [prompts, answers, answers]" },
  { "support", 1.0, "share of the answers to a prompt that data covers, at least two", above = 0, most = 1 },
  { "support_seed", 0, "seed of the answers that are covered" },
  { "max_response", options.integer(nil, 1), "tokens of an answer at most" },
  { "stop", {}, "ids that end an answer" },
})

--- Bradley-Terry: p(y > y') = sigmoid(r(y) - r(y')).
local function bradley_terry(reward) return (reward:unsqueeze(3) - reward:unsqueeze(2)):sigmoid() end

--- 1 where data covers an answer, [prompts, answers]: `share` of the answers to each prompt, by the seed.
local function covered(count, answers, share, seed)
  local kept, mask = math.max(math.min(2, answers), math.floor(share * answers + 0.5)), {}
  for x = 1, count do
    mask[x] = {}
    for place, y in ipairs(system.permutation(answers, seed, "worlds/support", x)) do
      mask[x][y] = place <= kept and 1 or 0
    end
  end
  return tensor(mask, "f64")
end

local function check_shapes(w, refuse)
  local x, y = #w.prompts, #w.answers
  local wanted = { reward = { x, y }, preference = { x, y, y } }
  for name, sizes in pairs(wanted) do
    local size, expected = w[name] and table.concat(w[name]:size(), ", "), table.concat(sizes, ", ")
    if size and size ~= expected then refuse("%s must be [%s], not [%s]", name, expected, size) end
  end
end

local function check_values(w, refuse)
  local apart = (w.preference + w.preference:transpose(2, 3) - 1):abs():amax():item()
  if not (apart < 1e-6) then
    refuse("p(y > y') + p(y' > y) must be 1, and is off by %s", options.number_text(apart, "%.3g"))
  end
  for i, mass in ipairs(w:logps(w.reference):exp():sum(2):totable()) do
    if not (math.abs(mass - 1) < 1e-4) then
      refuse("the answers have mass %s under the reference at prompt %d, expected 1",
        options.number_text(mass, "%.4g"), i)
    end
  end
end

--- Rows of all answers to all prompts, prompt by prompt.
--
--   > #require "perilune.worlds".bandit({ answers = 3 }):rows()
--   3
function World:rows() return self.all_rows end

--- log pi(y|x) of all answers, [prompts, answers] in float64; a tensor of that shape is returned as it is.
function World:logps(policy)
  if type(policy) == "userdata" and (getmetatable(policy) or {}).__name == "Tensor" then return policy end
  policies.check(policy, "worlds." .. self.name, 3)
  return tensor.no_grad(function()
    return (policy:logps(self.all_rows)):to "f64":reshape(#self.prompts, #self.answers)
  end)
end

--- A policy to train: a copy of the reference.
--
--   > local world = require "perilune.worlds".bandit { answers = 3 }
--   > world:kl(world:policy(), world.reference)
--   0.0
function World:policy() return self.reference:clone() end

--- The same world with another reference, such as a Model of `world:transformer()`. Errors: the answers are
-- not all that it writes.
--
--   > local world = require "perilune.worlds".bandit { answers = 3, seed = 1 }
--   > world:from(world:policy()):win_rate(world.reference, world.reference)
--   0.5
function World:from(reference)
  local fields = {}
  for name, value in pairs(self.given) do fields[name] = value end
  fields.reference = reference
  return World.new(fields)
end

--- A transformer that reads the world's prompts and answers, with the options of models.transformer. Its
-- positions are learned: with rotary ones a token after itself has the logits it had alone, so that not every
-- distribution of strings is a point of it.
--
--   > local world = require "perilune.worlds".strings { length = 2 }
--   > world:from(world:transformer { dim = 8, layers = 1, heads = 2 }):unseen(world.reference)
--   0.0
function World:transformer(given)
  local o = { vocab = self.reference:config().vocab, max_length = self.max_response, style = "gpt2" }
  for name, value in pairs(given) do o[name] = value end
  for _, prompt in ipairs(self.prompts) do
    o.max_length = math.max(o.max_length, #prompt + self.max_response)
  end
  return models.transformer(o)
end

--- mu, who writes the data: the reference on the answers that `support` covers. [prompts, answers].
function World:data() return (self:logps(self.reference) + self.covered:log()):log_softmax(2) end

--- p(y > policy), [prompts, answers].
function World:against(policy) return exact.against(self.preference, self:logps(policy)) end

--- The probability that an answer of `p` is preferred to one of `q`; policies or log-probabilities.
function World:win_rate(p, q) return exact.win_rate(self.preference, self:logps(p), self:logps(q)) end

--- KL(p || q) in nats, of policies or log-probabilities.
function World:kl(p, q) return exact.kl(self:logps(p), self:logps(q)) end

--- The largest difference of the probabilities of an event under p and q.
function World:total_variation(p, q) return exact.total_variation(self:logps(p), self:logps(q)) end

--- The mixture of Nash-MD: logits (1 - weight) policy + weight reference at each token, log-probabilities of
-- the answers. For answers of one token pi^(1 - weight) pi_ref^weight, normalised.
function World:mixed(policy, reference, weight)
  return tensor.no_grad(function()
    local rows = self.all_rows
    local own = policy:outputs(rows, { "logits" }).logits:to "f64"
    local other = reference:outputs(rows, { "logits" }).logits:to "f64"
    local logps, ids = ((1 - weight) * own + weight * other):log_softmax(2), {}
    for _, answer in ipairs(rows:responses()) do
      for _, id in ipairs(answer) do ids[#ids + 1] = { id + 1 } end
    end
    local sums = rows:sums(logps:gather(2, tensor(ids, "i64")):squeeze(2))
    return sums:reshape(#self.prompts, #self.answers)
  end)
end

--- How much more than 1/2 the best answer wins against `p`.
function World:exploitability(p) return exact.exploitability(self.preference, self:logps(p)) end

--- E r - beta KL(p || pi_ref), the objective of reward maximisation. Errors: the world has no reward.
function World:value(p, beta)
  if not self.reward then error(("worlds.%s: no reward"):format(self.name), 2) end
  local logps = self:logps(p)
  return (logps:exp() * self.reward):sum(2):mean():item() - beta * self:kl(logps, self.reference)
end

--- The mass of a policy on the answers that data does not cover, a mean over prompts.
function World:unseen(p) return (self:logps(p):exp() * (1 - self.covered)):sum(2):mean():item() end

--- The optimum of a method, see `?worlds.exact.optimum`.
function World:optimum(given) return exact.optimum(self, given) end

--- The place of an answer among `answers`, and of a prompt among `prompts`.
function World:place(prompt, answer)
  return self.place_of[table.concat(prompt, " ")], self.answer_of[table.concat(answer, " ")]
end

--- The judge of the world, who knows p(y > y'|x): see `?worlds.judge`.
--
--   > local world = require "perilune.worlds".bandit { answers = 2, rewards = { 0, 1 } }
--   > local rows = require "perilune.models".rows
--   > world:judge():prefer(rows({ { 0 } }, { { 1 } }), rows({ { 0 } }, { { 0 } }))[1]
--   1
function World:judge(given) return require "perilune.worlds.judge"(self, given) end

--- A source of every ordered pair of answers, weighted with its probability: see `?worlds.population`.
--
--   > local world = require "perilune.worlds".bandit { answers = 3 }
--   > #world:population():batch(1, world:policy(), "")
--   9
function World:population(given) return require "perilune.worlds.population"(self, given) end

--- A data set of pairs of answers that mu wrote: see `?worlds.data`.
--
--   > #require "perilune.worlds".bandit({ answers = 3 }):pairs { count = 5 }
--   5
function World:pairs(given) return require "perilune.worlds.data"(self, given) end

--- Trains a policy of the world and gives its distances from the optimum by step: see `?worlds.check.check`.
--
--   > local world = require "perilune.worlds".bandit { answers = 3, seed = 3 }
--   > local points = world:check({ loss = require "perilune.align".loss.ipo { beta = 1 },
--   >>   source = world:population(), steps = 50, lr = 0.05 }, { quiet = true })
--   > points[#points].kl_to_optimum < points[1].kl_to_optimum
--   true
function World:check(trainer, given) return require "perilune.worlds.check".check(self, trainer, given) end

--- The gradients of a loss at a policy, one a parameter, and the loss: see `?worlds.check.gradient`.
--
--   > local world = require "perilune.worlds".bandit { answers = 3 }
--   > local loss = require "perilune.align".loss.ipo { beta = 1 }
--   > #world:gradient(loss, world:policy(), world:population())
--   1
function World:gradient(loss, policy, source)
  return require "perilune.worlds.check".gradient(self, loss, policy, source)
end

function World:__tostring()
  return ("[World %s: %d prompts, %d answers]"):format(self.name, #self.prompts, #self.answers)
end

local function places(lists)
  local at = {}
  for i, ids in ipairs(lists) do at[table.concat(ids, " ")] = i end
  return at
end

--- A world of its fields. Errors: an option is missing, unknown or of another type; shapes do not fit; the
-- answers are not all that the reference writes.
function World.new(given)
  local w = spec:fill(given, 2)
  w.given = given
  local function refuse(message, ...) error(("worlds.%s: "):format(w.name) .. message:format(...), 4) end
  if not (w.reward or w.preference) then refuse "needs a reward or preferences" end
  check_shapes(w, refuse)
  w.reward = w.reward and w.reward:to "f64"
  w.preference = w.preference and w.preference:to "f64" or bradley_terry(w.reward)
  w.covered = covered(#w.prompts, #w.answers, w.support, w.support_seed)
  local prompts, responses = {}, {}
  for _, prompt in ipairs(w.prompts) do
    for _, answer in ipairs(w.answers) do
      prompts[#prompts + 1], responses[#responses + 1] = prompt, answer
    end
  end
  w.all_rows = models.rows(prompts, responses)
  w.place_of, w.answer_of = places(w.prompts), places(w.answers)
  w.reward_list = w.reward and w.reward:totable()
  setmetatable(w, World)
  check_values(w, refuse)
  return w
end

return World.new
