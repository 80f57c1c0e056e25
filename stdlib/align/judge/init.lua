--- Judges: they decide which of two responses to a prompt is better.
--
-- A judge is a table with a `name` and a method `prefer(first, second)` of two Rows with the same prompts; it
-- returns a list: 1 where the first response is preferred, 0 where the second is, 0.5 for a tie. A
-- function(prompt, a, b) of three lists of ids is accepted wherever a judge is. What a judge may also have:
--
--   score(rows)                   a number for each response
--   probability(first, second)    the probability that the first response is better, a list
--   trained_on                    the pairs or rows it learnt from, see align.provenance
--   truth                         the judge of which it is a version with faults
--
-- The judges are the files of the folder: `gold` is the rule of the task, `from_function` and `from_score`
-- make one of a function, `from_model` of a reward model, `preference_model`, `reward_model` and
-- `process_reward_model` train one, `ensemble` joins several, and `flawed` gives one known faults.
-- `calibration` measures one.
local options = require "perilune.options"
local folder = require "perilune.folder"
local shards = require "perilune.align.shards"
local stats = require "perilune.align.evaluate.stats"
local batches = require "perilune.align.batch"
local provenance = require "perilune.align.provenance"

local judge = {}

local Named = { __tostring = function(made) return ("[Judge %s]"):format(made.name) end }

--- Gives a judge of a table the line that it is shown as.
--
--   > judge.named { name = "mine", prefer = print }
--   [Judge mine]
function judge.named(made) return setmetatable(made, Named) end

--- The judge itself, or a function made into one; anything else is refused.
--
--   > judge.as_judge(function() return 0.5 end).name
--   function
function judge.as_judge(given)
  if type(given) == "function" then return judge.from_function("function", given) end
  if type(given) == "table" and type(given.prefer) == "function" then return given end
  error("expected a judge (a table with prefer, or a function of prompt and two responses), got "
    .. options.show(given), 3)
end

--- Refuses a name that is no text and a missing function, in the name of the function `where`.
--
--   > judge.from_score(function() return 0 end)
--   judge.from_score: expected a name, got a function
function judge.check_made(where, name, f)
  if type(name) ~= "string" then
    error(("%s: expected a name, got %s"):format(where, options.show(name)), 3)
  elseif type(f) ~= "function" then
    error(("%s: expected a function after the name '%s', got %s"):format(where, name, options.show(f)), 3)
  end
end

--- Whether `value` is an outcome: 1, 0 or 0.5.
local function is_outcome(value) return value == 1 or value == 0 or value == 0.5 end

--- Refuses two Rows with different prompts.
local function check_prompts(name, first, second)
  if not first:same_prompts(second) then
    error(("judge %s: the two responses have different prompts"):format(name), 0)
  end
end

--- The outcomes of a judge for two Rows with the same prompts, checked. `step` (0) and `row` (1), the number
-- of the first row, tell a question from the same one asked at another time: a judge that draws its labels
-- gets them as `prefer(first, second, { step, first, places })`. A judge made of others gives that table on
-- in place of `step`.
--
--   > local rows = require "perilune.models".rows
--   > local first, second = rows({ { 1 } }, { { 2 } }), rows({ { 1 } }, { { 3 } })
--   > judge.ask({ name = "mine", prefer = function() return { 0.7 } end }, first, second)
--   judge mine: the outcome for row 1 is 0.7, expected 1, 0 or 0.5
--   > judge.ask({ name = "mine", prefer = function() return { 0.5 } end }, first, rows({ { 2 } }, { { 3 } }))
--   judge mine: the two responses have different prompts
function judge.ask(given, first, second, step, row)
  local name = tostring(given.name or "without a name")
  check_prompts(name, first, second)
  local preferred = shards.list(#first, function(places)
    local at = type(step) == "table" and step or { step = step, first = row, places = places }
    if not places then return given:prefer(first, second, at) end
    return given:prefer(first:select(places), second:select(places), at)
  end)
  if type(preferred) ~= "table" or #preferred ~= #first then
    local got = type(preferred) == "table" and "a list of " .. #preferred or type(preferred)
    error(("judge %s: prefer must return a list of %d numbers, one a row, got %s"):format(name, #first, got),
      0)
  end
  for i, p in ipairs(preferred) do
    if not is_outcome(p) then
      error(("judge %s: the outcome for row %d is %s, expected 1, 0 or 0.5"):format(
        name, i, options.number_text(p)), 0)
    end
  end
  return preferred
end

--- The probability that the first response of each row is better, a list of numbers, checked. An error where
-- the judge gives none.
--
--   > local rows = require "perilune.models".rows
--   > local length = judge.from_score("length", function(_, response) return #response end)
--   > judge.probability(length, rows({ { 1 } }, { { 2, 3 } }), rows({ { 1 } }, { { 2 } }))[1]
--   0.731
function judge.probability(given, first, second)
  local name = tostring(given.name or "without a name")
  if type(given.probability) ~= "function" then
    error(("judge %s: it gives no probability"):format(name), 0)
  end
  check_prompts(name, first, second)
  local found = shards.list(#first, function(places)
    if not places then return given:probability(first, second) end
    return given:probability(first:select(places), second:select(places))
  end)
  if type(found) ~= "table" or #found ~= #first then
    error(("judge %s: probability must return a list of %d numbers, one a row"):format(name, #first), 0)
  end
  for i, p in ipairs(found) do
    if type(p) ~= "number" or not (p >= 0 and p <= 1) then
      error(("judge %s: the probability of row %d is %s, expected 0 to 1"):format(
        name, i, options.show(p)), 0)
    end
  end
  return found
end

--- The probabilities of two lists of scores by Bradley and Terry: sigmoid(first - second).
--
--   > table.unpack(judge.by_differences({ 1, 0 }, { 0, 0 }))
--   0.73105857863	0.5
function judge.by_differences(first, second)
  local found = {}
  for i, x in ipairs(first) do found[i] = 1 / (1 + math.exp(second[i] - x)) end
  return found
end

--- What the truth behind a judge with faults says of two Rows: its outcomes for the first, then for the
-- second.
--
--   > local judge = require "perilune.align.judge"
--   > local truth = judge.from_score("length", function(_, response) return #response end)
--   > local faulty = judge.flawed(truth, { flip_rate = 1 })
--   > local rows = require "perilune.models".rows({ { 1 } }, { { 2, 3 } })
--   > local shorter = require "perilune.models".rows({ { 1 } }, { { 2 } })
--   > judge.true_labels(faulty, rows, shorter)[1], faulty:prefer(rows, shorter)[1]
--   1	0
function judge.true_labels(given, first, second)
  local labels, n = judge.ask(given.truth, first, second), #first
  for i = 1, n do labels[n + i] = 1 - labels[i] end
  return labels
end

--- Who gives rewards: a judge with `score(rows)`, or a function(prompt, response) made into one.
function judge.as_scorer(given)
  if type(given) == "function" then return judge.from_score("reward", given) end
  if type(given) == "table" and type(given.score) == "function" then return given end
  error("expected a judge with score, or a function of prompt and response, got " .. options.show(given), 3)
end

--- The scores of Rows, a list of numbers, checked: a score that is NaN or no number is an error.
--
--   > local judge = require "perilune.align.judge"
--   > local rows = require "perilune.models".rows({ { 1 }, { 1 } }, { { 2, 3 }, { 4 } })
--   > local longest = judge.as_scorer(function(prompt, response) return #response end)
--   > table.concat(judge.scores(longest, rows), " ")
--   2 1
--   > judge.check_score("example", 0 / 0, rows, 2)
--   judge example: the score of row 2 is nan, expected a number (prompt { 1 }, response { 4 })
--   > local batch = require "perilune.align.batch"
--   > local pairs = batch.of_pairs { { prompt = { 1 }, chosen = { 2, 3 }, rejected = { 4 } } }
--   > local longer = judge.from_function("longer", function(_, a, b) return #a > #b and 1 or 0 end)
--   > judge.of_pairs(longer, pairs)[1]
--   1
function judge.scores(scorer, rows)
  local name = tostring(scorer.name or "without a name")
  local scores = shards.list(#rows, function(places)
    return scorer:score(places and rows:select(places) or rows)
  end)
  if type(scores) ~= "table" or #scores ~= #rows then
    error(("judge %s: score must return a list of %d numbers, one a row"):format(name, #rows), 0)
  end
  for i, score in ipairs(scores) do judge.check_score(name, score, rows, i) end
  return scores
end

local function shown(ids)
  local text = table.concat(ids, " ", 1, math.min(#ids, 12))
  return "{ " .. text .. (#ids > 12 and " ..." or "") .. " }"
end

--- Refuses a score that is NaN or no number, naming judge, prompt and response.
function judge.check_score(name, score, rows, i)
  if type(score) == "number" and score == score then return end
  error(("judge %s: the score of row %d is %s, expected a number (prompt %s, response %s)"):format(
    name, i, options.show(score), shown(rows:prompt(i)), shown(rows:response(i))), 0)
end

--- The outcomes of two lists of scores: the larger wins, equal ones tie.
--
--   > table.unpack(judge.by_scores({ 1, 2, 3 }, { 1, 3, 2 }))
--   0.5	0	1
function judge.by_scores(first, second)
  local outcomes = {}
  for i, x in ipairs(first) do outcomes[i] = x > second[i] and 1 or x < second[i] and 0 or 0.5 end
  return outcomes
end

--- The outcomes of a judge for a batch of pairs: 1 where it agrees that the chosen response is better.
function judge.of_pairs(given, batch)
  local outcomes, n = {}, #batch
  for start = 1, n, 64 do
    local chosen, rejected = batch:pair_rows(start, math.min(start + 63, n))
    local part = judge.ask(given, chosen, rejected, 0, start)
    table.move(part, 1, #part, #outcomes + 1, outcomes)
  end
  return outcomes
end

local accuracy = options.spec("judge.accuracy", { provenance.options })

--- The share of pairs whose order a judge agrees with: { mean, se, count }. A tie counts 1/2. A judge is not
-- scored by pairs that it was trained on, unless `seen` says so.
--
--   > local pair = { prompt = { 1 }, chosen = { 2 }, rejected = { 2, 3 } }
--   > judge.accuracy(function(prompt, a, b) return #a < #b end, { pair }).mean
--   1.0
function judge.accuracy(given, dataset, settings)
  local o, one = accuracy:fill(settings), judge.as_judge(given)
  local batch = batches.of_pairs(dataset, "judge.accuracy")
  return stats.summary(judge.of_pairs(one, provenance.unseen(one, batch, o.seen, "judge.accuracy")))
end

return options.strict("align.judge", judge, folder.modules(), function(name)
  return require("perilune.align.judge." .. name)
end)
