--- A source without sampling: every pair of answers in every order, weighted with its probability.
--
--   weight(x, y_w, y_l) = rho(x) p(y_w > y_l|x) (first(y_w|x) second(y_l|x) + second(y_w|x) first(y_l|x))
--
-- rho is uniform over prompts. The mean of a loss over the batch, times the column `weight`, is then its
-- expectation, and its gradient the gradient of the population's objective: align.train descends it without
-- noise.
local batches = require "perilune.align.batch"
local filled = require "perilune.align.filled"
local options = require "perilune.options"
local source = require "perilune.align.source"
local tensor = require "perilune.tensor"

local spec = options.spec("worlds.population", {
  { "writer", "data", "who writes the first answer; data is of the reference on what support covers",
    choices = { "data", "reference", "policy", "mixture" } },
  { "second", options.optional "string", "who writes the second; the same unless given",
    choices = { "data", "reference", "policy", "mixture" } },
  { "weight", 0.5, "weight of the reference in the logits of the mixture", least = 0, most = 1 },
})

local function logps_of(world, name, models, o)
  if name == "data" then return world:data() end
  if name == "mixture" then return world:mixed(models.policy, models.reference, o.weight) end
  return world:logps(models[name])
end

--- Rows of all ordered pairs of answers to each prompt, winners first, `copies` times.
local function all_pairs(world, copies)
  local winners, losers, a = {}, {}, #world.answers
  for _ = 1, copies do
    for x = 1, #world.prompts do
      for y = 1, a do
        for z = 1, a do
          winners[#winners + 1], losers[#losers + 1] = (x - 1) * a + y, (x - 1) * a + z
        end
      end
    end
  end
  local rows = world:rows()
  return rows:select(winners):concat(rows:select(losers))
end

--- The column `writer` of pairs whose winner is of `names[1]` in the first half of the pairs and of
-- `names[2]` in the second.
local function writers(count, names)
  local list, half = {}, count // 2
  for _, name in ipairs { names[1], names[2], names[2], names[1] } do
    table.move(filled(half, name), 1, half, #list + 1, list)
  end
  return list
end

--- The source; a pair has the columns `weight`, `step`, `checkpoint` and `writer`. Errors: an option is
-- unknown or out of range.
--
--   > local world = require "perilune.worlds".bandit { answers = 3 }
--   > local b = world:population():batch(1, world:policy(), "")
--   > #b, ("%.4f"):format(b.weight:narrow(1, 1, #b):sum():item() / #b)
--   9	1.0000
return function(world, given)
  local o = spec:fill(given)
  local second = o.second or o.writer
  local rows = all_pairs(world, o.second and 2 or 1)
  local n = #rows // 2
  local function weights(models)
    local first, other = logps_of(world, o.writer, models, o):exp(), logps_of(world, second, models, o):exp()
    local function won(a, b)
      return (a:unsqueeze(3) * b:unsqueeze(2) * world.preference):flatten() * (n / #world.prompts)
    end
    if not o.second then return 2 * won(first, other) end
    return tensor.cat({ won(first, other), won(other, first) }, 1)
  end
  local writer = o.second and writers(n, { o.writer, second }) or filled(2 * n, o.writer)
  return source.new(spec, o, {
    batch = function(_, step, policy, checkpoint, reference)
      local weight = weights { policy = policy, reference = reference or world.reference }
      return batches.new {
        rows = rows, pairs = true, weight = tensor.cat({ weight, weight }, 1), step = filled(2 * n, step),
        checkpoint = filled(2 * n, checkpoint or ""), writer = writer,
      }
    end,
    labels = function() return 0 end,
  })
end
