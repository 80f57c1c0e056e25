--- KL(policy || reference) and entropy of whole responses, in nats.
local options = require "perilune.options"
local drawing = require "perilune.align.evaluate.responses"
local policies = require "perilune.align.policy"
local stats = require "perilune.align.evaluate.stats"

--- A Rao-Blackwellised estimate: one response of the policy to each prompt, at every token the KL over the
-- whole vocabulary, summed over the response, averaged over the prompts. It is unbiased and varies less than
-- sums of log-ratios; it is exact at each token but a sample mean over responses, so it has a standard error.
-- Tang et al. 2024, sec. 4.
--
--   evaluate.kl(policy, sft, { task = task, prompts = prompts }).mean
--   evaluate.kl(policy, sft, evaluate.responses(policy, { task = task, prompts = prompts })).mean
--
-- `given` has the options of evaluate.responses, or is Rows that the policy wrote. Gives { mean, se, count,
-- entropy = { mean, se, count } } in nats. Errors: one is no policy; prompts are missing or no lists of ids;
-- an option is unknown or out of range; what model:kl refuses; a KL is NaN.
--
--   > local kl = require "perilune.align.evaluate.kl"
--   > kl(nil, nil, {})
--   evaluate.kl: policy: expected a Model or a table with the methods of a policy; got nil
return function(policy, reference, given)
  policies.check(policy, "evaluate.kl: policy")
  policies.check(reference, "evaluate.kl: reference")
  local rows, batch = given, 64
  if type(given) ~= "userdata" then
    local o = drawing.fill(given)
    drawing.check(o.prompts, "evaluate.kl")
    rows, batch = drawing.draw(policy, o, "evaluation"), o.batch
  elseif (getmetatable(given) or {}).__name ~= "Rows" then
    error("evaluate.kl: expected options or Rows, got " .. options.show(given), 2)
  end
  local kls, entropies = {}, {}
  for part in drawing.parts(rows, batch) do
    local kl, entropy = policies.kl(policy, reference, part)
    table.move(kl:totable(), 1, #part, #kls + 1, kls)
    table.move(entropy:totable(), 1, #part, #entropies + 1, entropies)
  end
  local result = stats.summary(kls, "evaluate.kl")
  result.entropy = stats.summary(entropies, "evaluate.kl: entropy")
  return result
end
