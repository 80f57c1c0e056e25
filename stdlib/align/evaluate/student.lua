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

-- Gauss and Legendre's rule of 16 points on -1 to 1: the positive points and their weights.
local points <const> = {
  0.09501250983763744, 0.28160355077925891, 0.45801677765722739, 0.61787624440264375,
  0.75540440835500303, 0.86563120238783174, 0.94457502307323258, 0.98940093499164993,
}
local weights <const> = {
  0.18945061045506850, 0.18260341504492359, 0.16915651939500254, 0.14959598881657673,
  0.12462897125553387, 0.09515851168249278, 0.06225352393864789, 0.02715245941175409,
}

--- The integral of `f` from `a` to `b` by that rule on `n` parts of equal length. It is exact to some 12
-- digits where a part is no longer than 5 standard deviations of a bell.
local function integral(f, a, b, n)
  local half, sum = (b - a) / (2 * n), 0.0
  for part = 1, n do
    local middle = a + (2 * part - 1) * half
    for i, x in ipairs(points) do
      sum = sum + weights[i] * (f(middle - half * x) + f(middle + half * x))
    end
  end
  return sum * half
end

--- P(T > t) for t of at least 0: the density over the angle v with t = sqrt(df) cot(v), where it is bounded.
-- It begins where the density is e^-40 of that at t. One less P(T <= t) would leave no digit of a small
-- chance.
local function above(t, df)
  local a = df / 2
  local log_scale = a * log_of_more(0.5 / a) + 0.5 * math.log(a) - 0.5 + correction(a + 0.5) - correction(a)
    - 0.5 * math.log(math.pi)
  local function density(v)
    return math.exp(log_scale + (df - 1) * math.log(math.max(math.sin(v), 1e-300)))
  end
  local last = math.atan(math.sqrt(df), t)
  return integral(density, math.asin(math.sin(last) * math.exp(-40 / (df - 1))), last, 4)
end

--- P(T <= t) with `df` degrees of freedom.
--
--   > local student = require "perilune.align.evaluate.student"
--   > ("%.6f"):format(student.cdf(2.0, 5))
--   0.949030
function student.cdf(t, df)
  return t < 0 and above(-t, df) or 1 - above(t, df)
end

-- Those that were found before: a report asks for the same one a thousand times.
local found = {}

-- No quantile is larger; of a chance of 0 this is the answer.
local highest <const> = 2.0 ^ 512

--- The t with P(T > t) = chance, for a chance of at most 0.5.
local function exceeded(chance, df)
  local place = ("%.17g %d"):format(chance, df)
  if found[place] then return found[place] end
  local low, high = 0.0, 1.0
  while high < highest and above(high, df) > chance do high = 2 * high end
  if high == highest then return high end
  for _ = 1, 60 do
    local middle = (low + high) / 2
    if above(middle, df) > chance then low = middle else high = middle end
  end
  found[place] = (low + high) / 2
  return found[place]
end

--- The t with P(T <= t) = p, for p from 0.5 to below 1; 2^512 of a p that is 1 as a number.
--
--   > ("%.4f"):format(student.quantile(0.975, 4))
--   2.7764
--   > student.quantile(0.3, 4)
--   student.quantile: p is 0.3, expected a number from 0.5 to 1
function student.quantile(p, df)
  if not (p >= 0.5 and p <= 1) then
    error(("student.quantile: p is %s, expected a number from 0.5 to 1"):format(p), 2)
  elseif not math.tointeger(df) or df < 1 then
    error(("student.quantile: %s degrees of freedom, expected a whole number from 1"):format(df), 2)
  end
  return exceeded(1 - p, df)
end

--- P(Z <= x) of a standard normal variable. A small one keeps its digits: the tail is integrated to where the
-- density is e^-40 of that at x.
--
--   > ("%.6f"):format(student.normal(1.96))
--   0.975002
--   > ("%.4e"):format(student.normal(-10))
--   7.6199e-24
function student.normal(x)
  local function density(u) return math.exp(-u * u / 2) / math.sqrt(2 * math.pi) end
  local size = math.min(math.abs(x), 40)  -- the density there is 0 as a number
  local tail = integral(density, size, math.sqrt(size * size + 80), 2)
  return x < 0 and tail or 1 - tail
end

--- The power of the two-sided paired t-test at `level`: the chance that n differences with the mean `effect`
-- and the standard deviation `sd` reject 0. The noncentral t is integrated over the estimated deviation
-- s = sqrt(V / df), V chi-square with df degrees of freedom: given s, 0 is rejected where a standard normal
-- number is above c s - shift or below -c s - shift, c the critical value.
--
-- With s the chance of that falls from 1 to 0 within some 1 / c of s = shift / c, which few seeds or a strict
-- level make far less than the spread of s: the range is divided there. The rarer outcome is integrated, so
-- that a power of 1 is 1.
--
--   > ("%.3f"):format(student.power(0.5, 1, 34, 0.05))
--   0.808
--   > ("%.6f"):format(student.power(0.5, 1, 2, 0.001))
--   0.001240
function student.power(effect, sd, n, level)
  local df = n - 1
  local critical = exceeded(level / 2, df)
  local shift = math.abs(effect) / sd * math.sqrt(n)
  local is_rare = shift < critical
  local log_scale = math.log(2) + 0.5 * math.log(df / 2) - 0.5 * math.log(2 * math.pi) - correction(df / 2)
  local function chance(s)
    local log_density = log_scale + (df - 1) * math.log(s) - df * (s - 1) * (s + 1) / 2
    local rejected = student.normal(shift - critical * s) + student.normal(-shift - critical * s)
    return math.exp(log_density) * (is_rare and rejected or 1 - rejected)
  end
  -- Where density times chance is largest: at 1, or lower where 0 is rejected of a small s alone.
  local sum = df + critical ^ 2
  local root = math.sqrt((critical * shift) ^ 2 + 4 * df * sum)
  local peak = math.min(1, (critical * shift + root) / (2 * sum))
  local spread = 9 / math.sqrt(2 * df)
  local low, high = math.max(1e-300, peak - spread), 1 + spread  -- 0 has no logarithm
  local function within(s) return math.max(low, math.min(high, s)) end
  local from = within((shift - 9) / critical)
  local to = within((math.max(shift, critical * peak) + 9) / critical)
  if is_rare then return integral(chance, low, from, 4) + integral(chance, from, to, 4) end
  return 1 - integral(chance, from, to, 4) - integral(chance, to, high, 4)
end

--- The smallest n from 2 with `enough(n)`, which stays true from there on; nil above `most`.
--
--   > student.least(function(n) return n * n > 30 end, 100)
--   6
function student.least(enough, most)
  local low, high = 1, 2
  while not enough(high) do
    if high >= most then return nil end
    low, high = high, math.min(2 * high, most)
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
