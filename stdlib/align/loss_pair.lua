--- What losses on pairs share: options declared once, sums over a response, log-ratios, divergences, weights.
--
-- `align.loss` has the functions: `loss.log_ratios`, `loss.margin`, `loss.sums`, `loss.normed`. The options
-- are specs; a loss lists those that make sense for it, and may declare a name again to change its default.
--
--   > local pair = { chosen = T{ -1, -2 }, rejected = T{ -2, -2 },
--   >>   ref_chosen = T{ -1, -1 }, ref_rejected = T{ -1, -1 } }
--   > local chosen, rejected = loss_pair.log_ratios(pair, { norm = "sum" })
--   > print(chosen)
--   [0, -1]
--   [Tensor f32 2]
--   > print(loss_pair.margin(pair, { norm = "sum" }))
--   [1, 0]
--   [Tensor f32 2]
local options = require "perilune.options"
local tensor = require "perilune.tensor"

local pair_losses = {}

--- `norm`: every loss on pairs has it unless its definition says otherwise.
pair_losses.norm = options.spec("loss.norm", {
  { "norm", "sum", "sum of a response's token log-probabilities, as in the papers, or their mean",
    choices = { "sum", "mean" } },
})

--- Strength of the regularisation.
pair_losses.beta = options.spec("loss.beta", {
  { "beta", 0.1, "strength of the regularisation", above = 0 },
})

--- How often labels are wrong, for `logistic`.
pair_losses.label_smoothing = options.spec("loss.label_smoothing", {
  { "label_smoothing", 0.0, "probability that a label is wrong", least = 0, below = 0.5 },
})

--- The f-divergence to the reference, under TRL's names.
pair_losses.divergence = options.spec("loss.divergence", {
  { "f_divergence_type", "reverse_kl", "f-divergence from the reference: its f' takes the log-ratio's place",
    choices = { "reverse_kl", "forward_kl", "js_divergence", "alpha_divergence" } },
  { "f_alpha_divergence_coef", 0.5, "alpha of alpha_divergence: 0 is forward_kl, 1 is reverse_kl" },
})

--- What is done to the log-probabilities and to the losses of pairs, whatever the loss.
pair_losses.ld_alpha = options.spec("loss.ld_alpha", {
  { "ld_alpha", 1.0, "weight of a response's tokens beyond the length of the shorter one (LD-DPO)",
    least = 0, most = 1 },
})
pair_losses.weighting = options.spec("loss.weighting", {
  { "use_weighting", false, "losses times how probable both responses are under the policy (WPO)" },
})

--- All of them, and beta: the options of a loss of the log-ratio of both responses.
pair_losses.all = options.spec("loss.pair", {
  pair_losses.beta, pair_losses.divergence, pair_losses.ld_alpha, pair_losses.weighting,
})

--- The same without the divergences, for losses that are not functions of a margin.
pair_losses.plain = options.spec("loss.pair_plain", {
  pair_losses.beta, pair_losses.ld_alpha, pair_losses.weighting,
})

-- e^60 times 10,000 and e^80 are finite in f32; TRL cuts the exponent of alpha_divergence at 80.
local last_exact, most_exponent = 60, 80

--- e^x, continued by its tangent beyond x = 60, so that values and slopes stay finite.
--
--   > local exp = require "perilune.align.loss_pair".exp
--   > print(exp(T{ -math.huge, 0 }), exp(T{ 1e4 }):item() < math.huge)
--   [0, 1]
--   [Tensor f32 2]	true
function pair_losses.exp(x)
  return x:clamp(nil, last_exact):exp() * ((x - last_exact):relu() + 1)
end

--- -(1 - e) log sigmoid(z) - e log sigmoid(-z).
--
--   > print(require "perilune.align.loss_pair".logistic(T{ 0, 1 }, 0))
--   [0.6931, 0.3133]
--   [Tensor f32 2]
function pair_losses.logistic(z, e)
  if e == 0 then return -z:log_sigmoid() end
  return -(1 - e) * z:log_sigmoid() - e * (-z):log_sigmoid()
end

-- f'(u) at u = exp(c), c the log-ratio of a whole response. Wang et al. 2023, arXiv:2309.16240.
local derivatives = {
  reverse_kl = function(c) return c end,
  forward_kl = function(c) return 1 - pair_losses.exp(-c) end,
  js_divergence = function(c) return c:log_sigmoid() + math.log(2) end,
  alpha_divergence = function(c, alpha)
    if alpha == 1 then return c end
    return ((alpha - 1) * c):clamp(nil, most_exponent):expm1() / (alpha - 1)
  end,
}

--- The weight of each token of a batch of pairs: 1 within the length of the pair's shorter response, then
-- alpha.
local function length_weights(pair, alpha)
  if type(pair.lengths) ~= "userdata" or not pair.logps then
    error("loss: ld_alpha below 1 reads single tokens: expected a batch, got a table of sums", 0)
  end
  local n, lengths, weights = #pair, pair.lengths:totable(), {}
  for row, length in ipairs(lengths) do
    local shared = math.min(length, lengths[(row + n - 1) % (2 * n) + 1])
    for i = 1, length do weights[#weights + 1] = i <= shared and 1 or alpha end
  end
  return tensor(weights, pair.logps:dtype())
end

--- log pi of the chosen and of the rejected responses, each [n]; with `of = "ref_"` of the reference.
--
-- With `ld_alpha` below 1 the tokens of a response beyond the length of the other one count `ld_alpha` each.
-- Liu et al. 2024, arXiv:2409.06411, eq. 9.
--
--   > local pair = { chosen = T{ -2 }, rejected = T{ -4 },
--   >>   chosen_lengths = T{ 2 }, rejected_lengths = T{ 4 } }
--   > print((loss_pair.sums(pair, { norm = "sum" })))
--   [-2]
--   [Tensor f32 1]
--   > print(loss_pair.normed(pair, pair.rejected, "rejected", "mean"))
--   [-1]
--   [Tensor f32 1]
function pair_losses.sums(pair, o, of)
  of = of or ""
  if not o or (o.ld_alpha or 1) == 1 then return pair[of .. "chosen"], pair[of .. "rejected"] end
  return pair:halves(pair:sums(pair[of .. "logps"] * length_weights(pair, o.ld_alpha)))
end

--- `x`, a sum over each "chosen" or "rejected" response, or with `norm = "mean"` x over the number of its
-- tokens (over 1 for an empty response).
function pair_losses.normed(pair, x, which, norm)
  if norm ~= "mean" then return x end
  return x / pair[which .. "_lengths"]:clamp(1)
end

--- log pi(y|x) - log pi_ref(y|x) of the chosen and of the rejected responses, each [n]. `o` are the options
-- of the loss, of which `norm`, `ld_alpha` and the divergence are read, or the name of a norm alone.
--
-- `norm = "sum"` sums over the tokens of a response, as the papers do; `"mean"` divides by their number (by 1
-- for an empty response), as TRL's offline trainer does for ipo, and by the whole number where `ld_alpha` is
-- below 1. With another divergence than reverse_kl the results are f'(pi / pi_ref) of whole responses, which
-- replace log u: 1 - 1/u, log(2u / (1 + u)) or (u^(alpha-1) - 1) / (alpha - 1). The exponent of the last is
-- cut at 80, as in TRL.
function pair_losses.log_ratios(pair, o)
  if type(o) ~= "table" then o = { norm = o } end
  local chosen, rejected = pair_losses.sums(pair, o)
  local ref_chosen, ref_rejected = pair_losses.sums(pair, o, "ref_")
  local derivative = derivatives[o.f_divergence_type or "reverse_kl"]
  local function score(ratio, which)
    return pair_losses.normed(pair, derivative(ratio, o.f_alpha_divergence_coef), which, o.norm)
  end
  return score(chosen - ref_chosen, "chosen"), score(rejected - ref_rejected, "rejected")
end

--- rho = log-ratio of the chosen response - log-ratio of the rejected one, [n].
function pair_losses.margin(pair, o)
  local chosen, rejected = pair_losses.log_ratios(pair, o)
  return chosen - rejected
end

--- The weight of each pair, without gradient: w(y_w) w(y_l), w(y) = exp of the mean over the tokens of
-- log pi(y_t) - log sum_v pi(v)^2. Zhou et al. 2024, arXiv:2406.11827, eq. 5-7, with sampled alignment; like
-- TRL's, and other than in the paper, w is not cut at 1.
--
--   > local pair = { chosen = T{ -1 }, rejected = T{ -2 } }
--   > loss_pair.weights(pair)
--   loss: use_weighting reads single tokens: expected a batch with logps and log_collision
function pair_losses.weights(pair)
  if not (pair.logps and pair.log_collision) then
    error("loss: use_weighting reads single tokens: expected a batch with logps and log_collision", 0)
  end
  local w = pair:means((pair.logps - pair.log_collision):detach()):exp()
  local chosen, rejected = pair:halves(w)
  return chosen * rejected
end

return pair_losses
