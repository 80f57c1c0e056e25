--- The size of the policy: what is read of its runs, and the claims of `fig10_scale`.
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.5, figs. 10, 11 and 14.
local bootstrap = require "perilune.align.evaluate.bootstrap"
local exceptions = require "perilune.paper.reading.exceptions"
local frontier = require "perilune.align.evaluate.frontier"
local interval = require "perilune.align.claims.interval"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local scale = require "perilune.paper.scale"

local sizes = {}

--- What `after` of the experiment finds in a job: the parameters of each of its policies, by label.
--
--   > local sizes = require "perilune.paper.reading.sizes"
--   > local toy = { num_parameters = function() return 8 end }
--   > sizes.after(nil, { done = { ["online tiny"] = { policy = toy } } })["online tiny"]
--   8
function sizes.after(_, run)
  local found = {}
  for label, trained in pairs(run.done) do found[label] = trained.policy:num_parameters() end
  return found
end

--- The parameters of a side's policy, as the jobs found them.
--
--   > sizes.parameters({ { found = { ["online tiny"] = 8 } } }, "online tiny")
--   8
function sizes.parameters(findings, label)
  for _, one in ipairs(findings) do
    if one.found[label] then return one.found[label] end
  end
end

local quantile = measures.quantile(0.9)
local function win_of(point) return point.win end

--- The best possible performance of a seed's runs: the 90 % quantile of the win rates of all checkpoints.
--
--   > sizes.best { { { step = 1, win = 0.25 } } }
--   0.25
function sizes.best(runs) return quantile(runs, win_of) end

--- The share of online's best possible performance that another kind of data has at a size, by the number of
-- the repetition (fig. 11). A share of nothing is none.
--
--   > local function seeds(win) return { { { { step = 1, kl = 1, win = win } }, outer = 2 } } end
--   > local by = { ["online tiny"] = seeds(0.5), ["shuffled tiny"] = seeds(0.25) }
--   > sizes.shares(function(label) return by[label] end, "shuffled", "tiny")[2]
--   0.5
function sizes.shares(sides, kind, size)
  local found = {}
  for outer, list in pairs(frontier.by_outer(sides(kind .. " " .. size), sides("online " .. size))) do
    found[outer] = bootstrap.by_repetition(list, function(pair)
      local own, best = sizes.best(pair[1]), sizes.best(pair[2])
      return own and best and best > 0 and own / best or nil
    end)[1]
  end
  return found
end

--- The values of a table by the number of the repetition, in order.
--
--   > table.concat(sizes.in_order { [4] = 0.5, [2] = 0.25 }, " ")
--   0.25 0.5
function sizes.in_order(by)
  local outers, values = {}, {}
  for outer in pairs(by) do outers[#outers + 1] = outer end
  table.sort(outers)
  for i, outer in ipairs(outers) do values[i] = by[outer] end
  return values
end

--- A claim on how the share of online's best possible performance that a kind of data has grows from one size
-- to another, less what that of a second kind does, if there is one.
local function growth_claim(make, name, kinds, small, large, given)
  local labels = { "online " .. small, "online " .. large }
  for _, kind in ipairs(kinds) do
    labels[#labels + 1], labels[#labels + 2] = kind .. " " .. small, kind .. " " .. large
  end
  return make.measure(name, labels, function(item, win)
    local function share(of, online)
      local best = quantile(item[online], win)
      return best > 0 and quantile(item[of], win) / best or nil
    end
    local growths = {}
    for i = 1, #kinds do
      local before, after = share(2 * i + 1, 1), share(2 * i + 2, 2)
      if not before or not after then return nil end
      growths[i] = after - before
    end
    return growths[1] - (growths[2] or 0.0)
  end, given)
end

--- The logarithm of the KL at the peak of a seed's runs, the checkpoint chosen on each half of the prompts.
local function log_kl_at_peak(runs)
  local sum = 0.0
  for half = 1, 2 do
    local best_point
    for _, run in ipairs(runs) do
      for _, point in ipairs(run) do
        local win = point.halves[half].win
        if point.kl > 0 and (not best_point or win > best_point.halves[half].win) then best_point = point end
      end
    end
    if not best_point then return nil end
    sum = sum + math.log(best_point.kl) / 2
  end
  return sum
end

--- The claims of `fig10_scale`: the gap at each size to offline and to shuffled data; the peaks of the
-- largest and the smallest size, their KLs, and the falls after them; and how the shares of online's best
-- possible performance grow with size. `make` is align.claims.
--
--   > local list = sizes.claims(require "perilune.align.claims", { sizes = "tiny,large", task = "arena" })
--   > #list, list[3].expect, list[3].paper
--   13	equal	On the arena offline is about as good as online at the largest size.
function sizes.claims(make, o)
  local names, list = scale.names(o), {}
  local small, large = names[1], names[#names]
  local function add(claim) list[#list + 1] = claim end
  for _, size in ipairs(names) do
    local given = size == large and exceptions.of(o.task, "the gap at the largest size",
      { paper = "The gap stays at the largest size." }) or {}
    given.name = ("the gap of best possible performance, %s"):format(size)
    add(make.quantile("online " .. size, "offline " .. size, given))
    add(make.quantile("online " .. size, "shuffled " .. size,
      { name = ("the gap to the online run's data in another order, %s"):format(size) }))
  end
  if #names < 2 then return list end
  for _, side in ipairs { "online ", "offline " } do
    add(make.peak(side .. large, side .. small,
      { paper = side == "online " and "Larger policies have higher peaks." or nil }))
    add(make.value(("log of the KL at the peak of %s%s less that of %s"):format(side, large, small),
      function(_, sides)
        return interval.differences(sides(side .. large), sides(side .. small), log_kl_at_peak)
      end, { expect = "equal", margin = 0.4, paper = "Peaks come at similar KL, here to a factor of 1.5." }))
    add(make.fall(side .. large, { paper = "Over-optimisation remains at the largest size." }))
  end
  add(growth_claim(make, ("offline's share of online's best, %s less %s"):format(large, small),
    { "offline" }, small, large, { paper = "The gap to offline shrinks, slowly." }))
  add(growth_claim(make, ("the share of shuffled data, %s less %s"):format(large, small),
    { "shuffled" }, small, large, { paper = "The gap to shuffled data shrinks, on two tasks of three." }))
  add(growth_claim(make, "by how much that share grows more than offline's", { "shuffled", "offline" },
    small, large, { paper = "It shrinks quicker than that to offline." }))
  return list
end

return options.strict("paper.reading.sizes", sizes)
