--- How much of a training step does each instrument take? Times them within runs of the embedded task.
--
--   perilune scripts/bench/instruments.lua --steps 200
--
-- Two runs, online and offline, IPO with 32 pairs a step, evaluated every 10 steps. An instrument's time at
-- an evaluated step counts all its functions; `own` is the draw of own responses that several of them read.
-- The share is of a plain step, at the default of an evaluation every 50 steps.
local perilune = require "perilune"
local align, options, system = perilune.align, perilune.options, perilune.system
local tasks, models, report = perilune.tasks, perilune.models, perilune.report

local spec = options.spec("bench.instruments", {
  { "steps", 200, "steps of each run", least = 10, smoke = 10 },
  { "batch", 32, "pairs of a step", least = 2, smoke = 8 },
  { "threads", 2, "cores", least = 1 },
  { "out", "", "an HTML page of the table, unless empty" },
})

local every <const>, default_every <const> = 10, 50

--- Seconds by instrument and function, of all calls.
local spent = {}

local function add(name, which, seconds)
  spent[name] = spent[name] or { step = 0.0, evaluated = 0.0 }
  local kind = which == "step" and "step" or "evaluated"
  spent[name][kind] = spent[name][kind] + seconds
end

--- Replaces the functions of every instrument by ones that are timed.
local function time_all()
  for _, name in ipairs(align.instruments.names()) do
    local d = align.instruments[name]
    for _, which in ipairs { "step", "gradient", "evaluation" } do
      local f = d[which]
      d[which] = f and function(context, ...)
        if which == "evaluation" and not rawget(context, "own") then
          local begun = system.clock()
          for _, part in ipairs { "own", "own_logps", "own_ref_logps" } do assert(context[part]) end
          add("own", which, system.clock() - begun)
        end
        local begun = system.clock()
        f(context, ...)
        add(name, which, system.clock() - begun)
      end
    end
  end
end

--- The seconds of all calls of instruments.
local function all_spent()
  local sum = 0.0
  for _, entry in pairs(spent) do sum = sum + entry.step + entry.evaluated end
  return sum
end

--- The seconds of a step without its instruments, of the same run, and the rows of a table.
local function measured(o, task, reference, source, other)
  local function train(steps)
    local begun = system.clock()
    align.train {
      policy = reference:clone(), reference = reference, source = source, quiet = true,
      loss = align.loss.ipo { beta = 0.1 }, steps = steps, evaluate_every = every,
      instruments = {
        classifier = { judge = align.judge.gold(task) }, cosine = { other = other },
        regret = { gold = function(_, response) return #response end, best = 0 },
      },
    }
    return system.clock() - begun
  end
  train(math.min(o.steps, 20))  -- the reference's log-probabilities of a data set are stored
  spent = {}
  local elapsed, rows = train(o.steps), {}
  local plain = (elapsed - all_spent()) / o.steps
  local function row(name, ms_step, ms_evaluated)
    local share = (ms_step + ms_evaluated / default_every) / (plain * 1e3)
    rows[#rows + 1] = {
      name, ("%.3f"):format(ms_step), ("%.2f"):format(ms_evaluated), ("%.1f %%"):format(share * 100),
    }
  end
  local names, step, evaluated = {}, 0.0, 0.0
  for name in pairs(spent) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local ms_step = spent[name].step / o.steps * 1e3
    local ms_evaluated = spent[name].evaluated / (o.steps // every) * 1e3
    row(name, ms_step, ms_evaluated)
    if name == "own" or align.instruments[name].default then
      step, evaluated = step + ms_step, evaluated + ms_evaluated
    end
  end
  row("all that are on by default", step, evaluated)
  return plain, rows
end

local function main()
  local o = perilune.cli.parse(arg, spec, "instruments.lua: the cost of each instrument")
  system.threads(o.threads)
  local task = tasks.sentiment()
  local shape = { vocab = task.tokenizer.vocab_size }
  for name, value in pairs(task.model) do shape[name] = value end
  local reference = models.transformer(shape)
  local how = { task = task, judge = align.judge.gold(task), prompts = task:prompts("train", 256), seed = 1 }
  local function with(more)
    for name, value in pairs(how) do more[name] = more[name] or value end
    return more
  end
  local online = align.sources.online(with { batch = o.batch })
  local pairs = align.sources.sample(reference, with { count = 256, quiet = true })
  local offline = align.sources.offline(pairs, { batch = o.batch, seed = 1 })
  local page = report.new { title = "Cost of the instruments" }
  time_all()
  for _, side in ipairs { { "online", online, offline }, { "offline", offline, online } } do
    local plain, rows = measured(o, task, reference, side[2], side[3])
    io.write(("\n%s: %.2f ms a step without instruments, %d threads\n"):format(
      side[1], plain * 1e3, o.threads))
    local header = { "instrument", "ms at every step", "ms at an evaluated step", "of a step, every 50" }
    for _, row in ipairs { header, table.unpack(rows) } do
      io.write(("%-28s %18s %24s %22s\n"):format(table.unpack(row)))
    end
    page:table { header = header, rows = rows, caption = side[1] }
  end
  if o.out ~= "" then page:save(o.out) end
end

main()
