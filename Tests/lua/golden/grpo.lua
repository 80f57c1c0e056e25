--- GRPO and its forms: each `loss_type` is a loss of its own here, except that of gmpo and gspo_token.
local align = require("perilune").align
local pack = require "golden.pack"

--- The loss of a case: its options are TRL's.
local function loss_of(name, given)
  local make = align.loss[name]
  return make(pack.only(given, make.spec:names()))
end

--- The whole generation batch, prepared, and its log-probabilities.
local function batch_of(inputs)
  local logps, lengths = pack.rows(inputs.policy, true)
  local given = {
    lengths = lengths, logps = logps, old_logps = inputs.old and pack.rows(inputs.old) or logps:detach(),
    ref_logps = inputs.ref and pack.rows(inputs.ref), finished = inputs.ends_with_eos,
    group = pack.groups(#lengths, inputs.group_size),
  }
  given.reward, given.rewards = pack.rewards(inputs.rewards, #lengths)
  return align.batch.plain(given), logps
end

--- The rows of one of `n` micro-batches of a prepared batch, as a batch of its own.
local function micro_batch(batch, k, n)
  local rows, first = #batch.segments // n, 0
  local lengths, given = {}, {}
  for row = 1, k * rows do first = first + batch.segments.list[row] end
  for i = 1, rows do
    lengths[i] = batch.segments.list[k * rows + i]
  end
  local count = 0
  for _, length in ipairs(lengths) do count = count + length end
  for _, name in ipairs { "logps", "old_logps", "ref_logps" } do
    given[name] = batch[name] and batch[name]:narrow(1, first + 1, count)
  end
  for _, name in ipairs { "advantage", "counted", "mean_counted", "finished" } do
    given[name] = batch[name] and batch[name]:narrow(1, k * rows + 1, rows)
  end
  given.lengths = lengths
  return align.batch.plain(given)
end

return function(case, name, changes)
  local inputs = case.inputs
  local o = inputs.options
  for option, value in pairs(changes or {}) do o[option] = value end
  local loss = loss_of(name or o.loss_type, o)
  local batch, logps = batch_of(inputs)
  loss:prepare(batch, {})
  local outputs = { advantages = batch.advantage:totable() }
  local value, figures
  if o.micro_batches then
    value, figures = loss(micro_batch(batch, o.micro_batch, o.micro_batches))
    value = value:mean() / (o.gradient_accumulation_steps or o.micro_batches)
  else
    value, figures = loss(batch)
    value = value:mean()
  end
  local metrics = {}
  -- TRL's `kl` has the ratio in it where that is in the loss; on the level of responses it averages over
  -- rows.
  if figures and o.importance_sampling_level == "token" and not o.micro_batches then
    metrics.kl = o.use_bias_correction_kl == false and figures.kl and figures.kl:mean():item() or nil
    metrics.cispo_clip_ratio = figures.cispo_clip_ratio and figures.cispo_clip_ratio:mean():item() or nil
  end
  return { loss = value, inputs = { policy = logps }, outputs = outputs, metrics = metrics }
end
