--- How good a policy is, and how far it went: win rate, exact KL, accuracy as a classifier, log-ratios.
--
-- Every figure is a table { mean, se, count }: the mean over prompts or pairs and its standard error.
local options = require "perilune.options"
local tensor = require "perilune.tensor"
local answers = require "perilune.align.answers"
local judges = require "perilune.align.judge"
local metrics = require "perilune.align.metrics"

local evaluate = {}

local function options_with(more)
  local all = answers.options(more)
  all.batch = options.integer(64, 1)
  return all
end

evaluate.summary = metrics.summary

local function slice(list, first, last)
  return table.move(list, first, math.min(last, #list), 1, {})
end

local function drawn(policy, given, role)
  local o = options.fill(options_with(), answers.given(given), "evaluate.responses")
  local responses = {}
  for start = 1, #o.prompts, o.batch do
    local part = answers.draw(policy, slice(o.prompts, start, start + o.batch - 1), o, role, start):responses()
    table.move(part, 1, #part, #responses + 1, responses)
  end
  return responses
end

--- One answer to each prompt: a list of lists of ids, in the order of the prompts.
--
--   evaluate.responses(policy, { task = task, prompts = prompts })
--
--   prompts               needed: a list of lists of ids
--   batch = 64            prompts of a draw or pass
--   task = nil            gives max_new_tokens and stop where they are not given
--   max_new_tokens = 32   tokens of an answer at most, its stop token included
--   temperature = 1.0     divides the logits; 0 takes the most likely token
--   top_k = 0             only the k most likely tokens; 0 for all
--   top_p = 1.0           only the most likely tokens that have this probability together
--   min_p = 0.0           only tokens at least this fraction as likely as the most likely one
--   stop = nil            a list of ids that end an answer, such as { tokenizer.eos }
--   seed = 0              of the draws
--
-- Errors: prompts are missing, an option is unknown or out of range; what model:sample refuses.
function evaluate.responses(policy, given) return drawn(policy, given, "evaluation") end

--- The same for the policy that others are compared with. Its answers are independent of what `responses` draws from
-- another policy by the same seed; those of `responses` itself would be coupled, and their win rate another quantity.
--
--   evaluate.baseline(golden, { task = task, prompts = prompts })
--
-- Options and errors as evaluate.responses.
function evaluate.baseline(policy, given) return drawn(policy, given, "baseline") end

--- The share of prompts on which a policy's answer is preferred to the fixed answers `against`; a tie counts 1/2. Also
-- gives `wins`, the outcome of each prompt. Tang et al. 2024, sec. 4: against one golden policy, judged by gold.
--
--   evaluate.win_rate(policy, { task = task, prompts = prompts, against = evaluate.baseline(golden, ...), judge = gold })
--
--   prompts               needed: a list of lists of ids
--   against               needed: an answer to compare with for each prompt
--   judge                 needed: of align.judge, or a function(prompt, a, b)
--   batch = 64            prompts of a draw or pass
--   task = nil            gives max_new_tokens and stop where they are not given
--   max_new_tokens = 32   tokens of an answer at most, its stop token included
--   temperature = 1.0     divides the logits; 0 takes the most likely token
--   top_k = 0             only the k most likely tokens; 0 for all
--   top_p = 1.0           only the most likely tokens that have this probability together
--   min_p = 0.0           only tokens at least this fraction as likely as the most likely one
--   stop = nil            a list of ids that end an answer, such as { tokenizer.eos }
--   seed = 0              of the draws
--
-- Gives the figure and the policy's answers. Errors: as many answers as prompts are wanted; an option is missing, unknown
-- or out of range.
function evaluate.win_rate(policy, given)
  local o = options.fill(
    options_with { against = options.required("table"), judge = options.required("any") }, answers.given(given), "evaluate.win_rate")
  local judge = judges.as_judge(o.judge)
  if #o.against ~= #o.prompts then
    error(("evaluate.win_rate: %d answers to compare with for %d prompts"):format(#o.against, #o.prompts), 2)
  end
  o.against, o.judge = nil, nil
  local responses = evaluate.responses(policy, o)
  return evaluate.compare(judge, o.prompts, responses, given.against), responses
end

--- The share of prompts on which `judge` prefers `responses[i]` to `against[i]`: { mean, se, count, wins }.
--
--   > evaluate.compare(function(prompt, a, b) return #a < #b end, { { 1 }, { 1 } }, { { 2 }, { 2, 2 } }, { { 2, 3 }, { 3 } }).mean
--   0.5
function evaluate.compare(judge, prompts, responses, against)
  judge = judges.as_judge(judge)
  if #responses ~= #prompts or #against ~= #prompts then
    error(("evaluate.compare: %d and %d answers for %d prompts"):format(#responses, #against, #prompts), 2)
  end
  local wins = {}
  for start = 1, #prompts, 64 do
    local last = start + 63
    local asked = judges.ask(judge, slice(prompts, start, last), slice(responses, start, last), slice(against, start, last))
    for _, preferred in ipairs(asked) do
      wins[#wins + 1] = preferred
    end
  end
  local result = evaluate.summary(wins)
  result.wins = wins
  return result
end

--- KL(policy || reference) of whole answers, in nats: one answer of the policy to each prompt, at every token the exact
-- KL over the vocabulary, summed over the answer, averaged over prompts; and the policy's entropy alike.
--
-- Unbiased, with less variance than sums of log-ratios (Rao-Blackwell). Tang et al. 2024, sec. 4.
--
--   evaluate.kl(policy, sft, { task = task, prompts = prompts }).mean
--
--   prompts               needed: a list of lists of ids
--   responses = nil       answers drawn before from the policy, instead of fresh ones
--   batch = 64            prompts of a draw or pass
--   task = nil            gives max_new_tokens and stop where they are not given
--   max_new_tokens = 32   tokens of an answer at most, its stop token included
--   temperature = 1.0     divides the logits; 0 takes the most likely token
--   top_k = 0             only the k most likely tokens; 0 for all
--   top_p = 1.0           only the most likely tokens that have this probability together
--   min_p = 0.0           only tokens at least this fraction as likely as the most likely one
--   stop = nil            a list of ids that end an answer, such as { tokenizer.eos }
--   seed = 0              of the draws
--
-- Gives { mean, se, count, entropy = { mean, se, count } }. Errors: prompts are missing, an option is unknown or out of
-- range; what model:kl refuses.
function evaluate.kl(policy, reference, given)
  local o = options.fill(options_with { responses = options.optional("table") }, answers.given(given), "evaluate.kl")
  local responses = o.responses
  o.responses = nil
  responses = responses or evaluate.responses(policy, o)
  local kls, entropies = {}, {}
  for start = 1, #o.prompts, o.batch do
    local last = start + o.batch - 1
    local kl, entropy = policy:kl(reference, slice(o.prompts, start, last), slice(responses, start, last))
    table.move(kl:totable(), 1, kl:numel(), #kls + 1, kls)
    table.move(entropy:totable(), 1, entropy:numel(), #entropies + 1, entropies)
  end
  local result = evaluate.summary(kls)
  result.entropy = evaluate.summary(entropies)
  return result
end

--- Log-ratios log pi(y|x) - log pi_ref(y|x) of the chosen and the rejected answers of pairs: two lists.
local function log_ratios(policy, reference, dataset, batch)
  local chosen, rejected = {}, {}
  for start = 1, #dataset, batch do
    local prompts, winners, losers = {}, {}, {}
    for i = start, math.min(start + batch - 1, #dataset) do
      local pair = dataset[i]
      prompts[#prompts + 1], winners[#winners + 1], losers[#losers + 1] = pair.prompt, pair.chosen, pair.rejected
    end
    tensor.no_grad(function()
      for given, into in pairs { [winners] = chosen, [losers] = rejected } do
        local ratio = policy:logps(prompts, given) - reference:logps(prompts, given)
        table.move(ratio:totable(), 1, #prompts, #into + 1, into)
      end
    end)
  end
  return chosen, rejected
end

--- Mean log-ratio of the chosen and of the rejected answers (fig. 8, bottom; the paper draws the chosen only).
--
--   evaluate.log_ratios(policy, sft, dataset).chosen.mean
function evaluate.log_ratios(policy, reference, dataset)
  local chosen, rejected = log_ratios(policy, reference, dataset, 64)
  return { chosen = evaluate.summary(chosen), rejected = evaluate.summary(rejected) }
end

--- How often the policy, read as a classifier, agrees with the order of pairs: it prefers y1 iff its log-ratio is the
-- larger. A tie counts 1/2, so that the reference itself scores 1/2. Tang et al. 2024, sec. 5.3.
--
--   evaluate.accuracy(policy, sft, dataset).mean
function evaluate.accuracy(policy, reference, dataset)
  local chosen, rejected = log_ratios(policy, reference, dataset, 64)
  local right = {}
  for i, c in ipairs(chosen) do right[i] = c > rejected[i] and 1 or c < rejected[i] and 0 or 0.5 end
  return evaluate.summary(right)
end

return require "perilune.options".strict("align.evaluate", evaluate)
