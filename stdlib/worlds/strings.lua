--- Strings over a small alphabet, written token by token: all strings up to a length are the answers.
--
--   pi(y|x) = product over t of softmax(logits[x y_1 .. y_t-1])[y_t]
--   r(x, y) = sum over t of b(y_t-1, y_t),   b ~ N(0, scale^2),   p(y > y'|x) = sigmoid(r(x, y) - r(x, y'))
--
-- The policy is a table with a row for each prompt and prefix. The last id of the vocabulary ends a string;
-- one of `length` tokens ends without it. Two letters and a length of 3 make 1 + 2 + 4 + 8 answers: those
-- that end after 0, 1 and 2 letters, and those of 3 letters.
--
--   > local world = strings { alphabet = 2, length = 3 }
--   > world
--   [World strings: 2 prompts, 15 answers]
--   > world.reference
--   [Policy vocab 3, 42 parameters]
--   > strings { alphabet = 26, length = 5 }
--   worlds.strings: 12356631 strings of up to 5 tokens, more than 4096
local options = require "perilune.options"
local policies = require "perilune.align.policy"
local tabular = require "perilune.worlds.tabular"
local tensor = require "perilune.tensor"
local world = require "perilune.worlds.world"

local spec = options.spec("worlds.strings", {
  { "prompts", 2, "number of prompts", least = 1 },
  { "alphabet", 2, "letters", least = 1 },
  { "length", 3, "tokens of a string at most, the end counted", least = 1 },
  tabular.options,
})

local function extended(list, id)
  local longer = table.move(list, 1, #list, 1, {})
  longer[#longer + 1] = id
  return longer
end

--- All prefixes that go on, and all strings.
local function enumerate(letters, length)
  local prefixes, strings, open = {}, {}, { {} }
  for t = 1, length do
    local longer = {}
    for _, prefix in ipairs(open) do
      prefixes[#prefixes + 1] = prefix
      strings[#strings + 1] = extended(prefix, letters)
      for id = 0, letters - 1 do longer[#longer + 1] = extended(prefix, id) end
    end
    open = longer
    if t == length then table.move(open, 1, #open, #strings + 1, strings) end
  end
  return prefixes, strings
end

local function rewards(prompts, strings, bigrams)
  local found = {}
  for x, prompt in ipairs(prompts) do
    found[x] = {}
    for y, ids in ipairs(strings) do
      local sum, before = 0, prompt[#prompt]
      for _, id in ipairs(ids) do sum, before = sum + bigrams[before + 1][id + 1], id end
      found[x][y] = sum
    end
  end
  return tensor(found, "f64")
end

-- Figures are sums over all pairs of answers.
local most <const> = 4096

return function(given)
  local o = spec:fill(given)
  local count = o.alphabet ^ o.length
  for t = 0, o.length - 1 do count = count + o.alphabet ^ t end
  if count > most then
    error(("worlds.strings: %.0f strings of up to %d tokens, more than %d"):format(count, o.length, most), 2)
  end
  local prompts = tabular.prompts(o.prompts, math.max(o.alphabet, 2))
  local prefixes, strings = enumerate(o.alphabet, o.length)
  local contexts, vocab = {}, o.alphabet + 1
  for _, prompt in ipairs(prompts) do
    for _, prefix in ipairs(prefixes) do
      contexts[#contexts + 1] = table.move(prefix, 1, #prefix, #prompt + 1,
        table.move(prompt, 1, #prompt, 1, {}))
    end
  end
  local bigrams = (tabular.normal(o.seed, "worlds/reward", { vocab, vocab }) * o.scale):totable()
  local reward = rewards(prompts, strings, bigrams)
  return world {
    name = "strings", prompts = prompts, answers = strings, max_response = o.length, stop = { o.alphabet },
    reward = reward, preference = tabular.preference(o.preference, reward), support = o.support,
    support_seed = o.support_seed,
    reference = policies.table {
      contexts = contexts, vocab = vocab,
      logits = tabular.normal(o.seed, "worlds/reference", { #contexts, vocab }) * o.spread,
    },
  }
end
