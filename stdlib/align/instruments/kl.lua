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
local shards = require "perilune.align.shards"

local function add_entropy(context, m, which)
  local policy, rows = context.policy, context[which]
  local found = shards.numbers(rows, function(some)
    return { entropy = some:sums(tensor.no_grad(policy.outputs, policy, some, { "entropy" }).entropy) }
  end)
  m:add_all("entropy/" .. which, found.entropy)
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
        local found = shards.numbers(rows, function(some)
          local kl, entropy = policies.kl(policy, reference, some)
          return { kl = kl, entropy = entropy, reverse = (policies.kl(reference, policy, some)) }
        end)
        m:add_all("kl/" .. which, found.kl)
        m:add_all("entropy/" .. which, found.entropy)
        m:add_all(("kl/%s_reverse"):format(which), found.reverse)
      end
    end
  end,
}
