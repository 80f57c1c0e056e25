--- The task of the arena: answers that several raters with different tastes compare.
--
-- An analogue of side-by-side comparisons by many people (Chiang et al. 2024, arXiv:2403.04132; the Chat
-- arena task of Tang et al. 2024). Each of five raters likes something else. A pair is shown to `asked` of
-- them, who are a function of the question and of the two answers, and the majority decides. So a preference
-- is noisy (other raters, another winner) and need not be transitive: majorities can go in a circle
-- (Condorcet).
--
--   u_r(y) = sum over features of  weight_r min(count, 2) / 2  - length_r words / 30
--            - 0.4 repeated - 0.5 [no tool] - cost (errors + 2 unfinished)
--
-- A rater prefers the larger u_r. `gold_score` is the mean of u_r over the raters: what a policy can be
-- scored by, and not what decides a pair.
--
-- Figures of the corpus (1000 prompts; best of n over 200): on 1.5 % of triples of responses the majority of
-- all raters goes in a circle, on 4.8 % that of the three who are asked; those asked decide as all five do on
-- 90 % of pairs. Mean utility -0.21, standard deviation 0.29; best of 2, 4, 16 and 64 responses -0.07, 0.08,
-- 0.21 and 0.27, and the best of 64 wins 0.92 against another response; length and score correlate by -0.02.
-- `task:cycles()` measures it.
--
-- Where the dynamics come from (scripts/results.md, five repetitions): the proxy is right on 64 to 71
-- % of the start's pairs. Online rises to a win rate of 0.44 and falls by 0.28 as it shortens its responses;
-- labelled by gold it goes on to 0.64. Offline rises to 0.45 and falls by 0.06.
--
-- What it shows: a fall on both sides, with a proxy weaker than the 70 to 90 % of a calibrated task.
--
--   > task = arena { seed = 1 }
--   > a, b = task:response("train", 2, 0), task:response("train", 2, 1)
--   > task:gold_prefers(task:prompt("train", 2), a, b) + task:gold_prefers(task:prompt("train", 2), b, a)
--   1.0
local options = require "perilune.options"
local task = require "perilune.tasks.task"
local text = require "perilune.tasks.arena.text"
local written = require "perilune.tasks.written"

--- What the raters like: weights of features, and of length.
local raters <const> = {
  { name = "expert", right = 1, wrong = -0.8, detail = 0.3, bold = -0.3, long = 0.2 },
  { name = "friend", right = 0.2, wrong = -0.1, warm = 1, bold = 0.2, long = 0.1 },
  { name = "hurried", right = 0.3, wrong = -0.3, detail = -0.2, warm = -0.3, long = 1 },
  { name = "anxious", right = 0.2, wrong = -0.2, careful = 1, bold = -0.8, long = 0.1 },
  { name = "keen", right = 0.1, detail = 0.5, careful = -0.5, bold = 1, long = 0.1 },
}

local spec = options.spec("tasks.arena", {
  written.options,
  { "asked", 3, "raters who compare a pair; 5 are all, without noise", least = 1, most = 5 },
})

-- What is summed, in this order: equal utilities are then equal in every process.
local features <const> = { "right", "wrong", "detail", "warm", "careful", "bold" }

local function utility(rater, seen)
  local sum = -rater.long * seen.long / 30 - 0.4 * seen.repeated
  for _, name in ipairs(features) do
    sum = sum + (rater[name] or 0) * math.min(seen[name], 2) / 2
  end
  return seen.right + seen.wrong == 0 and sum - 0.5 or sum
end

local function content(before, words)
  local seen, mean = text.features(text.verb(before), words), 0
  seen.raters = {}
  for i, rater in ipairs(raters) do
    seen.raters[i] = utility(rater, seen)
    mean = mean + seen.raters[i] / #raters
  end
  return mean, seen
end

--- The numbers of the raters who see a pair: `asked` of five, by a hash that does not know the order.
local function asked_of(count, prompt, a, b)
  local first, second = table.concat(a, " "), table.concat(b, " ")
  if second < first then first, second = second, first end
  local hash, all = task.hash(table.concat(prompt, " ") .. "|" .. first .. "|" .. second), { 1, 2, 3, 4, 5 }
  for i = 1, count do
    local j = i + hash % (6 - i)
    all[i], all[j], hash = all[j], all[i], hash // (6 - i)
  end
  return table.move(all, 1, count, 1, {})
end

--- The majority of raters between two responses: 1, 0 or 0.5.
local function majority(numbers, a, b)
  local votes = 0
  for _, i in ipairs(numbers) do
    votes = votes + task.compare(a.raters[i] + a.score - a.content, b.raters[i] + b.score - b.content)
  end
  return task.compare(votes, #numbers - votes)
end

local everybody <const> = { 1, 2, 3, 4, 5 }

--- Refuses what is no list of { prompt, a, b, c }. That these are ids, `cycles` checks.
local function check_triples(triples)
  local function refuse(message, ...) error("tasks.arena: " .. message:format(...), 4) end
  if type(triples) ~= "table" then
    refuse("triples must be a list of { prompt, a, b, c }, not %s", options.show(triples))
  elseif #triples == 0 then
    refuse "triples is an empty list; expected { prompt, a, b, c } at least once"
  end
  for i = 1, #triples do
    if type(triples[i]) ~= "table" then
      refuse("triple %d must be { prompt, a, b, c }, not %s", i, options.show(triples[i]))
    end
  end
end

--- How preferences of a list of triples of responses are: { cycles, asked_cycles, agreement, count }.
--
-- `cycles` is the share of triples on which the majority of all five raters goes in a circle, `asked_cycles`
-- that of those asked; `agreement` is how often those asked decide as all do. `triples` is a list of {
-- prompt, a, b, c }, lists of ids; by default of the corpus, for the first `count` (1000) training prompts.
--
-- Errors: `triples` is no list or an empty one; one of them is not four lists of ids; `count` is no whole
-- number from 1.
--
--   > local task = arena { asked = 5 }
--   > local function ids(text) return task.tokenizer:encode(text) end
--   > local question = ids "what is the best way to clean a big lamp ?"
--   > local warm, bold, detail = ids "great question !", ids "it never fails !", ids "do it daily ."
--   > task:cycles({ { question, warm, bold, detail } }).cycles
--   1.0
--   > task:cycles {}
--   tasks.arena: triples is an empty list; expected { prompt, a, b, c } at least once
local function cycles(self, triples, count)
  if triples == nil then
    triples, count = {}, self.checks.whole(count or 1000, 1, "the number of prompts")
    for i = 1, count do
      triples[i] = { self:prompt("train", i), self:response("train", i, 0), self:response("train", i, 1),
        self:response("train", i, 2) }
    end
  else
    check_triples(triples)
    for i, triple in ipairs(triples) do
      for place, name in ipairs { "the prompt", "a", "b", "c" } do
        self.checks.ids(triple[place], self.tokenizer.vocab_size, ("%s of triple %d"):format(name, i))
      end
    end
  end
  local sums, pairs_seen = { cycles = 0, asked_cycles = 0, agreement = 0, count = #triples }, 0
  for _, triple in ipairs(triples) do
    local prompt, by_all, by_asked = triple[1], {}, {}
    for i = 1, 3 do
      local a, b = triple[1 + i], triple[2 + i % 3]
      by_all[i] = majority(everybody, self:gold_parts(prompt, a), self:gold_parts(prompt, b))
      by_asked[i] = self:gold_prefers(prompt, a, b)
      sums.agreement, pairs_seen = sums.agreement + (by_all[i] == by_asked[i] and 1 or 0), pairs_seen + 1
    end
    local function circular(w) return w[1] == w[2] and w[2] == w[3] and w[1] ~= 0.5 and 1 or 0 end
    sums.cycles, sums.asked_cycles = sums.cycles + circular(by_all), sums.asked_cycles + circular(by_asked)
  end
  for _, name in ipairs { "cycles", "asked_cycles" } do sums[name] = sums[name] / #triples end
  sums.agreement = sums.agreement / pairs_seen
  return sums
end

local function new(given)
  local o = spec:fill(given)
  local self = written.task {
    name = "arena", options = o, texts = text, content = content,
    prefers = function(a, b, prompt, first, second)
      return majority(asked_of(o.asked, prompt, first, second), a, b)
    end,
    model = { style = "llama", layers = 2, dim = 64, heads = 4, hidden = 172 },
    sft = { steps = 600, batch = 32, lr = 5e-3 },
    --- Preferences of raters who are asked at random take longer to learn: after 700 steps the proxy is right
    -- on 67 % of held-out pairs, after 1600 on 70 % (calibration, seed 901).
    preference = task.preference { steps = 1600 },
    golden = { beta = 0.1, lr = 1e-3, steps = 240 },
    runs = task.runs { offline = { beta = { 0.02, 0.05 }, lr = { 1e-4, 3e-4 }, steps = 960 } },
  }
  self.cycles = cycles
  return self
end

return task.module { options = spec, new = new }
