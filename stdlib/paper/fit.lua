--- Least squares of few terms: scaling curves, and the laws of over-optimisation.
local options = require "perilune.options"

local fit = {}

--- The coefficients of y = sum of c_k f_k(x) over points { x, y } by least squares, one a term. Errors: there
-- are fewer points than terms; the terms are linearly dependent on these points.
--
--   > local fit = require "perilune.paper.fit"
--   > local terms = { function() return 1 end, function(x) return x end }
--   > table.concat(fit.least_squares({ { 0, 1 }, { 1, 3 }, { 2, 5 } }, terms), " ")
--   1.0 2.0
function fit.least_squares(points, terms)
  local n = #terms
  if #points < n then error(("fit: %d points for %d terms"):format(#points, n), 2) end
  local rows = {}
  for i = 1, n do
    rows[i] = {}
    for j = 1, n + 1 do
      local sum = 0.0
      for _, point in ipairs(points) do
        sum = sum + terms[i](point[1]) * (j <= n and terms[j](point[1]) or point[2])
      end
      rows[i][j] = sum
    end
  end
  for i = 1, n do
    local best = i
    for k = i + 1, n do if math.abs(rows[k][i]) > math.abs(rows[best][i]) then best = k end end
    rows[i], rows[best] = rows[best], rows[i]
    if math.abs(rows[i][i]) < 1e-12 then error("fit: the terms depend on each other on these points", 2) end
    for k = 1, n do
      if k ~= i then
        local factor = rows[k][i] / rows[i][i]
        for j = i, n + 1 do rows[k][j] = rows[k][j] - factor * rows[i][j] end
      end
    end
  end
  local coefficients = {}
  for i = 1, n do coefficients[i] = rows[i][n + 1] / rows[i][i] end
  return coefficients
end

--- The laws of over-optimisation by d, the square root of the KL in nats: R = d (a - b d) of best-of-n and
-- R = d (a - b log d) of reinforcement learning. Gao et al. 2023, arXiv:2210.10760, sec. 3.1.
fit.laws = {
  { name = "d (a - b d)", terms = { function(d) return d end, function(d) return -d * d end } },
  { name = "d (a - b log d)", terms = {
    function(d) return d end, function(d) return d > 0 and -d * math.log(d) or 0 end,
  } },
}

--- How far a law is from points { d, R }: the root of the mean squared error, and its coefficients a and b.
function fit.law(points, law)
  local c, sum = fit.least_squares(points, law.terms), 0.0
  for _, point in ipairs(points) do
    local value = c[1] * law.terms[1](point[1]) + c[2] * law.terms[2](point[1])
    sum = sum + (value - point[2]) ^ 2
  end
  return math.sqrt(sum / #points), c[1], c[2]
end

return options.strict("paper.fit", fit)
