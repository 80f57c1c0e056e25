--- A run of align.train before its first step: options filled, and checked against each other.
local attempt = require "perilune.attempt"
local mpi = require "perilune.native.mpi"
local options = require "perilune.options"
local optim = require "perilune.optim"
local losses = require "perilune.align.loss"
local policies = require "perilune.align.policy"
local recorded = require "perilune.align.runs.recorded"
local new_run = require "perilune.align.train.run"
local reference = require "perilune.align.train.reference"
local shards = require "perilune.align.shards"

local spec = options.spec("align.train", {
  { "policy", options.required(policies.types), "trained in place, see align.policy" },
  { "reference", options.optional(policies.types),
    "frozen, and another model than the policy; required where the loss reads it" },
  { "source", options.required "table", "gives a batch for each step, see align.sources" },
  { "loss", options.required "function|string",
    "of align.loss, its name, or a function of a batch that returns one number a pair" },
  { "steps", options.integer(nil, 1), "optimiser steps" },
  optim.options,
  { "gradient_accumulation_steps", 1, "parts a batch is divided into, for less memory; the step is the same",
    least = 1 },
  shards.options,
  { "mini_batches", 1, "optimiser steps on a batch in one epoch, each on a part of it", least = 1 },
  { "epochs", 1, "passes over a batch before the next one is drawn", least = 1 },
  { "shuffle_mini_batches", false, "the units of a batch in a new order in each of its epochs" },
  { "seed", 0, "seed of that order" },
  reference.options,
  { "evaluate", options.optional "function",
    "function(policy, step, run): a table of figures, appended to run.points" },
  { "evaluate_every", options.optional "integer|table|function",
    "steps between calls of evaluate (50 unless given), a list of steps, or a function(policy, step, run), "
    .. "called before each step, that tells whether the policy after it is evaluated; the last always is",
    least = 1 },
  { "checkpoint_every", 0, "steps between copies of the policy in run.checkpoints; 0 for none", least = 0 },
  { "instruments", options.optional "boolean|table",
    "what a run measures besides its loss, see align.instruments; false for nothing" },
  { "log_every", 1, "steps between rows of run.log", least = 1 },
  { "record", false, "store every batch in run.stream, for align.sources.replay" },
  recorded.options,
  { "label", "", "label of the progress bar; the source's name unless given" },
  { "quiet", false, "no progress bar" },
  { "live", options.optional "boolean|table",
    "draws the log as it grows: a plot.live, or true for loss and margin" },
})

local function refuse(message, ...) error("align.train: " .. message:format(...), 4) end

--- Whether a loss reads the reference.
local function reads_reference(loss)
  for _, list in ipairs { loss.reads, loss.prepare_reads } do
    for _, name in ipairs(list) do
      if name:match "^ref_(.*)" and losses.outputs[name:match "^ref_(.*)"] then return true end
    end
  end
  return false
end

--- Refuses a model with a weight that is not finite: a step would say so later, and of the reference by its
-- log-probabilities only.
local function check_weights(model, what)
  if type(model) ~= "userdata" then return end
  local weights, names = model:parameters()
  if optim.is_finite(weights) then return end
  for i, weight in ipairs(weights) do
    if not optim.is_finite { weight } then refuse("weight '%s' of the %s is not finite", names[i], what) end
  end
end

--- The name of a weight that trains with the policy and belongs to the reference; nil if there is none.
local function shared_weight(policy, other)
  if type(policy) ~= "userdata" or type(other) ~= "userdata" then return nil end
  local own, theirs = {}, { other:parameters() }
  for i, name in ipairs(theirs[2]) do own[name] = theirs[1][i] end
  local weights, names = policy:parameters()
  for i, name in ipairs(names) do
    if weights[i]:requires_grad() and weights[i] == own[name] then return name end
  end
end

local function check_models(o)
  policies.check(o.policy, "align.train: policy", 4)
  check_weights(o.policy, "policy")
  if not o.reference then
    if o.sync_ref_model then refuse "sync_ref_model moves the reference, and none is given" end
    if reads_reference(o.loss) then
      refuse("loss '%s' reads the reference, and none is given", o.loss.name)
    end
    return
  end
  policies.check(o.reference, "align.train: reference", 4)
  check_weights(o.reference, "reference")
  local kept = reference.dtype(o.reference)
  if o.sync_ref_model and kept then
    refuse("sync_ref_model moves the reference, whose weights are kept as %s: load it with dtype = \"f32\"",
      kept)
  end
  local vocab, other = o.policy:config().vocab, o.reference:config().vocab
  if vocab ~= other then
    refuse("the policy has a vocabulary of %d tokens, the reference of %d", vocab, other)
  end
  if o.policy == o.reference then
    refuse "policy and reference are one model: give policy = reference:clone()"
  end
  if type(o.reference) == "userdata" and o.reference:base() == o.policy then
    refuse "the policy is the base of the reference, which would change with it: give policy = policy:clone()"
  end
  local shared = shared_weight(o.policy, o.reference)
  if shared then
    refuse("'%s' of the policy is the reference's too, which would change with it: give policy = "
      .. "policy:clone()", shared)
  end
  o.reference = reference.as_precise(o.reference, o.policy)
end

--- The reference moves between batches: what is computed of it belongs to a whole batch.
local function check_moves(o)
  local count = o.epochs * o.mini_batches
  if o.sync_ref_model and o.ref_model_sync_steps % count ~= 0 then
    refuse("ref_model_sync_steps = %d is no multiple of the %d steps on a batch (epochs x mini_batches)",
      o.ref_model_sync_steps, count)
  end
end

--- The steps between evaluations, or the list of their steps.
local function checked_steps(every)
  for i, step in ipairs(type(every) == "table" and every or {}) do
    if math.type(step) ~= "integer" or step < 1 then
      refuse("evaluate_every: step %d of the list must be a whole number of at least 1, not %s", i,
        options.show(step))
    end
  end
  return every
end

--- What draws the log: a plot.live, or nil. One process of a job draws.
local function live_of(o)
  if not o.live or mpi.rank() > 0 then return nil end
  if o.live == true then
    return require "perilune.plot".live { xlabel = "step", figures = { "loss", "rewards/margins" } }
  end
  if type(o.live.log) ~= "function" or type(o.live.finish) ~= "function" then
    refuse("live must be true or a plot.live, not %s", options.show(o.live))
  end
  return o.live
end

--- The run of the options `given`. Errors point at the caller of align.train.
return function(given)
  local o = spec:fill(given, 2)
  if type(o.source.batch) ~= "function" then refuse "source has no method batch, see align.sources" end
  if type(o.loss) == "string" then
    local ok, named = attempt.call(losses.named, o.loss)
    if not ok then refuse("%s", named) end
    o.loss = named
  end
  if losses.is_definition(o.loss) then
    refuse("loss '%s' needs its options: give loss = align.loss.%s {}", o.loss.name, o.loss.name)
  end
  if getmetatable(o.loss) == nil or type(o.loss) == "function" then
    o.loss = losses.from_function(o.loss, o.reference ~= nil)
  end
  check_models(o)
  check_moves(o)
  o.evaluate_every = checked_steps(o.evaluate_every or 50)
  if o.source.steps and o.steps > o.source.steps * o.epochs * o.mini_batches then
    refuse("'%s' has batches for %d steps, fewer than %d", o.source.name, o.source.steps, o.steps)
  end
  if o.shards > 0 and o.gradient_accumulation_steps > 1 then
    refuse("shards = %d divides a step already: gradient_accumulation_steps must be 1, not %d", o.shards,
      o.gradient_accumulation_steps)
  end
  local pieces = math.max(o.gradient_accumulation_steps, o.shards) * o.mini_batches
  if pieces > 1 and not o.loss.splits then
    refuse("loss '%s' of a batch is no mean over its parts: gradient_accumulation_steps, mini_batches and "
      .. "shards must be 1", o.loss.name)
  end
  if o.source.check then o.source:check(o) end
  o.live = live_of(o)
  return new_run(o)
end
