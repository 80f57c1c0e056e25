--- TRL's KTOTrainer. The rows are real, so that the loss pairs prompts and responses itself; the models say
-- the recorded log-probabilities of these pairs, and check that they are the ones.
local batches = require "perilune.align.batch"
local loss = require "perilune.align.loss"
local models = require "perilune.models"
local pack = require "golden.pack"
local tensor = require "perilune.tensor"

--- Row i has the prompt { i } and a response of ids i.
local function rows_of(lengths)
  local prompts, responses = {}, {}
  for i, length in ipairs(lengths) do
    prompts[i], responses[i] = { i }, {}
    for k = 1, length do responses[i][k] = i end
  end
  return models.rows(prompts, responses)
end

--- A model that says `logps`, one list a row, of each prompt i with the response of row i - 1.
local function says(logps)
  local sums = {}
  for i, row in ipairs(logps) do
    sums[i] = 0
    for _, x in ipairs(row) do sums[i] = sums[i] + x end
  end
  return { logps = function(_, rows)
    for i, response in ipairs(rows:responses()) do
      assert(rows:prompt(i)[1] == i and #response == #logps[i])
      assert(response[1] == (i - 2) % #logps + 1, "the response is not that of the row before")
    end
    return pack.f64(sums)
  end }
end

return function(case)
  local i, o = case.inputs, case.inputs.options
  local leaf, lengths = pack.rows(i.policy, true)
  local batch = batches.new { rows = rows_of(lengths), label = i.label }
  batch:set_tokens("logps", leaf)
  batch:set_tokens("ref_logps", (pack.rows(i.ref)))
  local name = o.loss_type == "apo_zero_unpaired" and "apo_zero_unpaired" or "kto"
  local bound = loss[name] {
    beta = o.beta, desirable_weight = o.desirable_weight, undesirable_weight = o.undesirable_weight,
  }
  local given = { policy = i.kl_policy and says(i.kl_policy), reference = i.kl_ref and says(i.kl_ref) }
  local value = pack.step(bound, batch, given)
  local metrics = name == "kto" and { kl = tensor.mean(batch.z) } or nil
  return { loss = value, inputs = { policy = leaf }, metrics = metrics }
end
