--- Least squares of few terms: scaling curves, and the laws of over-optimisation.
local options = require "perilune.options"

local fit = {}

--- The coefficients, or nil and why there are none. A pivot is nothing below a part in 10^10 of its sum of
-- squares: terms that depend on each other leave only rounding.
local function solved(points, terms)
  local n = #terms
  if n == 0 then return nil, "there are no terms" end
  if #points < n then return nil, ("%d points for %d terms"):format(#points, n) end
  local rows, scale = {}, {}
  for i = 1, n do
    rows[i] = {}
    for j = 1, n + 1 do
      local sum = 0.0
      for _, point in ipairs(points) do
        sum = sum + terms[i](point[1]) * (j <= n and terms[j](point[1]) or point[2])
      end
      if sum - sum ~= 0 then return nil, "a point, or a term on it, is not finite" end
      rows[i][j] = sum
    end
    scale[i] = rows[i][i]
  end
  for i = 1, n do
    local best = i
    for k = i + 1, n do
      if math.abs(rows[k][i]) * scale[best] > math.abs(rows[best][i]) * scale[k] then best = k end
    end
    rows[i], rows[best], scale[i], scale[best] = rows[best], rows[i], scale[best], scale[i]
    if not (math.abs(rows[i][i]) > 1e-10 * scale[i]) then
      return nil, "the terms depend on each other on these points"
    end
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

--- The coefficients of y = sum of c_k f_k(x) over points { x, y } by least squares, one a term. Errors: there
-- are no terms, or fewer points than terms; a point is not finite; the terms are linearly dependent on these
-- points.
--
--   > local fit = require "perilune.paper.reading.fit"
--   > local terms = { function() return 1 end, function(x) return x end }
--   > table.concat(fit.least_squares({ { 0, 1 }, { 1, 3 }, { 2, 5 } }, terms), " ")
--   1.0 2.0
--   > fit.least_squares({ { 1, 1 }, { 1, 3 } }, terms)
--   fit: the terms depend on each other on these points
function fit.least_squares(points, terms)
  local coefficients, why = solved(points, terms)
  if not coefficients then error("fit: " .. why, 2) end
  return coefficients
end

--- The laws of over-optimisation by d, the square root of the KL in nats: R = d (a - b d) of best-of-n and
-- R = d (a - b log d) of reinforcement learning. `peak(a, b)` is the d where R is highest, for b above 0. Gao
-- et al. 2023, arXiv:2210.10760, sec. 3.1.
--
--   > fit.laws[1].peak(0.6, 0.1), fit.laws[2].peak(0.2, 0.2)
--   3.0	1.0
fit.laws = {
  { name = "d (a - b d)", terms = { function(d) return d end, function(d) return -d * d end },
    peak = function(a, b) return a / (2 * b) end },
  { name = "d (a - b log d)", terms = {
    function(d) return d end, function(d) return d > 0 and -d * math.log(d) or 0 end,
  }, peak = function(a, b) return math.exp(a / b - 1) end },
}

--- The R of a law with coefficients a and b at d.
--
--   > ("%.1f"):format(fit.value(fit.laws[1], 0.6, 0.1, 2))
--   0.8
function fit.value(law, a, b, d) return a * law.terms[1](d) + b * law.terms[2](d) end

--- The root of the mean squared error of a law with coefficients a and b on points.
--
--   > fit.error({ { 1, 0.5 }, { 2, 1.0 } }, fit.laws[1], 0.5, 0)
--   0.0
function fit.error(points, law, a, b)
  local sum = 0.0
  for _, point in ipairs(points) do sum = sum + (fit.value(law, a, b, point[1]) - point[2]) ^ 2 end
  return math.sqrt(sum / #points)
end

--- How far a law is from points { d, R }: the root of the mean squared error, and its coefficients a and b.
-- nil where the points do not determine them, such as points of one d or one that is not finite.
--
--   > local points = { { 1, 0.5 }, { 2, 0.8 } }
--   > local _, a, b = fit.law(points, fit.laws[1])
--   > ("%.1f %.1f"):format(a, b), fit.law({ { 1, 0.5 }, { 1, 0.8 } }, fit.laws[1]) == nil
--   0.6 0.1	true
function fit.law(points, law)
  local c = solved(points, law.terms)
  if c then return fit.error(points, law, c[1], c[2]), c[1], c[2] end
end

return options.strict("paper.reading.fit", fit)
