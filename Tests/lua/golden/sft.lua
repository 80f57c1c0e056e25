--- TRL's SFTTrainer on the winners of best-of-2. `num_items_in_batch` are the tokens of the whole step.
local loss = require "perilune.align.loss"
local tensor = require "perilune.tensor"
local batches = require "perilune.align.batch"
local pack = require "golden.pack"

return function(case)
  local kind, rest = case.inputs.options.loss_type, case.inputs.options.num_items_in_batch
  local leaf, lengths = pack.rows(case.inputs.policy, true)
  local logps = leaf
  if kind == "dft" then
    -- A loss on pairs: the rejected responses are empty.
    for i = 1, #lengths do lengths[#lengths + 1] = i * 0 end
  elseif kind ~= "nll" then
    return nil, "no loss for " .. tostring(kind)
  end
  local batch = batches.plain { lengths = lengths, pairs = kind == "dft", logps = logps }
  local losses = loss[kind] {}(batch)
  if not rest then return { loss = losses:mean(), inputs = { policy = leaf } } end
  -- A piece of a step that has one more row, with the other tokens: the trainer divides by the step's rows.
  local whole = table.move(lengths, 1, #lengths, 1, {})
  whole[#whole + 1] = rest - leaf:numel()
  local count = kind == "dft" and #case.inputs.policy or #lengths
  rawset(batch, "part", batches.plain {
    lengths = whole, logps = tensor.zeros(rest, "f64") })
  losses = loss[kind] {}(batch)
  return { loss = losses:sum() / (count + 1), inputs = { policy = leaf } }
end
