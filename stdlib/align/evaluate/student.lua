--- Student's t distribution: its distribution function, quantiles, and the power of the t-test.
local options = require "perilune.options"

local student = {}

-- Lanczos' approximation of the logarithm of the gamma function, g = 7, n = 9; relative error below 1e-14.
local lanczos <const> = {
  676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
}

local function log_gamma(x)
  local sum = 0.99999999999980993
  for i, c in ipairs(lanczos) do sum = sum + c / (x - 1 + i) end
  local t = x + 6.5
  return 0.5 * math.log(2 * math.pi) + (x - 0.5) * math.log(t) - t + math.log(sum)
end

-- From here on the series of Stirling's correction is exact to the last digit.
local large <const> = 32

--- The logarithm of the gamma function less Stirling's approximation of it,
--
--   (x - 1/2) log x - x + log(2 pi) / 2
--
-- Two logarithms of large x would cancel, and their difference would have no digit left.
local function correction(x)
  if x >= large then return 1 / (12 * x) - 1 / (360 * x ^ 3) + 1 / (1260 * x ^ 5) end
  return log_gamma(x) - ((x - 0.5) * math.log(x) - x + 0.5 * math.log(2 * math.pi))
end

--- log(1 + x) for x of at least 0, also where 1 + x is 1.
local function log_of_more(x)
  local sum = 1 + x
  return sum == 1 and x or math.log(sum) * x / (sum - 1)
end

--- The integral of `f` from `a` to `b` by Simpson's rule with `n` intervals, an even number.
local function integral(f, a, b, n)
  local h, sum = (b - a) / n, f(a) + f(b)
  for i = 1, n - 1 do sum = sum + (i % 2 == 1 and 4 or 2) * f(a + i * h) end
  return sum * h / 3
end

--- P(T <= t) with `df` degrees of freedom: the density integrated over the angle t = sqrt(df) tan(u), where
-- it is bounded.
--
--   > local student = require "perilune.align.evaluate.student"
--   > ("%.6f"):format(student.cdf(2.0, 5))
--   0.949030
function student.cdf(t, df)
  local a = df / 2
  local log_scale = a * log_of_more(0.5 / a) + 0.5 * math.log(a) - 0.5 + correction(a + 0.5) - correction(a)
    - 0.5 * math.log(math.pi)
  local function density(u)
    return math.exp(log_scale + (df - 1) * math.log(math.max(math.cos(u), 1e-300)))
  end
  return 0.5 + integral(density, 0, math.atan(t / math.sqrt(df)), 400)
end

-- Those that were found before: a report asks for the same one a thousand times.
local quantiles = {}

-- No quantile is larger; of a p that cannot be told from 1 this is the answer.
local highest <const> = 2.0 ^ 512

--- The t with P(T <= t) = p, for p from 0.5 to below 1; 2^512 of a p that is 1 as a number.
--
--   > ("%.4f"):format(student.quantile(0.975, 4))
--   2.7764
function student.quantile(p, df)
  local place = ("%.17g %d"):format(p, df)
  if quantiles[place] then return quantiles[place] end
  local low, high = 0.0, 1.0
  while high < highest and student.cdf(high, df) < p do high = 2 * high end
  if high == highest then return high end
  for _ = 1, 60 do
    local middle = (low + high) / 2
    if student.cdf(middle, df) < p then low = middle else high = middle end
  end
  quantiles[place] = (low + high) / 2
  return quantiles[place]
end

--- P(Z <= x) of a standard normal variable.
--
--   > ("%.6f"):format(student.normal(1.96))
--   0.975002
function student.normal(x)
  local function density(u) return math.exp(-u * u / 2) / math.sqrt(2 * math.pi) end
  if x > 8 then return 1.0 elseif x < -8 then return 0.0 end
  return 0.5 + integral(density, 0, x, 200)
end

--- The power of the two-sided paired t-test at `level`: the chance that n differences with the mean `effect`
-- and the standard deviation `sd` reject 0. The noncentral t is integrated over the estimated deviation.
--
--   > ("%.3f"):format(student.power(0.5, 1, 34, 0.05))
--   0.808
function student.power(effect, sd, n, level)
  local df = n - 1
  local critical = student.quantile(1 - level / 2, df)
  local shift = math.abs(effect) / sd * math.sqrt(n)
  local log_scale = math.log(2) + 0.5 * math.log(df / 2) - 0.5 * math.log(2 * math.pi) - correction(df / 2)
  -- The density of s = sqrt(V / df), V chi-square with df degrees of freedom.
  local function density(s) return math.exp(log_scale + (df - 1) * math.log(s) - df * (s * s - 1) / 2) end
  local spread = 8 / math.sqrt(2 * df)
  local low, high = math.max(1e-6, 1 - spread), 1 + spread
  return math.min(1.0, integral(function(s)
    return density(s) * (student.normal(shift - critical * s) + student.normal(-shift - critical * s))
  end, low, high, 200))
end

--- The smallest n from 2 with `enough(n)`, which stays true from there on; nil above `most`.
--
--   > student.least(function(n) return n * n > 30 end, 100)
--   6
function student.least(enough, most)
  local low, high = 1, 2
  while not enough(high) do
    low, high = high, 2 * high
    if high > most then return nil end
  end
  while high - low > 1 do
    local middle = (low + high) // 2
    if enough(middle) then high = middle else low = middle end
  end
  return high
end

-- More repetitions than anybody makes: a difference that needs them is none.
student.most = 100000

--- How many differences the paired t-test at `level` needs to find the mean `effect` with the chance `power`;
-- nil above `student.most`.
--
--   > student.repetitions(0.5, 1, 0.8, 0.05)
--   34
function student.repetitions(effect, sd, power, level)
  return student.least(function(n)
    return sd == 0 or student.power(effect, sd, n, level) >= power
  end, student.most)
end

return options.strict("align.evaluate.student", student)
