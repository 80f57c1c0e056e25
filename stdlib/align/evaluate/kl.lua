--- KL(policy || reference) and entropy of whole responses, in nats.
local drawing = require "perilune.align.evaluate.responses"
local options = require "perilune.options"
local stats = require "perilune.align.evaluate.stats"

local spec = options.spec("evaluate.kl", {
  drawing.options,
  { "responses", options.optional "table", "responses drawn before from the policy, instead of fresh ones" },
})

--- A Rao-Blackwellised estimate: one response of the policy to each prompt, at every token the KL over the
-- whole vocabulary, summed over the response, averaged over the prompts. It is unbiased and varies less than
-- sums of log-ratios; it is exact at each token but a sample mean over responses, so it has a standard error.
-- Tang et al. 2024, sec. 4.
--
--   evaluate.kl(policy, sft, { task = task, prompts = prompts }).mean
--
-- Gives { mean, se, count, entropy = { mean, se, count } }. Errors: prompts are missing, an option is unknown
-- or out of range; what model:kl refuses; a KL is NaN.
return function(policy, reference, given)
  local o = spec:fill(drawing.given(given))
  local drawn = o.responses or drawing.draw(policy, o, "evaluation")
  if #drawn ~= #o.prompts then
    error(("evaluate.kl: %d responses for %d prompts"):format(#drawn, #o.prompts), 2)
  end
  local function slice(list, first, last) return table.move(list, first, math.min(last, #list), 1, {}) end
  local kls, entropies = {}, {}
  for start = 1, #o.prompts, o.batch do
    local last = start + o.batch - 1
    local kl, entropy = policy:kl(reference, slice(o.prompts, start, last), slice(drawn, start, last))
    table.move(kl:totable(), 1, kl:numel(), #kls + 1, kls)
    table.move(entropy:totable(), 1, entropy:numel(), #entropies + 1, entropies)
  end
  local result = stats.summary(kls, "evaluate.kl")
  result.entropy = stats.summary(entropies, "evaluate.kl: entropy")
  return result
end
