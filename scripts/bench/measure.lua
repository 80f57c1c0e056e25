--- Turns and what they say: how many times as fast we were, round by round, and the lines of the table that a row gives.
local folder = arg[0]:match "^(.*)[/\\]" or "."
local sizes = dofile(folder .. "/sizes.lua")
local turns = dofile(folder .. "/processes.lua")
local median <const> = sizes.median

--- For the options of table.lua.
return function(o)
  local function note(text, ...)
    io.stderr:write(text:format(...), "\n")
    io.stderr:flush()
  end

  local function each(list, f)
    local out = {}
    for i, x in ipairs(list) do out[i] = f(x, i) end
    return out
  end

  local function ms_of(turn) return turn.ms end

  --- How many times as fast `a` is as `b`, round by round.
  local function ratio(a, b)
    return median(each(a, function(turn, i) return b[i].ms / turn.ms end))
  end

  --- The processes of a row that started, in the order of their turns: { key, process, seconds }.
  local function start_all(row, case)
    local running = {}
    local function add(key, command, once, seconds)
      local process, log
      if once then
        process = turns.repeated(once)
      else
        process, log = turns.start(("%s-%s-%s"):format(row.name, case, key), command .. " --turns")
      end
      if not process then return note("  %s did not start: see %s", key, log) end
      running[#running + 1] = { key = key, process = process, seconds = seconds or o.seconds }
    end
    local names = {}
    for key in pairs(row.ours or {}) do names[#names + 1] = key end
    table.sort(names, function(a, b) return a == "ours" or b ~= "ours" and a < b end)
    if row.once then add("ours", nil, row.once) end
    for _, key in ipairs(names) do add(key, row.ours[key](case)) end
    for _, peer in ipairs(row.peers) do
      if peer.once then
        local is_there = os.execute(("command -v %s >/dev/null"):format(peer.once:match "%S+"))
        if is_there and not o.alone then add(peer.key, nil, peer.once) end
      elseif o.python ~= "" then
        add(peer.key, peer.command(case))
      end
    end
    for _, product in ipairs(row.products or {}) do
      if product.label == "Perilune" or o.python ~= "" then
        add("product " .. product.label, product.command(case), nil, math.min(o.seconds, 1.0))
      end
    end
    return running
  end

  local others = {}

  --- The shares of the cores that others had before each turn since this was last asked.
  local function shares_of_others()
    local shares = others
    others = {}
    return shares
  end

  --- All turns of processes that have started: a list of turns for each key that had all of them.
  local function take_turns(running)
    local taken = {}
    for _, one in ipairs(running) do taken[one.key] = {} end
    for round = 1, o.rounds do
      for _, one in ipairs(running) do
        if taken[one.key] then
          others[#others + 1] = turns.pause(o.patience)
          taken[one.key][round] = one.process:turn(one.seconds)
          if not taken[one.key][round] then
            note("  %s stopped: see %s", one.key, one.process.log)
            taken[one.key] = nil
          end
        end
      end
    end
    for _, one in ipairs(running) do one.process:stop() end
    return taken
  end

  local sgemm_flops <const> = 2 * 2048 ^ 3

  local function figure_of(unit, ms, turn)
    if unit == "tokens/s" then return ("%.0f tokens/s"):format(turn.tokens_per_s * turn.ms / ms) end
    if unit == "GFLOP/s" then return ("%.0f GFLOP/s"):format(sgemm_flops / ms / 1e6) end
    if unit == "ns a call" then return ("%.0f ns a call"):format(ms * 1e6 / 10000) end
    return ("%.1f %s"):format(ms, unit)
  end

  --- Each round's fastest turn among some peers; nil where none of them ran.
  local function fastest_of(taken, keys)
    local best = {}
    for _, key in ipairs(keys) do
      for i, turn in ipairs(taken[key] or {}) do
        if not best[i] or turn.ms < best[i].ms then best[i] = turn end
      end
    end
    return best[1] and best
  end

  --- The lines of the table that a row gives.
  local function lines_of(row, case, taken)
    local lines = {}
    for _, wanted in ipairs(row.lines) do
      local own = taken[wanted.of]
      if own then
        local last = own[#own]
        local ms = median(each(own, ms_of))
        local line = {
          name = wanted.name, short = wanted.short, case = row.sized and case or "", process = row.name .. " " .. wanted.of,
          figure = figure_of(row.unit, ms, last), goal = type(wanted.goals) == "table" and wanted.goals[case] or wanted.goals,
          speed = {}, memory = {}, peak = last.peak_rss_mb,
        }
        for _, key in ipairs(wanted.against) do
          if taken[key] then line.speed[key] = ratio(own, taken[key]) end
        end
        for _, peer in ipairs(row.peers) do
          local theirs = taken[peer.key]
          line.memory[peer.key] = theirs and theirs[#theirs].peak_rss_mb
        end
        local fastest = fastest_of(taken, wanted.against)
        line.fastest = fastest and ratio(own, fastest)
        if line.fastest then note("  %s: %s, %.2f times as fast as the fastest peer", line.name, line.figure, line.fastest) end
        lines[#lines + 1] = line
      end
    end
    return lines
  end

  --- A training step in GFLOP/s, and everyone's plain product.
  local function step_of(row, case, taken)
    local step = { case = case, order = {}, products = {}, best = 0 }
    step.gflops = sizes.train_flops(sizes.cases[case]) / median(each(taken.ours, ms_of)) / 1e6
    for _, product in ipairs(row.products) do
      local plain = taken["product " .. product.label]
      step.order[#step.order + 1] = product.label
      if plain then
        step.products[product.label] = sgemm_flops / math.min(table.unpack(each(plain, ms_of))) / 1e6
        step.best = math.max(step.best, step.products[product.label])
      end
    end
    return step
  end

  --- Measures a row: its lines, and for a training row with products its step in GFLOP/s.
  local function measure(row, case)
    note("%s %s", row.name, row.sized and case or "")
    local taken = take_turns(start_all(row, case))
    return lines_of(row, case, taken), row.products and taken.ours and step_of(row, case, taken) or nil
  end

  return {
    note = note, each = each, ms_of = ms_of, ratio = ratio, take_turns = take_turns, row = measure, shares_of_others = shares_of_others,
  }
end
