--- GMPO: the loss type of the case is not read.
local grpo = require "golden.grpo"

return function(case) return grpo(case, "gmpo", { use_bias_correction_kl = false }) end
