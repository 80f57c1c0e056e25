--- Several judges as one, which knows how far they disagree.
--
--   judge.ensemble { reward_a, reward_b, reward_c, how = "worst" }
--
-- `how` says what the score of a response is: the members' "mean", the "worst" (least) of them, or with
-- "uncertainty" their mean less `coefficient` times their variance (Coste et al. 2023, arXiv:2310.02743, sec.
-- 3). With "vote" the majority of the members' preferences decides, and there are no scores. Members
-- without scores are joined by their probabilities: "mean" prefers by the mean, "worst" says a tie unless all
-- members agree. Scores are those of the members: standardise them first where their scales differ.
--
-- The judge has `members`, `disagreement(first, second)`, the variance over the members of the probability
-- that the first response is better (of their preferences with "vote", or where they have none), and with
-- scores `scores(rows)`, a list of each member, which `sources.active` reads, and `deviation(rows)`, their
-- standard deviation. It has `probability`, the mean, where all members have it. Errors: there is no member,
-- or one is no judge; "uncertainty" of members without scores.
--
--   > local rows, judge = require "perilune.models".rows, require "perilune.align.judge"
--   > local function scored(name, f) return judge.from_score(name, function(_, y) return f * #y end) end
--   > local both = ensemble { scored("a", 1), scored("b", -1), how = "worst" }
--   > both:score(rows({ { 1 } }, { { 2, 3 } }))[1], both.name
--   -2	worst of 2: a, b
--   > ensemble { how = "mean" }
--   judge.ensemble: no judges
local judges = require "perilune.align.judge"
local moments = require "perilune.align.evaluate.stats".moments
local options = require "perilune.options"
local provenance = require "perilune.align.provenance"

local spec = options.spec("judge.ensemble", {
  { "how", "mean", "how the members are joined", choices = { "mean", "worst", "uncertainty", "vote" } },
  { "coefficient", 0.5, "weight of the variance of \"uncertainty\"", least = 0 },
})

--- `join(values)` of what `ask(member)` says, lists of numbers, at each row.
local function joined(members, ask, join)
  local all, result = {}, {}
  for k, member in ipairs(members) do all[k] = ask(member) end
  for i = 1, #all[1] do
    local values = {}
    for k, list in ipairs(all) do values[k] = list[i] end
    result[i] = join(values)
  end
  return result
end

local function have(members, method)
  for _, member in ipairs(members) do
    if type(member[method]) ~= "function" then return false end
  end
  return true
end

local function sided(p) return p > 0.5 and 1 or p < 0.5 and 0 or 0.5 end

--- How scores, or probabilities that the first response is better, are joined to a score or an outcome.
local function joins(o)
  return {
    mean = function(values) return (moments(values)) end,
    worst = function(values) return math.min(table.unpack(values)) end,
    uncertainty = function(values)
      local mean, variance = moments(values)
      return mean - o.coefficient * variance
    end,
  }, {
    mean = function(values) return sided((moments(values))) end,
    worst = function(values)
      local least, most = math.min(table.unpack(values)), math.max(table.unpack(values))
      return least > 0.5 and 1 or most < 0.5 and 0 or 0.5
    end,
    vote = function(values) return sided((moments(values))) end,
  }
end

return function(given)
  local members, settings = {}, {}
  for key, value in pairs(given) do
    if math.type(key) ~= "integer" then settings[key] = value end
  end
  local o = spec:fill(settings)
  for i, member in ipairs(given) do members[i] = judges.as_judge(member) end
  if #members == 0 then error("judge.ensemble: no judges", 2) end
  local names = {}
  for i, member in ipairs(members) do names[i] = tostring(member.name) end
  local of_scores, of_probabilities = joins(o)
  local has_scores = have(members, "score") and o.how ~= "vote"
  if o.how == "uncertainty" and not has_scores then
    error("judge.ensemble: how = \"uncertainty\" needs members with scores", 2)
  end
  local made = judges.named {
    members = members, trained_on = provenance.joined(members),
    name = ("%s of %d: %s"):format(o.how, #members, table.concat(names, ", ")),
  }
  local has_probability = have(members, "probability")
  --- What each member says of two responses, from 0 to 1; `at` is what `prefer` gets from `judge.ask`.
  local function opinions(first, second, at)
    return function(member)
      if has_probability and o.how ~= "vote" then return judges.probability(member, first, second) end
      return judges.ask(member, first, second, at)
    end
  end
  if has_scores then
    local function ask(rows) return function(member) return judges.scores(member, rows) end end
    function made.score(_, rows) return joined(members, ask(rows), of_scores[o.how]) end
    function made.scores(_, rows)
      local lists = {}
      for k, member in ipairs(members) do lists[k] = judges.scores(member, rows) end
      return lists
    end
    function made.deviation(_, rows)
      return joined(members, ask(rows), function(values) return math.sqrt(select(2, moments(values))) end)
    end
    function made.prefer(self, first, second)
      return judges.by_scores(self:score(first), self:score(second))
    end
  else
    function made.prefer(_, first, second, at)
      return joined(members, opinions(first, second, at), of_probabilities[o.how])
    end
  end
  if has_probability then
    function made.probability(_, first, second)
      local function ask(member) return judges.probability(member, first, second) end
      return joined(members, ask, function(values) return (moments(values)) end)
    end
  end
  function made.disagreement(_, first, second)
    return joined(members, opinions(first, second), function(values) return (select(2, moments(values))) end)
  end
  return made
end
