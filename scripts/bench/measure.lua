--- Takes turns and gives the lines of the table: how many times as fast we are as each peer, round by round.
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local sizes = dofile(folder .. "/sizes.lua")
local processes = dofile(folder .. "/processes.lua")
local median <const> = sizes.median

local sgemm_flops <const> = 2 * 2048 ^ 3

local Measure = {}
Measure.__index = Measure

--- Prints a line of progress.
function Measure.note(text, ...)
  io.stderr:write(text:format(...), "\n")
  io.stderr:flush()
end

--- The median time of turns in milliseconds.
function Measure.ms(turns)
  local times = {}
  for i, turn in ipairs(turns) do times[i] = turn.ms end
  return median(times)
end

--- How many times as fast the turns `a` are as `b`: the median over the rounds.
function Measure.ratio(a, b)
  local ratios = {}
  for i, turn in ipairs(a) do ratios[i] = b[i].ms / turn.ms end
  return median(ratios)
end

--- Adds a process to `running`: { key, process, seconds }. `once` is a command whose whole run is timed.
function Measure:start(running, name, key, command, once, seconds)
  local process, log
  if once then
    process = processes.repeated(once)
  else
    process, log = processes.start(("%s-%s"):format(name, key), command .. " --turns")
  end
  if not process then return self.note("  %s did not start: see %s", key, log) end
  running[#running + 1] = { key = key, process = process, seconds = seconds or self.options.seconds }
end

--- The processes of a row that started, in the order of their turns.
function Measure:start_all(row, case)
  local o, running, name = self.options, {}, row.name .. "-" .. case
  if row.once then self:start(running, name, "ours", nil, row.once) end
  local keys = {}
  for key in pairs(row.ours or {}) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return a == "ours" or b ~= "ours" and a < b end)
  for _, key in ipairs(keys) do self:start(running, name, key, row.ours[key](case)) end
  for _, peer in ipairs(row.peers) do
    if peer.once then
      local is_there = os.execute(("command -v %s >/dev/null"):format(peer.once:match "%S+"))
      if is_there and not o.alone then self:start(running, name, peer.key, nil, peer.once) end
    elseif o.python ~= "" then
      self:start(running, name, peer.key, peer.command(case))
    end
  end
  for _, product in ipairs(row.products or {}) do
    if product.label == "Perilune" or o.python ~= "" then
      self:start(running, name, "product " .. product.label, product.command(case), nil,
        math.min(o.seconds, 1.0))
    end
  end
  return running
end

--- The shares of the cores that other processes used before each turn, since the last call.
function Measure:shares_of_others()
  local shares = self.others
  self.others = {}
  return shares
end

--- All turns of processes that have started: a list of turns for each key that had all of them.
function Measure:take_turns(running)
  local taken = {}
  for _, one in ipairs(running) do taken[one.key] = {} end
  for round = 1, self.options.rounds do
    for _, one in ipairs(running) do
      if taken[one.key] then
        self.others[#self.others + 1] = processes.pause(self.options.patience)
        taken[one.key][round] = one.process:turn(one.seconds)
        if not taken[one.key][round] then
          self.note("  %s stopped: see %s", one.key, one.process.log)
          taken[one.key] = nil
        end
      end
    end
  end
  for _, one in ipairs(running) do one.process:stop() end
  return taken
end

local function figure_of(unit, ms, turn)
  if unit == "tokens/s" then return ("%.0f tokens/s"):format(turn.tokens_per_s * turn.ms / ms) end
  if unit == "GFLOP/s" then return ("%.0f GFLOP/s"):format(sgemm_flops / ms / 1e6) end
  if unit == "ns a call" then return ("%.0f ns a call"):format(ms * 1e6 / 10000) end
  return ("%.1f %s"):format(ms, unit)
end

--- The fastest turn of each round among some peers; nil when none of them ran.
local function fastest_of(taken, keys)
  local best = {}
  for _, key in ipairs(keys) do
    for i, turn in ipairs(taken[key] or {}) do
      if not best[i] or turn.ms < best[i].ms then best[i] = turn end
    end
  end
  return best[1] and best
end

--- One line of the table.
function Measure:line(row, case, wanted, taken)
  local own = taken[wanted.of]
  local last, goals = own[#own], wanted.goals
  local line = {
    name = wanted.name, short = wanted.short, case = row.sized and case or "",
    process = row.name .. " " .. wanted.of, figure = figure_of(row.unit, self.ms(own), last),
    goal = type(goals) == "table" and goals[case] or goals, speed = {}, memory = {}, peak = last.peak_rss_mb,
  }
  for _, key in ipairs(wanted.against) do
    if taken[key] then line.speed[key] = self.ratio(own, taken[key]) end
  end
  for _, peer in ipairs(row.peers) do
    local theirs = taken[peer.key]
    line.memory[peer.key] = theirs and theirs[#theirs].peak_rss_mb
  end
  local fastest = fastest_of(taken, wanted.against)
  line.fastest = fastest and self.ratio(own, fastest)
  if line.fastest then
    self.note("  %s: %s, %.2f times as fast as the fastest peer", line.name, line.figure, line.fastest)
  end
  return line
end

--- A training step in GFLOP/s, and the plain product of each library.
function Measure:step(row, case, taken)
  local step = { case = case, order = {}, products = {}, best = 0 }
  step.gflops = sizes.train_flops(sizes.cases[case]) / self.ms(taken.ours) / 1e6
  for _, product in ipairs(row.products) do
    step.order[#step.order + 1] = product.label
    for _, turn in ipairs(taken["product " .. product.label] or {}) do
      local rate = sgemm_flops / turn.ms / 1e6
      step.products[product.label] = math.max(step.products[product.label] or 0, rate)
      step.best = math.max(step.best, rate)
    end
  end
  return step
end

--- Measures a row: its lines, and for a training row with products its step in GFLOP/s.
function Measure:row(row, case)
  self.note("%s %s", row.name, row.sized and case or "")
  local taken, lines = self:take_turns(self:start_all(row, case)), {}
  for _, wanted in ipairs(row.lines) do
    if taken[wanted.of] then lines[#lines + 1] = self:line(row, case, wanted, taken) end
  end
  return lines, row.products and taken.ours and self:step(row, case, taken) or nil
end

--- For the options of table.lua.
return function(o) return setmetatable({ options = o, others = {} }, Measure) end
