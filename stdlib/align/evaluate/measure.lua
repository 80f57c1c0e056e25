--- All figures of a checkpoint from one draw of responses.
local drawing = require "perilune.align.evaluate.responses"
local equal_length = require "perilune.align.evaluate.equal_length"
local judges = require "perilune.align.judge"
local kl_of = require "perilune.align.evaluate.kl"
local options = require "perilune.options"
local show = require "perilune.align.show"
local policies = require "perilune.align.policy"
local stats = require "perilune.align.evaluate.stats"
local win_rate = require "perilune.align.evaluate.win_rate"

local spec = options.spec("evaluate.measure", {
  { "task", options.required "table", "the task: its limits, stop tokens and tokenizer" },
  { "reference", options.required(policies.types), "the start, from which the KL is measured" },
  { "judge", options.required "table|function", "who decides the win rate: gold" },
  { "prompts", options.required "table", "prompts of win rate and KL" },
  { "against", options.required "Rows", "the responses to compare with, to the same prompts" },
  { "proxy", options.optional "table|function", "the judge that labels online responses" },
  { "pairs", 128, "pairs of fresh responses for the proxy's accuracy", least = 1 },
  { "samples", 2, "responses given as text", least = 0 },
  { "seed", 0, "seed of the draws" },
})

--- A standard error, or nil where one prompt gives none: a point can be written as JSON.
local function defined(se) return se == se and se or nil end

--- Length and end of the responses: mean number of tokens, and the share that no stop token ends.
local function shape_of(task, drawn)
  local stops, unfinished = {}, {}
  for _, id in ipairs(task.stop) do stops[id] = true end
  for i, response in ipairs(drawn:responses()) do unfinished[i] = stops[response[#response]] and 0 or 1 end
  return drawn:lengths():mean():item(), stats.summary(unfinished).mean
end

--- The share of the responses that differ: 1 where no two are the same, token for token.
local function distinct(drawn)
  local seen, count = {}, 0
  for _, response in ipairs(drawn:responses()) do
    local ids = table.concat(response, " ")
    if not seen[ids] then seen[ids], count = true, count + 1 end
  end
  return count / #drawn
end

--- The mean of each part that the task's gold sees in responses; nil for a gold that shows no parts.
local function parts_of(task, drawn)
  if not task.gold_parts then return nil end
  local means, prompts, responses = {}, drawn:prompts(), drawn:responses()
  for i = 1, #drawn do
    for name, value in pairs(task:gold_parts(prompts[i], responses[i])) do
      if type(value) == "number" then means[name] = (means[name] or 0) + value / #drawn end
    end
  end
  return means
end

--- The share of pairs of two responses of the policy on which the proxy agrees with the judge; a tie of
-- either counts 1/2.
local function agreement(self, first, second)
  local gold = win_rate.compare(self.judge, first, second).wins
  local proxy = win_rate.compare(self.proxy, first, second).wins
  local agreed = {}
  for i, g in ipairs(gold) do
    agreed[i] = (g == 0.5 or proxy[i] == 0.5) and 0.5 or (g > 0.5) == (proxy[i] > 0.5) and 1 or 0
  end
  return stats.summary(agreed).mean
end

--- A function(policy, step) that measures a checkpoint: what `align.train` takes as `evaluate`.
--
--   local against = evaluate.baseline(golden, { task = task, prompts = prompts })
--   local measure = evaluate.measure {
--     task = task, reference = sft, judge = gold, prompts = prompts, against = against,
--   }
--   align.train { ..., evaluate = measure }
--
-- Win rate, KL, length and the proxy's win rate are of the same responses to the same prompts. The point is
-- plain data:
--
--   step, kl, kl_se, entropy            nats; the KL is a Rao-Blackwellised estimate
--   win, se, wins                       the win rate against `against` and the outcome of each prompt
--   win_at_equal_length                 the win rate without what goes with length: evaluate.equal_length
--   length, unfinished, distinct        mean tokens of a response, the share that ends at the limit, and the
--                                       share that differ from one another
--   proxy_win, proxy_accuracy           the proxy's own win rate; its agreement with the judge on fresh pairs
--   parts                               means of what the task's gold sees, such as `errors` of text
--   samples                             texts { prompt, response }
--   shown                               the same responses token by token, as HTML of align.show
--
-- Errors: an option is missing, unknown or out of range; prompts are no lists of ids; what evaluate.compare
-- and evaluate.kl refuse.
return function(given)
  local self = spec:fill(given)
  policies.check(self.reference, "evaluate.measure: reference")
  drawing.check(self.prompts, "evaluate.measure")
  self.judge, self.proxy = judges.as_judge(self.judge), self.proxy and judges.as_judge(self.proxy)
  if self.proxy == self.judge then self.proxy = nil end
  if #self.against ~= #self.prompts then
    error(("evaluate.measure: %d responses to compare with for %d prompts"):format(
      #self.against, #self.prompts), 2)
  end
  local task, lacks = self.task, {}
  for _, name in ipairs { "max_response", "stop", self.samples > 0 and "tokenizer" or nil } do
    if task[name] == nil then lacks[#lacks + 1] = name end
  end
  if #lacks > 0 then
    error(("evaluate.measure: option 'task' lacks %s; expected a task"):format(table.concat(lacks, ", ")), 2)
  end
  return function(policy, step)
    local function draw(prompts, role)
      local o = drawing.fill { task = task, prompts = prompts, seed = self.seed }
      return drawing.draw(policy, o, role)
    end
    local drawn = draw(self.prompts, "evaluation")
    local kl = kl_of(policy, self.reference, drawn)
    local compared = win_rate.compare(self.judge, drawn, self.against)
    local length, unfinished = shape_of(task, drawn)
    local longer = (drawn:lengths() - self.against:lengths()):totable()
    local point = {
      step = step, kl = kl.mean, kl_se = defined(kl.se), entropy = kl.entropy.mean, length = length,
        unfinished = unfinished, distinct = distinct(drawn),
      win = compared.mean, se = defined(compared.se), wins = compared.wins, samples = {},
      win_at_equal_length = equal_length(compared.wins, longer),
      parts = parts_of(task, drawn),
    }
    if self.proxy then
      local few = drawing.parts(drawn, self.pairs)()
      point.proxy_win = win_rate.compare(self.proxy, drawn, self.against).mean
      point.proxy_accuracy = agreement(self, few, draw(few:prompts(), "evaluation_second"))
    end
    for i = 1, math.min(self.samples, #drawn) do
      point.samples[i] = { task.tokenizer:decode(drawn:prompt(i)), task.tokenizer:decode(drawn:response(i)) }
    end
    if self.samples > 0 then
      local few = drawing.parts(drawn, self.samples)()
      point.shown = show(few, { task = task, policy = policy, reference = self.reference }):html()
    end
    return point
  end
end
