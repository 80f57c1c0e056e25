--- Fresh pairs of which only the most useful are labelled, under a budget of labels.
--
--   align.sources.active { task = task, prompts = prompts, judge = gold, choose = "apl", budget = 2000 }
--
-- A step draws `responses` responses to `pool` times `batch` prompts; the first two of a prompt are its pair,
-- and the judge labels the `batch` pairs that `choose` puts first:
--
--   entropy, certainty, apl   predictive entropy, implicit margin, both. Muldrew et al. 2024,
--                             arXiv:2402.08114; the margin is that of policy and reference
--   uncertainty               the smallest implicit margin
--   disagreement              the variance over `ensemble` of the probability of a preference
--   thompson                  two responses by Thompson sampling over `ensemble`: the first is the best of
--                             one scorer, drawn anew for each prompt; the second, with goal = "regret", the
--                             best of another scorer, with goal = "best" the one whose comparison with the
--                             first has the largest variance. Liu et al. 2024, arXiv:2411.01493 (SEA), alg. 1
--   random                    any
--
-- An ensemble of `judge.heads` is fitted to what was labelled so far before each step.
--
-- With thompson every prompt of the pool is a pair, so `pool` is 1. When `budget` labels are spent, batches
-- are drawn from the labelled pairs, epoch by epoch. The batch has the column `acquisition` besides those of
-- `sources.online`. The labelled pairs are saved with the run.
--
-- Errors: as `sources.online`; the rule needs an ensemble or a reference, and there is none; the budget is
-- smaller than a batch.
--
--   > active { judge = print, prompts = { { 1 } }, batch = 1, pool = 1, choose = "thompson" }
--   sources.active: choose = "thompson" needs an ensemble of at least 2 scorers, got 0
local options = require "perilune.options"
local system = require "perilune.system"
local acquisition = require "perilune.align.acquisition"
local batches = require "perilune.align.batch"
local candidates = require "perilune.align.candidates"
local dealt = require "perilune.align.batches"
local judges = require "perilune.align.judge"
local memory = require "perilune.align.memory"
local ordered = require "perilune.align.ordered"
local sampling = require "perilune.align.sampling"
local source = require "perilune.align.source"

local spec = options.spec("sources.active", {
  ordered.options,
  { "choose", "apl", "what is labelled",
    choices = { "apl", "entropy", "certainty", "uncertainty", "disagreement", "thompson", "random" } },
  { "pool", 4, "prompts drawn for each that is labelled", least = 1 },
  { "responses", 4, "responses to each prompt", least = 2 },
  { "batch", 32, "pairs of a batch", least = 1 },
  { "ensemble", {},
    "judge.heads, judge.ensemble, or a list: judges with score(rows), functions(prompt, response)" },
  { "goal", "regret", "of thompson: few bad responses while it learns, or the best response in the end",
    choices = { "regret", "best" } },
  { "budget", options.optional "integer", "labels in all; no limit unless given", least = 1 },
})

--- The ensemble with `scores(rows)`, as `judge.heads`, or `disagreement(first, second)`, checked against the
-- rule.
local function ensemble_of(o)
  local given, scorers = o.ensemble, {}
  if type(given.scores) == "function" then return given end
  if o.choose == "disagreement" and type(given.disagreement) == "function" then
    return { disagreement = function(_, ...) return given:disagreement(...) end }
  end
  for i, one in ipairs(given.members or given) do scorers[i] = judges.as_scorer(one) end
  if acquisition.needs[o.choose] == "ensemble" and #scorers < 2 then
    error(("sources.active: choose = \"%s\" needs an ensemble of at least 2 scorers, got %d"):format(
      o.choose, #scorers), 3)
  end
  return { scores = function(_, rows)
    local lists = {}
    for i, scorer in ipairs(scorers) do lists[i] = judges.scores(scorer, rows) end
    return lists
  end }
end

--- The pair of each prompt by Thompson sampling, and the spread of the ensemble about it.
local function by_thompson(pool, o)
  local first, second, values = {}, {}, {}
  for start = 1, #pool.rows, pool.count do
    local last, i = start + pool.count - 1, #first + 1
    local heads = pool.heads(i)
    local function best(head, without)
      return candidates.best(function(place) return pool.scores[head][place] end, start, last, without)
    end
    local a = best(heads[1])
    local b
    if o.goal == "best" then
      local function spread(place) return acquisition.spread(pool.scores, a, place) end
      b = candidates.best(spread, start, last, a)
    else
      for k = 2, #heads do
        b = best(heads[k])
        if b ~= a then break end
      end
      if b == a then b = best(heads[2], a) end
    end
    first[i], second[i], values[i] = a, b, acquisition.spread(pool.scores, a, b)
  end
  return first, second, values
end

--- The places of the pairs by a rule that orders the pool, and its values.
local function by_rule(pool, o)
  local values = acquisition.rules[o.choose](pool)
  local first, second, chosen = {}, {}, {}
  for i, number in ipairs(acquisition.largest(values, o.batch)) do
    first[i] = (number - 1) * pool.count + 1
    second[i], chosen[i] = first[i] + 1, values[number]
  end
  return first, second, chosen
end

return function(given)
  local o, judge = ordered.filled(spec, given)
  local ensemble, is_thompson = ensemble_of(o), o.choose == "thompson"
  local limit = o.budget and o.budget // o.batch or math.huge
  if limit < 1 then
    error(("sources.active: a budget of %d labels makes no batch of %d"):format(o.budget, o.batch), 2)
  end
  local size = o.batch * (is_thompson and 1 or o.pool)
  if #o.prompts < size then
    error(("sources.active: batch and pool need %d prompts, got %d: give more, or a smaller pool"):format(
      size, #o.prompts), 2)
  end
  local prompts, kept, joined, numbers = sampling.dealt(o, size), memory(), nil, nil

  local function labelled(step, policy, checkpoint, reference)
    if acquisition.needs[o.choose] == "reference" and not reference then
      error(("sources.active: choose = \"%s\" needs the reference of a run"):format(o.choose), 0)
    end
    local pool = { policy = policy, reference = reference, count = o.responses, least = o.batch }
    pool.rows = sampling.draw(policy, policy, prompts(step), o, "first", step, o.responses)
    function pool.coin(i) return system.uniform(o.seed, "sources/active", step * #pool.rows + i) end
    function pool.heads(i)
      return system.permutation(#pool.scores, o.seed, "sources/heads", step * size + i)
    end
    if ensemble.fit then ensemble:fit((kept:between(1, step - 1))) end
    if acquisition.needs[o.choose] == "ensemble" then
      pool.ensemble, pool.scores = ensemble, ensemble.scores and ensemble:scores(pool.rows)
    end
    local first, second, values = (is_thompson and by_thompson or by_rule)(pool, o)
    local rows, origin = pool.rows, { step = step, checkpoint = checkpoint, writers = { "policy", "policy" } }
    local batch = ordered.of_rows(judge, rows:select(first), rows:select(second),
      ordered.coin(o.seed, step, o.batch), origin)
    table.move(values, 1, #values, #values + 1)
    batch:set("acquisition", values)
    return batch
  end

  --- A batch of the pairs that were labelled until the budget was spent.
  local function repeated(step)
    if not joined then
      joined = batches.concat((kept:between(1, limit)))
      numbers = dealt(#joined, o.batch, o.seed, "sources/repeated")
    end
    return joined:select(numbers(step - limit))
  end

  return source.new(spec, o, {
    labels = function(_, count) return math.min(count, limit) * o.batch end,
    batch = function(_, step, ...)
      if step > limit then return repeated(step) end
      local batch = labelled(step, ...)
      joined = nil
      if o.budget or ensemble.fit then kept:put(step, batch) end
      return batch
    end,
    state = function() return kept:state() end,
    restore = function(_, data)
      kept:restore(data)
      joined = nil
    end,
  })
end
