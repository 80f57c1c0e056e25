--- What losses on single labelled responses share: options, weights of both classes, log-ratios.
local options = require "perilune.options"
local pair_losses = require "perilune.align.loss_pair"

local unpaired = {}

unpaired.options = options.spec("align.unpaired", { pair_losses.beta, pair_losses.norm })

unpaired.weights = options.spec("align.unpaired_weights", {
  { "desirable_weight", 1.0, "weight of the losses of desirable responses", least = 0 },
  { "undesirable_weight", 1.0, "weight of the losses of the others", least = 0 },
})

--- log pi(y|x) - log pi_ref(y|x) of each row, [n]; of its mean over tokens with `norm = "mean"`.
function unpaired.log_ratios(batch, o)
  local how = o.norm == "mean" and "means" or "sums"
  return batch[how](batch, "logps") - batch[how](batch, "ref_logps")
end

--- 1 for each desirable response and 0 for the others, [n], in the dtype of `like`.
function unpaired.labels(batch, like) return batch.label:to(like:dtype()) end

--- `losses` times the weights of their classes, [n].
--
--   > print(unpaired.weighted(T{1, 1}, T{1, 0}, { desirable_weight = 1.5, undesirable_weight = 1 }))
--   [1.5, 1.0]
--   [Tensor f32 2]
function unpaired.weighted(losses, label, o)
  return losses * (o.undesirable_weight + (o.desirable_weight - o.undesirable_weight) * label)
end

return options.strict("align.unpaired", unpaired)
