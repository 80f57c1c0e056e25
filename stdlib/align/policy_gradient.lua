--- What the losses on groups of responses share.
--
-- These are their options, advantages, importance ratios, clipping, the KL, and how tokens are added up.
-- GRPO and its forms (`loss.grpo`, `loss.dapo`, `loss.gspo`, ...) differ in the loss of a token and in what
-- the sum over a response is divided by.
--
-- A term is a function(t, o) that gives one loss a token [N]. `t` has `ratio` (pi / pi_old at every token, as
-- `importance_sampling_level` says), `log_ratio` (of single tokens), `advantage`, `logps`, all [N], and
-- `batch`. A sum is a function(sums, batch, o) of the sums over the responses [n].
local options = require "perilune.options"
local advantage = require "perilune.align.advantage"
local divergence = require "perilune.align.divergence"
local loss = require "perilune.align.loss"
local tensor = require "perilune.tensor"

local exp = loss.shared.exp

local policy_gradient = {}

--- The entry `importance_sampling_level` with a default.
function policy_gradient.level(default)
  return { "importance_sampling_level", default, "ratio of each token, of the response (geometric mean over "
    .. "tokens), or of the response with the gradient of each token",
    choices = { "token", "sequence", "sequence_token" } }
end

--- The entries of losses that clip the ratio (`term = policy_gradient.clipped`), under TRL's names.
policy_gradient.clipping = options.spec("align.policy_gradient.clipping", {
  { "epsilon", 0.2, "how far the ratio may fall below 1", least = 0 },
  { "epsilon_high", options.optional("number", 0), "how far it may rise above 1; epsilon unless given" },
  { "delta", options.optional("number", 0), "cap of the ratio that is not clipped (two-sided clipping)" },
})

--- The entries of all losses here, under TRL's names.
policy_gradient.options = options.spec("align.policy_gradient", {
  { "beta", 0.0, "weight of the KL from the reference; 0 reads no reference", least = 0 },
  policy_gradient.level "token",
  { "use_bias_correction_kl", true, "multiply the KL by the ratio: its gradient on policy is then k1's" },
  { "mask_truncated_completions", false, "leave out responses that end without a stop token" },
  { "off_policy_mask_threshold", options.optional("number", 0),
    "leave out responses with a negative advantage and a mean of log pi_old - log pi above this" },
  advantage.options,
})

--- -min(rho A, clip(rho, 1 - epsilon, 1 + epsilon_high) A), and the shares that are clipped.
function policy_gradient.clipped(t, o)
  local low, high = 1 - o.epsilon, 1 + (o.epsilon_high or o.epsilon)
  local free = o.delta and t.ratio:clamp(nil, o.delta) or t.ratio
  local value = -(free * t.advantage):minimum(t.ratio:clamp(low, high) * t.advantage)
  local ratio, negative, positive = free:detach(), t.advantage:lt(0), t.advantage:gt(0)
  return value, {
    ["clip_ratio/low"] = ratio:lt(low):logical_and(negative):to "f32",
    ["clip_ratio/high"] = ratio:gt(high):logical_and(positive):to "f32",
  }
end

--- The sum over a response divided by its tokens.
function policy_gradient.over_row(sums, batch) return sums / batch.counted:clamp(1) end

--- The sum over a response; the trainer's mean over responses is all that it is divided by.
function policy_gradient.over_rows(sums) return sums end

--- Divided by the mean number of tokens of the optimiser step, so that the step is a mean over tokens.
function policy_gradient.over_step(sums, batch) return loss.over_tokens(sums, batch, "counted") end

--- Divided by the mean number of tokens of the whole batch, whatever part of it the step is.
function policy_gradient.over_batch(sums, batch) return sums / batch.mean_counted end

--- Divided by the longest response that could have been drawn.
function policy_gradient.over_limit(sums, _, o) return sums / o.max_completion_length end

--- The entry `max_completion_length`, for `over_limit`.
policy_gradient.limit = { "max_completion_length", 256,
  "divisor of the sum over a response: a constant factor of the loss", least = 1 }

--- The importance ratio at each token. Like all ratios here it goes on along its tangent beyond e^60, so that
-- a response that became far more probable has a finite gradient.
function policy_gradient.ratio(batch, log_ratio, level)
  if level == "token" then return exp(log_ratio) end
  local whole = batch:spread(batch:means(log_ratio))
  if level == "sequence" then return exp(whole) end
  return exp(batch.logps - batch.logps:detach() + whole:detach())
end

--- Sets `advantage`, `counted` (tokens that count), and their mean over the batch.
local function prepare(batch, o, name)
  advantage.check_groups(batch:units(), "loss." .. name)
  batch.advantage = advantage.of_groups(batch, o)
  local counted = batch.lengths:to(batch.reward:dtype())
  if o.mask_truncated_completions then counted = counted * batch.finished end
  batch.counted = counted
  local mean = math.max(counted:mean():item(), 1 / counted:numel())
  batch.mean_counted = tensor.full({ counted:numel() }, mean, { dtype = counted:dtype() })
end

--- 1 for each response that counts, 0 for another; nil where all do.
local function kept(batch, log_ratio, o)
  local mask = o.mask_truncated_completions and batch.finished or nil
  if not o.off_policy_mask_threshold then return mask, nil end
  local stale = batch:means(-log_ratio:detach()):gt(o.off_policy_mask_threshold)
  return mask, batch.advantage:ge(0):logical_or(stale:logical_not()):to(log_ratio:dtype())
end

--- The losses of the responses of a batch [n], from those of their tokens.
local function of_batch(batch, o, form)
  local log_ratio = batch.logps - batch.old_logps
  local t = {
    batch = batch, log_ratio = log_ratio, logps = batch.logps, advantage = batch:spread "advantage",
    ratio = policy_gradient.ratio(batch, log_ratio, o.importance_sampling_level),
  }
  local tokens, figures = form.term(t, o)
  local mask, fresh = kept(batch, log_ratio, o)
  if fresh then tokens = tokens * batch:spread(fresh) end
  if o.beta > 0 then
    local kl = divergence.k3(batch.ref_logps - batch.logps)
    figures = figures or {}
    figures.kl = kl
    tokens = tokens + o.beta * (o.use_bias_correction_kl and kl * t.ratio or kl)
  end
  local sums = batch:sums(tokens)
  if mask then sums = sums * mask end
  return form.sum(sums, batch, o), figures
end

--- What a loss on groups reads of a batch.
function policy_gradient.reads(o)
  local reads = { "logps", "old_logps", "advantage" }
  if o.beta > 0 then reads[#reads + 1] = "ref_logps" end
  return reads
end

--- A loss on groups: `name`, `paper`, `trl`, `options` (its own, or other defaults), `term` and `sum`.
function policy_gradient.define(given)
  local entries = { policy_gradient.options, table.unpack(given.options or {}) }
  if given.term == policy_gradient.clipped then table.insert(entries, 1, policy_gradient.clipping) end
  return loss.define {
    name = given.name, paper = given.paper, trl = given.trl, per = "row",
    source = { name = "groups", responses = 8 },
    options = entries,
    reads = policy_gradient.reads,
    prepare_reads = function(o)
      return o.mask_truncated_completions and { "group", "reward", "finished" } or { "group", "reward" }
    end,
    prepare = function(batch, o) prepare(batch, o, given.name) end,
    loss = function(batch, o) return of_batch(batch, o, given) end,
  }
end

return policy_gradient
