--- Nash-MD: P is the sigmoid of the difference of scores; the mixture's sample has no part in the loss. The
-- cases of the mixture compare its log-probabilities.
local align = require("perilune").align
local pack = require "golden.pack"

--- log-softmax of m reference + (1 - m) policy, by logits: what the sampler draws from.
local function mixture(i)
  local m, found = i.options.mixture_coef, {}
  for row, logits in ipairs(i.policy_logits) do
    local own, other = pack.f64(logits), pack.f64(i.ref_logits[row])
    found[row] = (own * (1 - m) + other * m):log_softmax(-1):totable()
  end
  return { outputs = { mixture_log_probs = found } }
end

return function(case)
  local i = case.inputs
  if i.policy_logits then return mixture(i) end
  local n, label = #i.policy, {}
  for row = 1, n do
    label[row] = 1 / (1 + math.exp(i.score_mixture_sample[row] - i.score_policy_sample[row]))
    label[n + row] = 1 - label[row]
  end
  local logps, lengths = pack.rows(i.policy, true)
  local writer = {}
  for row = 1, n do
    lengths[n + row], writer[row], writer[n + row] = 0, "policy", "mixture"
  end
  local pair = align.batch.plain {
    pairs = true, lengths = lengths, logps = logps, ref_logps = (pack.rows(i.ref)), label = pack.f64(label),
    writer = writer,
  }
  local value = align.loss.nash_md { beta = i.options.beta, kl = "token" }(pair)
  return { loss = value:mean(), inputs = { policy = logps } }
end
