--- How messages write NaN: as "nan", without the sign that 0 / 0 has on x86 and that printf writes.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local perilune = require "perilune"
local toy = require "toy"
local T, align, models = perilune.T, perilune.align, perilune.models

-- What the cases name, besides the parts of the library.
local names = setmetatable({ T = T, w = T({ 1 }, { requires_grad = true }) }, { __index = perilune })

function names.model()
  return models.transformer { vocab = 5, dim = 4, layers = 1, heads = 1, max_length = 8 }
end

--- A model of a file with this number among its weights.
function names.loaded(number)
  local path, model = os.tmpname(), names.model()
  T.no_grad(function() model:parameters()[1][{ 2, 3 }] = number end)
  model:save(path)
  local ok, problem = pcall(models.load, path)
  os.remove(path)
  error(ok and "it was loaded" or problem.message:sub(#path + 3), 0)
end

--- A step of a training on one pair.
function names.trained(more)
  local pair = toy.with({ prompt = { 1 }, chosen = { 2 }, rejected = { 3 } }, more)
  local reference = toy.model(1)
  return align.train { policy = reference:clone(), reference = reference, loss = align.loss.ipo {}, steps = 1,
    source = align.sources.offline({ pair }, { batch = 1 }), quiet = true }
end

--- A world of two answers.
function names.world(preference)
  return perilune.worlds.world {
    name = "x", prompts = { { 0 } }, answers = { { 0 }, { 1 } }, max_response = 1,
    reference = align.policy.table { contexts = { { 0 } }, vocab = 2 }, preference = T { preference },
  }
end

-- What is evaluated, and the message without its place.
local cases = {
  -- Figures.
  { "plot.figure { xlim = { nan, 1 } }:line { y = { 1, 2 } }:svg()",
    "figure: xlim has nan, which cannot be drawn" },
  { "plot.figure { width = nan }", "plot.figure: option 'width': expected a whole number, got nan" },
  { "plot.figure {}:line { y = nan }",
    "bad argument #1 to 'line' (option 'y': expected a list of numbers or a Tensor, got nan)" },
  { "plot.figure {}:title(nan)", "bad argument #1 to 'title' (expected a string, got nan)" },
  -- Tensors.
  { "T({ nan }):to 'i64'", "number nan has no integer representation" },
  { "T.arange(1, nan)", "no range from 1.0 to nan by 1.0" },
  { "T { 1 }:dropout(nan)", "bad argument #1 to 'dropout' (p must be in 0..1, got nan)" },
  { "T.categorical(T { 1, nan }, 1)", "bad argument #1 to 'categorical' (categorical: row 1 holds nan, "
    .. "expected a finite weight of at least 0)" },
  -- Weights and options.
  { "loaded(nan)", "weight 'embedding.weight' is nan at element 7: the training that wrote it diverged, or "
    .. "the file is damaged" },
  { "optim.sgd({ w }, { lr = nan })",
    "bad argument #2 to 'sgd' (option 'lr': expected a number of at least 0, got nan)" },
  { "model():sample({ { 1 } }, { temperature = nan })",
    "bad argument #2 to 'sample' (option 'temperature': expected a number of at least 0, got nan)" },
  { "align.loss.ipo { beta = nan }", "loss.ipo: option 'beta' must be a finite number, not nan" },
  { "align.loss.sum { align.loss.ipo {}, weights = { nan } }",
    "loss.sum: weight 1 is nan, expected a finite number" },
  -- Data.
  { "trained { weight = nan }", "sources.offline: pair 1: weight is nan, expected a number of at least 0" },
  { "world { { 0.5, nan }, { nan, 0.5 } }", "worlds.x: p(y > y') + p(y' > y) must be 1, and is off by nan" },
  { "perilune.seed(nan)", "seed: expected a whole number, got nan" },
  { "testing.assert_equal(nan, 1)", "values differ: got nan, expected 1" },
}

TestNaNWords = {}

function TestNaNWords.test_of_either_sign()
  names.perilune = perilune
  for _, case in ipairs(cases) do
    for _, nan in ipairs { 0 / 0, -(0 / 0) } do
      names.nan = nan
      support.refuses(case[2], assert(load("return " .. case[1], "=case", "t", names)))
    end
  end
end

os.exit(lu.LuaUnit.run())
