--- A made-up task small enough for exact tests: 12 ids, prompts of two, answers of at most 6 that end with id
-- 1; more of id 7 is better, and as many is a tie.
local models = require "perilune.models"
local system = require "perilune.system"
local tensor = require "perilune.tensor"

local toy = { prompts = {}, task = { name = "toy", max_response = 6, stop = { 1 } } }

for i = 1, 48 do toy.prompts[i] = { 2 + i % 10, 2 + i // 10 } end

function toy.model(seed)
  return models.transformer {
    vocab = 12, dim = 16, layers = 1, heads = 2, max_length = 32, style = "gpt2", seed = seed }
end

--- How often id 7 comes in an answer.
function toy.sevens(answer)
  local count = 0
  for _, id in ipairs(answer) do count = count + (id == 7 and 1 or 0) end
  return count
end

function toy.more_sevens(_, a, b)
  local x, y = toy.sevens(a), toy.sevens(b)
  return x > y and 1 or x < y and 0 or 0.5
end

--- log pi/pi_ref of each token of a response, from the logits of the two models.
function toy.log_ratios(policy, reference, prompt, response)
  local list, context = {}, table.move(prompt, 1, #prompt, 1, {})
  for i, id in ipairs(response) do
    local function logp(model)
      local logits = tensor.no_grad(model.last_logits, model, { context }):to("f64")
      return logits:log_softmax(2):totable()[1][id + 1]
    end
    list[i] = logp(policy) - logp(reference)
    context = table.move({ id }, 1, 1, #context + 1, table.move(context, 1, #context, 1, {}))
  end
  return list
end

--- n different questions: Rows of first and of second responses, of one to three tokens.
function toy.questions(n, seed)
  local prompts, first, second = {}, {}, {}
  local function answer(side, i)
    local ids = {}
    for k = 1, 1 + math.floor(3 * system.uniform(seed, side .. " length", i)) do
      ids[k] = 2 + math.floor(9 * system.uniform(seed, side, 8 * i + k))
    end
    return ids
  end
  for i = 1, n do prompts[i], first[i], second[i] = { 2 + i % 9 }, answer("a", i), answer("b", i) end
  return models.rows(prompts, first), models.rows(prompts, second)
end

--- `more` over `defaults`.
function toy.with(defaults, more)
  local all = {}
  for name, value in pairs(defaults) do all[name] = value end
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

--- How answers are drawn and judged, with `more`.
function toy.sampling(more)
  return toy.with({ judge = toy.more_sevens, prompts = toy.prompts, max_new_tokens = 6, stop = { 1 } }, more)
end

--- The source of pairs, groups or prompts that a loss names, with `more` over its options.
function toy.source_of(loss, more)
  local sources = require "perilune.align.sources"
  local drawn <const> = { prompts = toy.prompts, max_new_tokens = 6, stop = { 1 } }
  local given = { online = toy.sampling(), best_worst = toy.sampling() }
  local function reward(_, response) return toy.sevens(response) end
  for _, name in ipairs { "groups", "best_of" } do given[name] = toy.with(drawn, { reward = reward }) end
  local name = loss.source.name
  if name == "hybrid" then
    local offline = sources.sample(toy.model(5), toy.sampling { count = 20, seed = 9, quiet = true })
    given.hybrid = { pairs = offline, max_new_tokens = 6, stop = { 1 } }
  end
  local options = toy.with(given[name], more)
  for key, value in pairs(loss.source) do
    if key ~= "name" then options[key] = value end
  end
  return sources[name](options)
end

return toy
