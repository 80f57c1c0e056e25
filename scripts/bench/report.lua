--- The tables, sentences and charts of `scripts/bench/run`, and where they go.
local perilune = require "perilune"
local plot, system = perilune.plot, perilune.system

local report = {}

local function line(cells) return "| " .. table.concat(cells, " | ") .. " |" end

--- A table whose first `left` columns are words and whose others are numbers.
function report.grid(head, rows, left)
  local rule = {}
  for i = 1, #head do rule[i] = i <= left and "---" or "---:" end
  local lines = { line(head), line(rule) }
  for _, row in ipairs(rows) do lines[#lines + 1] = line(row) end
  return table.concat(lines, "\n")
end

local function verdict(goal, value)
  if not goal then return "" end
  return value >= goal and "reached" or "**missed**"
end

local function number(format, value) return value and format:format(value) or "" end

--- The keys of `columns` that some result has in `field`.
local function present(columns, results, field)
  local found = {}
  for _, key in ipairs(columns) do
    for _, result in ipairs(results) do
      if result[field][key] then
        found[#found + 1] = key
        break
      end
    end
  end
  return found
end

local function headed(first, keys, labels, last)
  local head = first
  for _, key in ipairs(keys) do head[#head + 1] = labels[key] end
  return table.move(last, 1, #last, #head + 1, head)
end

--- Speed: how many times as fast we are as each peer, and as the fastest of the peers of a line.
function report.speeds(results, columns, labels)
  local keys, rows = present(columns, results, "speed"), {}
  for i, r in ipairs(results) do
    local row = { r.name, r.case, r.figure }
    for _, key in ipairs(keys) do row[#row + 1] = number("%.2f", r.speed[key]) end
    row[#row + 1], row[#row + 2] = number("**%.2f**", r.fastest), number("%g", r.goal)
    row[#row + 1] = r.fastest and verdict(r.goal, r.fastest) or ""
    rows[i] = row
  end
  return report.grid(headed({ "row", "case", "Perilune" }, keys, labels, { "fastest", "goal", "" }), rows, 2)
end

--- Peaks of memory: ours, and PyTorch's or that of TRL, which runs PyTorch. Nil where nothing has a
-- peak.
function report.peaks(results, columns, labels)
  local keys, rows, seen = present(columns, results, "memory"), {}, {}
  for _, r in ipairs(results) do
    local id = r.peak and r.process .. r.case
    if r.peak and not seen[id] then
      seen[id] = true
      local row = { r.name, r.case, ("%d MB"):format(r.peak) }
      for _, key in ipairs(keys) do row[#row + 1] = number("%d MB", r.memory[key]) end
      local theirs = r.memory.pytorch or r.memory.trl
      row[#row + 1] = theirs and ("**%.2f**"):format(theirs / r.peak) or ""
      row[#row + 1], row[#row + 2] = theirs and "2" or "", theirs and verdict(2, theirs / r.peak) or ""
      rows[#rows + 1] = row
    end
  end
  if #rows == 0 then return nil end
  return report.grid(headed({ "row", "case", "Perilune" }, keys, labels, { "PyTorch / ours", "goal", "" }),
    rows, 2)
end

--- A training step, and the fastest plain product of any library in the same turns; `goals` are percent.
function report.products(steps, goals)
  local rows, order = {}, {}
  for _, label in ipairs(steps[1].order) do
    if steps[1].products[label] then order[#order + 1] = label end
  end
  for i, r in ipairs(steps) do
    local row = { r.case, ("%.0f"):format(r.gflops) }
    for _, label in ipairs(order) do row[#row + 1] = number("%.0f", r.products[label]) end
    local share, goal = 100 * r.gflops / r.best, goals[r.case]
    row[#row + 1], row[#row + 2] = ("**%.0f %%**"):format(share), goal and ("%d %%"):format(goal) or ""
    row[#row + 1] = verdict(goal, share)
    rows[i] = row
  end
  local head = { "case", "training step" }
  for _, label in ipairs(order) do head[#head + 1] = label .. "'s product" end
  return report.grid(table.move({ "share of the best", "goal", "" }, 1, 3, #head + 1, head), rows, 1)
end

--- Bars of every line with a goal, and the goal across each.
function report.chart(results)
  local labels, values, goals = {}, {}, {}
  for _, r in ipairs(results) do
    if r.fastest and r.goal then
      labels[#labels + 1] = ((r.short or r.name) .. " " .. r.case):gsub(" $", "")
      values[#values + 1], goals[#goals + 1] = r.fastest, r.goal
    end
  end
  if #values == 0 then return nil end
  local figure = plot.figure {
    title = "Perilune beside the fastest peer", ylabel = "times as fast",
    width = math.max(640, 160 + 64 * #values), height = 480,
    legend = "upper left",
  }
  figure:bars { labels = labels, values = values, label = "Perilune", color = "#56b4e9" }
  for i, goal in ipairs(goals) do
    figure:line {
      x = { i - 0.42, i + 0.42 }, y = { goal, goal }, label = i == 1 and "goal" or nil, color = "#d55e00",
      marker = "none", style = "solid",
    }
  end
  return figure:hline { y = 1, label = "as fast as the fastest peer", style = "dashed" }
end

local axis_names = { batch = "batch", length = "length", dim = "width", vocab = "vocabulary" }

--- Step time against the arithmetic: a table, and a chart with the arithmetic's own line. The rate falls
-- where it is below 95 % of the best at a smaller size of the axis; an exponent is given where a doubling is
-- a fifth more work.
function report.growth(axes)
  local figure = plot.figure {
    title = "A training step around tiny's shape", xlabel = "arithmetic of the step, GFLOP",
    ylabel = "milliseconds",
    xscale = "log", yscale = "log", width = 800, height = 520, legend = "upper left",
  }
  local rows, least, most, rate = {}, math.huge, 0, nil
  for _, axis in ipairs(axes) do
    local x, y, best = {}, {}, 0
    for i, point in ipairs(axis.points) do
      x[i], y[i] = point.gflop, point.ms
      local before = axis.points[i - 1]
      local now = point.gflop / point.ms * 1e3
      local work, time = before and point.gflop / before.gflop, before and point.ms / before.ms
      local exponent = work and work > 1.2 and math.log(time) / math.log(work)
      local rate_of = now < 0.95 * best and ("**falls** to %.0f %%"):format(100 * now / best) or "holds"
      rows[#rows + 1] = {
        axis_names[axis.name], tostring(point.size), ("%.2f"):format(point.gflop), ("%.2f"):format(point.ms),
          number("%.2f", work),
        number("%.2f", time), number("%.2f", exponent), ("%.0f"):format(now), before and rate_of or "",
      }
      best = math.max(best, now)
      least, most = math.min(least, point.gflop), math.max(most, point.gflop)
      if axis.name == "batch" and point.size == 32 then rate = now end
    end
    figure:line { x = x, y = y, label = axis_names[axis.name], marker = "circle" }
  end
  if rate then
    figure:line {
      x = { least, most }, y = { least / rate * 1e3, most / rate * 1e3 },
      label = ("the arithmetic at %.0f GFLOP/s"):format(rate),
      style = "dashed", marker = "none", color = "#666666",
    }
  end
  local head = { "axis", "size", "GFLOP", "ms", "times the work", "times as long", "exponent", "GFLOP/s",
    "rate" }
  return report.grid(head, rows, 1), figure
end

--- What a step asks of the system's allocator.
function report.allocations(all)
  local rows = {}
  local function cell(calls, bytes) return ("%.0f (%.0f KB)"):format(calls, bytes / 1024) end
  for i, entry in ipairs(all) do
    local a = entry.a_step
    rows[i] = {
      entry.row, entry.who, cell(a.small, a.small_bytes), cell(a.middle, a.middle_bytes),
        cell(a.large, a.large_bytes),
      ("%.2f"):format(a.mapped + a.mmaps), ("%.2f"):format(a.unmapped + a.munmaps),
      ("%.2f"):format(a.heap_moves),
      ("%.1f"):format(a.page_faults), a.buffers_taken and ("%.0f"):format(a.buffers_taken) or "",
      a.buffers_fresh and ("%.2f"):format(a.buffers_fresh) or "",
    }
  end
  return report.grid({
    "row", "who", "below 1 KB", "1 to 64 KB", "64 KB and more", "mapped", "unmapped", "heap moves",
    "page faults",
    "buffers of tensors", "of these fresh",
  }, rows, 2)
end

--- Puts a text between the markers of a part of the file of results; the part is begun at its end when it is
-- missing.
function report.write(path, part, text)
  local file = io.open(path, "r")
  local whole = file and file:read "a" or "# Results\n"
  if file then file:close() end
  local opening, closing = ("<!-- %s -->"):format(part), ("<!-- /%s -->"):format(part)
  if not whole:find(opening, 1, true) then whole = whole .. "\n" .. opening .. "\n" .. closing .. "\n" end
  local _, from = whole:find(opening, 1, true)
  local to = whole:find(closing, from, true)
    or error(("%s: no %s after %s"):format(path, closing, opening), 0)
  system.write_file(path, ("%s\n%s\n\n%s"):format(whole:sub(1, from), text, whole:sub(to)))
end

return report
