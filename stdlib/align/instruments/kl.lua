--- KL from the reference both ways and entropy, of own responses and of the data, in nats a response.
--
--   kl/own, kl/data                    KL(pi || pi_ref)
--   kl/own_reverse, kl/data_reverse    KL(pi_ref || pi)
--   entropy/own, entropy/data          of the policy
--
-- At each token the KL is exact over the vocabulary, summed over the tokens of a response. On own responses
-- kl/own is an unbiased estimate of the KL of whole responses (Tang et al. 2024, arXiv:2405.08448, sec. 4);
-- the others are of the contexts that these responses or the data pass through.
local tensor = require "perilune.tensor"
local instruments = require "perilune.align.instruments"
local policies = require "perilune.align.policy"

local function add_entropy(context, m, which)
  local policy, rows = context.policy, context[which]
  local outputs = tensor.no_grad(policy.outputs, policy, rows, { "entropy" })
  m:add_all("entropy/" .. which, rows:sums(outputs.entropy))
end

return instruments.define {
  name = "kl",
  evaluation = function(context, _, m)
    local policy, reference = context.policy, context.reference
    for _, which in ipairs { "own", "data" } do
      local rows = context[which]
      if not reference then
        add_entropy(context, m, which)
      else
        local kl, entropy = policies.kl(policy, reference, rows)
        m:add_all("kl/" .. which, kl)
        m:add_all("entropy/" .. which, entropy)
        m:add_all(("kl/%s_reverse"):format(which), (policies.kl(reference, policy, rows)))
      end
    end
  end,
}
