--- Penalised logistic regression by Newton's method, in double precision.
--
--   w = argmin of  sum_i s_i log(1 + exp(-z_i . w)) + 1/2 sum_j d_j (w_j - p_j)^2
--
-- z [n, dim] are features times the sign of the label, s [n, 1] weights, d [dim, 1] penalties and p [dim, 1]
-- what w is drawn to. Gives w [dim, 1]. A step that does not lower the objective is halved.
--
--   > local T = require "perilune.tensor"
--   > local one = T({ { 1 } }, "f64")
--   > print(logistic(one, one, one, one * 0))
--   [[0.4011]]
--   [Tensor f64 1x1]
local tensor = require "perilune.tensor"

-- Newton's method doubles the digits in each step once it is near; it takes about eight.
local steps_most <const>, halvings_most <const>, tolerance <const> = 100, 40, 1e-10

return function(z, s, d, p)
  local function objective(w)
    return ((d * (w - p):square()):sum() / 2 - (s * z:matmul(w):log_sigmoid()):sum()):item()
  end
  local penalty, w = tensor.diag(d:squeeze(2)), p
  local value = objective(w)
  for _ = 1, steps_most do
    local q = (-z:matmul(w)):sigmoid()
    local gradient = d * (w - p) - z:t():matmul(s * q)
    if gradient:abs():amax():item() < tolerance then break end
    local step = (z:t():matmul(z * (s * q * (1 - q))) + penalty):solve(gradient)
    for _ = 1, halvings_most do
      local lower = objective(w - step)
      if lower <= value then
        value = lower
        break
      end
      step = step * 0.5
    end
    w = w - step
  end
  return w
end
