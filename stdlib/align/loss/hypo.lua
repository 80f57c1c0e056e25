--- Hybrid preference optimisation: DPO on a data set, and the KL on responses of the policy's own.
--
--   L = -log s(beta (c - r)) + kl_coef sg(k) log pi(y),   k = log pi(y) - log pi_ref(y)
--
-- c and r are the log-ratios of the chosen and the rejected response, y is the policy's own; sg is no
-- gradient. The gradient of the second term is an estimate of that of KL(pi, pi_ref), which DPO alone does
-- not bound where the data do not cover the reference. A batch has three rows a prompt, see
-- `sources.hybrid`.
--
--   > local b = require "perilune.align.batch".plain { lengths = { 1, 1, 1 }, logps = T{-1, -1, -2},
--   >>   ref_logps = T{-1, -1, -3}, group = { 1, 1, 1 }, role = { "chosen", "rejected", "own" } }
--   > print((hypo { kl_coef = 0.5 }(b)))
--   [-0.3069]
--   [Tensor f32 1]
--   > hypo {} { role = { "own" } }
--   loss.hypo: row 1 is 'own', expected 'chosen': rows are chosen, rejected, own of one prompt after another
local loss = require "perilune.align.loss"

local roles <const> = { "chosen", "rejected", "own" }

--- Refuses rows in another order than that of sources.hybrid.
local function check_roles(batch)
  for row, role in ipairs(batch.role) do
    local expected = roles[(row - 1) % 3 + 1]
    if role ~= expected then
      error(("loss.hypo: row %d is '%s', expected '%s': rows are chosen, rejected, own of one prompt after "
        .. "another"):format(row, role, expected), 0)
    end
  end
end

return loss.define {
  name = "hypo",
  paper = "Song et al. 2024, arXiv:2406.01462",
  trl = "",
  per = "group",
  source = { name = "hybrid" },
  offline = "dpo",
  reads = { "logps", "ref_logps", "role" },
  options = {
    { "beta", 0.1, "strength of the regularisation in DPO", above = 0 },
    { "kl_coef", 0.01, "weight of the KL on the policy's own responses", least = 0 },
  },
  loss = function(batch, o)
    check_roles(batch)
    local n = #batch.segments // 3
    local ratios = batch:sums(batch.logps - batch.ref_logps):reshape { n, 3 }
    local own = batch:sums("logps"):reshape({ n, 3 }):narrow(2, 3, 1):squeeze(2)
    local function column(i) return ratios:narrow(2, i, 1):squeeze(2) end
    local kl = column(3):detach()
    return -(o.beta * (column(1) - column(2))):log_sigmoid() + o.kl_coef * kl * own, { kl = kl }
  end,
}
