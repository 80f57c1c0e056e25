--- The runs of the paper by name. Figures with one of them in common share it.
--
-- Tang et al. 2024, arXiv:2405.08448. `variants.of(o)` gives makers for the options of a script. All but `of`
-- are shared between scripts; one that a script changes, by a stage of its own, is given `shared = false`.
--
--   online()              one setting, fresh responses labelled by the proxy; recorded token for token
--   online_pooled()       the same over the sweep of offline runs: equal selection on both sides
--   online_gold(from)     one setting, labelled by gold: separates the source of data from the proxy's errors
--   offline()             golden pairs, over the sweep
--   offline_one(from)     golden pairs, with the setting of the online run
--   replay(window, from)  an online run's batches, shuffled within windows; 1 is in order
--   between(a, b)         pairs of two checkpoints of the online run, ordered by gold: D_a-vs-b; 0 is the
--                         start, 1 the end of the run; "start against 0.2" is the paper's D_sft-vs-800
--   mixed(a, b)           half of them, and half of the golden pairs
--   refreshed(s, share)   online, the policy that writes is renewed every s steps; "never" is the start;
--                         `share` of the learning rate
--   of(label, source)     a source of one's own, with the setting of online runs
local batches = require "perilune.align.batch"
local options = require "perilune.options"
local settings = require "perilune.paper.settings"
local sources = require "perilune.align.sources"

local variants = {}

--- How many steps lie between the checkpoints that later sources read: a fifth of a run, as 800 of the
-- paper's 4,000.
--
--   > local variants = require "perilune.paper.variants"
--   > variants.every(4000), variants.every(3)
--   800	1
function variants.every(steps) return math.max(1, steps // 5) end

--- The label of the side whose writer is renewed every so many steps, or "never", at a share of the rate.
--
--   > require "perilune.paper.variants".renewed(16)
--   renewed every 16
function variants.renewed(every, share)
  local rate = share and (", rate times %.2g"):format(share) or ""
  return (every == "never" and "never renewed" or ("renewed every %d"):format(every)) .. rate
end

--- The policy of an online run at a share of its steps: 0 is the start, 1 its end.
local function writer(stage, online, share)
  if share == 0 then return stage.start, "start" end
  if share == 1 then return online.policy, ("step %d"):format(online.step) end
  local every = variants.every(online.step)
  local step = math.max(1, math.floor(share * online.step / every + 0.5)) * every
  return online.checkpoints[step], ("step %d"):format(step)
end

--- The name of a share of the online run's steps.
local function named(share) return share == 0 and "start" or share == 1 and "end" or ("%g"):format(share) end

--- As many pairs as there are golden ones: of two policies, ordered by gold.
local function dataset(stage, a, b, seed)
  return sources.between(a, b, {
    task = stage.task, judge = stage.gold, prompts = stage.prompts, count = #stage.golden_pairs, seed = seed,
    quiet = true,
  })
end

--- The first `count` of some pairs.
local function first(all, count)
  local units = {}
  for i = 1, count do units[i] = i end
  return all:select(units)
end

-- Sources of several variants.
local function online(stage, run) return stage:online(run) end
local function offline(stage, run) return stage:offline(run) end

--- What the makers of a loss have in common: { o =, loss =, prefix =, variant = }.
local function common_of(o, loss)
  local all = { o = o, loss = loss, prefix = loss and loss .. " " or "" }
  function all.variant(label, list, source, more)
    local made = {
      label = all.prefix .. label, settings = list, source = source, shared = true,
      checkpoint_every = variants.every,
    }
    for key, value in pairs(more or {}) do made[key] = value end
    return made
  end
  return all
end

--- The makers of runs with fresh responses.
local function add_online(make, all)
  local o, loss, prefix, variant = all.o, all.loss, all.prefix, all.variant
  local recorded <const> = { run = prefix .. "online", record = true }

  function make.online() return variant("online", settings.one(o, loss), online, recorded) end

  function make.online_pooled()
    return variant("online, pooled", settings.sweep(o, loss), online, recorded)
  end

  --- `from` trains it in the process of another variant, for what is measured of both.
  function make.online_gold(from)
    return variant("online by gold", settings.one(o, loss), function(stage, run)
      return stage:online(run, { judge = stage.gold })
    end, { from = from })
  end

  --- Fresh pairs of a policy that is renewed every so many steps.
  function make.refreshed(every, share)
    local list = settings.one(share and settings.slower(o, share) or o, loss)
    return variant(variants.renewed(every, share), list, function(stage, run)
      return stage:online(run, every == "never" and { lag = math.huge } or { refresh = every })
    end, { run = prefix .. variants.renewed(every) })
  end
end

--- The makers of runs on golden pairs.
local function add_offline(make, all)
  local o, loss, run = all.o, all.loss, all.prefix .. "offline"

  function make.offline() return all.variant("offline", settings.sweep(o, loss), offline, { run = run }) end

  --- `from` as in `make.online_gold`.
  function make.offline_one(from)
    return all.variant("offline, one setting", settings.one(o, loss), offline, { run = run, from = from })
  end
end

--- The makers of runs on what an online run, or its checkpoints, wrote.
local function add_written(make, all)
  local o, loss, prefix, variant = all.o, all.loss, all.prefix, all.variant

  --- `from` is the label of another online run than that of `make.online`.
  function make.replay(window, from)
    local label = window == 1 and "in order" or window == "all" and "shuffled"
      or ("shuffled within %s"):format(window)
    local read = from or prefix .. "online"
    return variant(label, settings.one(o, loss), function(_, run)
      return sources.replay(run.done[read].stream, { window = window, seed = run.seed })
    end, { from = read })
  end

  --- Golden pairs are as many as the pairs of the two checkpoints.
  local function of_checkpoints(label, a, b, made_of)
    return variant(label, settings.one(o, loss), function(stage, run)
      local of = run.done[prefix .. "online"]
      local pairs_of = dataset(stage, (writer(stage, of, a)), (writer(stage, of, b)), run.seed)
      return sources.offline(made_of(pairs_of, stage), { batch = run.batch, seed = run.seed })
    end, { from = prefix .. "online" })
  end

  function make.between(a, b)
    local label = ("%s against %s"):format(named(a), named(b))
    return of_checkpoints(label, a, b, function(pairs_of) return pairs_of end)
  end

  function make.mixed(a, b)
    local label = ("half golden, half %s against %s"):format(named(a), named(b))
    return of_checkpoints(label, a, b, function(pairs_of, stage)
      local half = #pairs_of // 2
      local golden = batches.of_pairs(stage.golden_pairs, "paper.variants")
      return batches.concat { first(golden, half), first(pairs_of, #pairs_of - half) }
    end)
  end
end

--- The makers of variants for the options of a script; `loss` names another loss than that of the options.
-- Labels are those of the side, after the loss where it is another one.
--
--   > local o = { task = "sentiment", data = "", cost = -1, loss = "ipo", lr = "", beta = "", steps = 0 }
--   > local make = require "perilune.paper.variants".of(o, "dpo")
--   > make.online().label, make.between(0, 0.2).label
--   dpo online	dpo start against 0.2
function variants.of(o, loss)
  local make, all = {}, common_of(o, loss)
  add_online(make, all)
  add_offline(make, all)
  add_written(make, all)

  function make.of(label, source, more)
    local made = all.variant(label, settings.one(o, loss), source, more)
    made.shared = more and more.shared
    return made
  end

  return make
end

--- The makers of best-of-2: its online run, and what replays that run's data, at a sixth of the online rate;
-- the others at the task's rates. The loss has no KL term: on a calibration seed of `sentiment` the online
-- rate of 3e-4 left the start by hundreds of nats, where texts break, 1e-4 rose to a win rate of 0.27 at 12
-- nats and fell to 0.05, and 5e-5 rose to 0.58 at 30 nats. Offline it stays within a nat at any rate: its
-- optimum is at most 0.193 nats from the writer.
--
--   > local o = { task = "sentiment", data = "", cost = -1, loss = "ipo", lr = "", beta = "", steps = 0 }
--   > local bo2 = require "perilune.paper.variants".bo2(o)
--   > bo2.online().settings[1].name, bo2.replay("all").settings[1].lr, bo2.offline_one().settings[1].lr
--   bo2, lr 5e-05, 720 steps	5e-05	0.0003
function variants.bo2(o)
  local make, slow = variants.of(o, "bo2"), variants.of(settings.slower(o, 1 / 6), "bo2")
  make.online, make.replay = slow.online, slow.replay
  return make
end

return options.strict("paper.variants", variants)
