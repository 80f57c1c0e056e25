--- A judge with known faults: wrong labels, a bias for length or place, labels drawn instead of decided.
--
--   judge.flawed(judge.gold(task), { flip_rate = 0.1, length_bias = 0.2, seed = 1 })
--
-- With p = 1, 0 or 1/2 as the judge decides or, at a label_temperature T above 0, p = sigmoid(logit(q) / T)
-- of its probability q, the first response is preferred with the probability
--
--   p'  = (1 - |l| - |b|) p + |l| [the first is longer] + |b| [b > 0]     l length_bias, b position_bias
--   p'' = (1 - flip_rate) p' + flip_rate (1 - p')
--
-- A negative l is for the shorter response, a negative b for the second; responses of equal length are left
-- to the judge. A tie of the judge stays one. The numbers that decide are pure functions of the seed, the
-- step and place in the batch (0 and the row where it is asked outside a source), and the two responses
-- whatever their order: without a position bias, turning the sides turns the answer.
--
-- The result has `probability`, p'', and `truth`, the judge without faults; sources store its decision in the
-- column `true_label`. Errors: an option is out of range; |l| + |b| is above 1; there is a temperature, and
-- the judge gives no probability.
--
--   > local judge, rows = require "perilune.align.judge", require "perilune.models".rows
--   > local longer = judge.from_function("longer", function(_, a, b) return #a > #b end)
--   > local wrong = flawed(longer, { flip_rate = 0.25 })
--   > wrong.name, wrong:probability(rows({ { 1 } }, { { 2, 3 } }), rows({ { 1 } }, { { 2 } }))[1]
--   longer { flip_rate = 0.25 }	0.75
--   > flawed(longer, { label_temperature = 1 })
--   judge.flawed: a label_temperature needs probabilities, and judge longer gives none
local judges = require "perilune.align.judge"
local options = require "perilune.options"
local system = require "perilune.system"

local spec = options.spec("judge.flawed", {
  { "flip_rate", 0.0, "probability that a label is turned", least = 0, most = 1 },
  { "length_bias", 0.0, "probability that length decides; below 0 for the shorter response",
    least = -1, most = 1 },
  { "position_bias", 0.0, "probability that place decides; below 0 for the second response",
    least = -1, most = 1 },
  { "label_temperature", 0.0, "of the probability that labels are drawn from; 0 for decided labels",
    least = 0 },
  { "seed", 0, "seed of the faults" },
})

local faults <const> = { "flip_rate", "length_bias", "position_bias", "label_temperature" }

--- A number of [0, 1) from a text.
local function uniform(text) return tonumber(system.sha256(text):sub(1, 13), 16) / 2 ^ 52 end

--- A question as text, and whether its first response comes first in it: the same text for both orders.
local function question(prompt, a, b)
  local first, second = table.concat(a, " "), table.concat(b, " ")
  local is_turned = second < first
  if is_turned then first, second = second, first end
  return ("%s|%s|%s"):format(table.concat(prompt, " "), first, second), is_turned
end

--- sigmoid(logit(q) / T).
local function sharpened(q, temperature)
  if q == 0 or q == 1 then return q end
  return 1 / (1 + math.exp(-math.log(q / (1 - q)) / temperature))
end

--- 1 where the longer response is the first, 0 where it is the second, nil where they are equally long.
local function by_length(a, b, bias)
  if #a == #b or bias == 0 then return nil end
  return (#a > #b) == (bias > 0) and 1 or 0
end

local function name_of(judge, o)
  local texts = {}
  for _, name in ipairs(faults) do
    if o[name] ~= 0 then texts[#texts + 1] = ("%s = %s"):format(name, tostring(o[name])) end
  end
  return ("%s { %s }"):format(tostring(judge.name), table.concat(texts, ", "))
end

return function(given_judge, given)
  local o, judge = spec:fill(given), judges.as_judge(given_judge)
  if math.abs(o.length_bias) + math.abs(o.position_bias) > 1 then
    error(("judge.flawed: |length_bias| + |position_bias| must be at most 1, got %s and %s"):format(
      o.length_bias, o.position_bias), 2)
  end
  if o.label_temperature > 0 and type(judge.probability) ~= "function" then
    error(("judge.flawed: a label_temperature needs probabilities, and judge %s gives none"):format(
      tostring(judge.name)), 2)
  end
  --- What the judge says without a bias: the probability of the first response, 1, 0 or 1/2 if it decides.
  local function base(first, second, at)
    if o.label_temperature == 0 then return judges.ask(judge, first, second, at) end
    local found = judges.probability(judge, first, second)
    for i, q in ipairs(found) do found[i] = sharpened(q, o.label_temperature) end
    return found
  end
  local made = judges.named { name = name_of(judge, o), truth = judge, trained_on = judge.trained_on }
  function made.probability(_, first, second)
    local found, a, b = base(first, second), first:responses(), second:responses()
    for i, p in ipairs(found) do
      local longer = by_length(a[i], b[i], o.length_bias)
      local length, place = longer and math.abs(o.length_bias) or 0, math.abs(o.position_bias)
      p = (1 - length - place) * p + length * (longer or 0) + (o.position_bias > 0 and place or 0)
      found[i] = (1 - o.flip_rate) * p + o.flip_rate * (1 - p)
    end
    return found
  end
  function made.prefer(_, first, second, at)
    at = at or {}
    local said, prompts = base(first, second, at), first:prompts()
    local a, b = first:responses(), second:responses()
    for i, p in ipairs(said) do
      local text, is_turned = question(prompts[i], a[i], b[i])
      local row = (at.first or 1) - 1 + (at.places and at.places[i] or i)
      local function draw(what)
        return uniform(("%d %s %d %d %s"):format(o.seed, what, at.step or 0, row, text))
      end
      local longer, u = by_length(a[i], b[i], o.length_bias), draw "decides"
      local length = longer and math.abs(o.length_bias) or 0
      local outcome
      if u < length then
        outcome = longer
      elseif u < length + math.abs(o.position_bias) then
        outcome = o.position_bias > 0 and 1 or 0
      elseif o.label_temperature > 0 and p ~= 0.5 then
        -- p of the response that comes first in the text.
        local is_first = draw "drawn" < (is_turned and 1 - p or p)
        outcome = is_first ~= is_turned and 1 or 0
      else
        outcome = p
      end
      said[i] = draw "turned" < o.flip_rate and 1 - outcome or outcome
    end
    return said
  end
  return made
end
