--- A writer whose next token comes from two models: logits (1 - weight) policy + weight reference.
--
-- This is the geometric mixture of Nash-MD, Munos et al. 2023, arXiv:2312.00886, sec. 4. Given as `second` of
-- `sources.online`.
--
--   local mixture = align.sources.mixture { reference = sft, weight = 0.5 }
--   align.sources.online { judge = judge, prompts = prompts, second = mixture }
--
--   > local small = { vocab = 5, dim = 4, layers = 1, heads = 1, max_length = 8 }
--   > mixture { reference = require "perilune.models".transformer(small) }.kind
--   mixture
local options = require "perilune.options"
local policies = require "perilune.align.policy"
local source = require "perilune.align.source"

local spec = options.spec("sources.mixture", {
  { "reference", options.required(policies.types), "the policy that is mixed with the trained one" },
  { "weight", 0.5, "weight of the reference", least = 0, most = 1 },
})

return function(given)
  local o = spec:fill(given)
  policies.check(o.reference, "sources.mixture: reference")
  return source.new(spec, o, {
    is_free = true,
    sample = function(_, policy, prompts, how)
      how.mixture, how.mixture_weight = o.reference, o.weight
      return policy:sample(prompts, how)
    end,
  })
end
