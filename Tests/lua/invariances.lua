--- A row for each loss: what is known of it, for invariances_test.lua.
--
-- A row is a list of cases. A case has
--
--   with       options
--   same       the mean loss where policy and reference are one
--   swap       function(c, r, o): L(pair) - L(swapped pair), of the log-ratios of both responses
--   norm       how these are taken, where the loss has no option for it
--   order, shift, detached, huge, falls    the reason why an invariance does not hold: the loss changes with
--              the order of the batch, with a constant added to both models; its gradient is not the slope,
--              it is not finite at log-ratios of 10,000, it need not fall
local log2 = math.log(2)

local function sigmoid(x) return 1 / (1 + math.exp(-x)) end
local function log_sigmoid(x) return -math.log(1 + math.exp(-x)) end

--- The difference of a function of z = beta rho at z and at -z.
local function odd(f)
  return function(c, r, o)
    local z = o.beta * (c - r)
    return f(z, o) - f(-z, o)
  end
end

--- Losses whose difference is linear: minus `slope` times beta rho.
local function linear(slope)
  return function(c, r, o) return -slope * o.beta * (c - r) end
end

local ratio_detached = "the weight of a token has no gradient"

local rows = {}

rows.dpo = {
  { same = log2, swap = linear(1) },
  { with = { label_smoothing = 0.2 }, same = log2, swap = linear(0.6) },
  { with = { norm = "mean", beta = 2 }, same = log2, swap = linear(1) },
  { with = { f_divergence_type = "forward_kl" }, same = log2, swap = linear(1) },
  { with = { f_divergence_type = "js_divergence" }, same = log2, swap = linear(1) },
  { with = { f_divergence_type = "alpha_divergence", f_alpha_divergence_coef = 0.3 }, same = log2,
    swap = linear(1) },
  { with = { ld_alpha = 0.3 }, same = log2, swap = linear(1) },
}
rows.dpo_norm = { { same = log2, swap = linear(1) } }
rows.cdpo = { { same = log2, swap = linear(0.8) } }
rows.ld_dpo = { { same = log2, swap = linear(1) } }
rows.wpo = { { same = log2, detached = "the weights have no gradient", shift = "the weights change" } }
rows.robust = { { same = log2, swap = linear(1 / 0.8) } }
rows.exo = { {
  same = 0.5 * (math.log(0.25) - math.log(1e-3) - math.log(1 - 1e-3)),
  swap = function(c, r, o)
    local q, e = sigmoid(o.beta * (c - r)), o.label_smoothing
    return (1 - 2 * q) * (math.log(1 - e) - math.log(e))
  end,
} }
rows.ipo = {
  { same = 25, swap = function(c, r, o) return -2 * (c - r) / o.beta end },
  { with = { beta = 0.5, scale = "tang" }, same = 0.25, swap = linear(2) },
  { with = { norm = "mean", beta = 2 }, same = 1 / 16 },
}
rows.slic = { { same = 1, swap = odd(function(z) return math.max(0, 1 - z) end) } }
rows.gpo = {
  { same = log2, swap = linear(1) },
  { with = { kind = "squared" }, same = 1, swap = odd(function(z) return (z - 1) ^ 2 end) },
  { with = { kind = "hinge" }, same = 1, swap = odd(function(z) return math.max(0, 1 - z) end) },
  { with = { kind = "exponential" }, same = 1, swap = odd(function(z) return math.exp(-z) end) },
  { with = { kind = "truncated_quadratic" }, same = 1,
    swap = odd(function(z) return math.max(0, 1 - z) ^ 2 end) },
  { with = { kind = "savage" }, same = 0.25, swap = odd(function(z) return sigmoid(-z) ^ 2 end) },
}
local function discopop(z, o)
  local m = sigmoid(z / o.discopop_tau)
  return -(1 - m) * log_sigmoid(z) + m * math.exp(-z)
end
rows.discopop = {
  { same = 0.5 * log2 + 0.5, swap = odd(discopop) },
  { with = { discopop_tau = 2 }, same = 0.5 * log2 + 0.5, swap = odd(discopop) },
}
rows.nca = { { same = 2 * log2, swap = function(c, r, o)
  return log_sigmoid(o.beta * r) - log_sigmoid(o.beta * c)
end } }
rows.bco_pair = {
  { same = 2 * log2, swap = linear(1) },
  { with = { shift = "none" }, same = 2 * log2, swap = linear(1) },
}
rows.sppo = { { same = 50, swap = function(c, r, o) return -2 * (c - r) / o.beta end } }
rows.aot = {
  { same = log2, swap = linear(1) }, { with = { label_smoothing = 0.1 }, same = log2, swap = linear(0.8) },
}
rows.aot_unpaired = { { same = log2, swap = linear(1) } }
rows.apo_zero = { { same = 1, swap = function(c, r, o)
  return 2 * (sigmoid(o.beta * r) - sigmoid(o.beta * c))
end } }
rows.apo_down = { { same = 1, swap = function(c, r, o)
  local z = o.beta * (c - r)
  return sigmoid(o.beta * c) - sigmoid(o.beta * r) - sigmoid(z) + sigmoid(-z)
end } }
rows.bo2 = {
  { swap = function(c, r) return r - c end },
  { with = { norm = "mean" }, swap = function(c, r) return r - c end },
}
rows.sft = { {} }
rows.nll = { {} }
rows.dft = { {
  detached = "the probability of a token has no gradient", falls = "so that the loss may rise with it",
} }

-- Single responses, and losses without a reference.
rows.kto = { { same = 0.5, order = "z pairs each prompt with the response of the row before" } }
rows.bco = { { same = log2 }, { with = { match_underlying_distribution = true } } }
rows.apo_zero_unpaired = { { same = 0.5 } }
rows.a2po = { {} }
rows.cpo = {
  { with = { cpo_alpha = 0 }, swap = linear(1) }, { with = { loss_type = "hinge" } },
  { with = { loss_type = "ipo", norm = "mean" } }, {},
}
rows.simpo = { { norm = "mean", swap = function(c, r, o)
  local z = o.beta * (c - r)
  return log_sigmoid(-z - o.simpo_gamma) - log_sigmoid(z - o.simpo_gamma)
end } }
rows.alphapo = { {} }
rows.orpo = { {} }
rows.tpo = {
  { with = { tpo_alpha = 0 }, swap = linear(1) }, { with = { tpo_alpha = 0, loss_type = "tpo-l" } },
}

-- Online losses.
rows.xpo = { { shift = "the bonus is a log-probability" } }
rows.nash_md = { {
  shift = "a log-probability is weighed", detached = "the KL has no gradient",
  falls = "it reads responses that the policy of the run wrote",
} }
rows.ipo_md = { { same = 25 } }
rows.hypo = { { detached = "the KL has no gradient" } }
rows.expert_iteration = { {} }
rows.best_of_n = { {} }
rows.reinforce = { {} }
rows.rloo = { { same = 0 } }
rows.ppo = { {} }
rows.grpo = {
  { same = 0 }, { with = { beta = 0.04 }, same = 0 },
}
for _, name in ipairs { "bnpo", "dapo", "dr_grpo", "luspo", "sapo" } do rows[name] = { {} } end
rows.cispo = { { detached = ratio_detached } }
rows.vespo = { { detached = ratio_detached } }
for _, name in ipairs { "gspo", "gspo_token", "gmpo" } do rows[name] = { { same = 0 } } end
rows.gkd = { { same = 0 } }
rows.minillm = { {} }

return rows
