--- What our side of scripts/bench shares with its peers: taking turns, and the line that reports a turn.
--
-- See turns.py, which does the same: alone one turn is timed; with --turns the process says that it is warm, then reads
-- a number of seconds for each turn from standard input, until an empty line.
local system = require "perilune.system"

local turns = {}

--- The options that every measuring script takes.
turns.options = {
  { "case", "tiny", "tiny, small or gpt2" },
  { "what", "train", "the row" },
  { "seconds", 5.0, "length of a turn" },
  { "threads", 2, "cores" },
  { "data", "", "stories260K.bin, with tok512.bin beside it" },
  { "turns", false, "wait for turns on standard input" },
  { "smoke", false, "one short turn of every row" },
}

--- The most memory this process has had, in MB.
local function peak_mb()
  for line in io.lines "/proc/self/status" do
    local kb = line:match "^VmHWM:%s+(%d+)"
    if kb then return math.floor(kb / 1024 + 0.5) end
  end
end

local function median(list)
  table.sort(list)
  local middle = #list // 2
  return #list % 2 == 1 and list[middle + 1] or (list[middle] + list[middle + 1]) / 2
end

local function line(text, ...)
  io.write(text:format(...), "\n")
  io.flush()
end

local function turn(o, tokens, step, seconds)
  local times, finish = {}, system.clock() + seconds
  while system.clock() < finish or #times < 3 do
    local begun = system.clock()
    step()
    times[#times + 1] = system.clock() - begun
  end
  local count, s = #times, median(times)
  line('{"case": "%s", "what": "%s", "tokens_per_s": %.1f, "ms": %.6f, "steps": %d, "peak_rss_mb": %d}',
    o.case, o.what, tokens / s, s * 1e3, count, peak_mb())
end

--- Warms up, then times `step`, which processes `tokens`, for each turn, three times at least.
function turns.run(o, tokens, step, warm)
  for _ = 1, warm or 3 do step() end
  if not o.turns then return turn(o, tokens, step, o.seconds) end
  line '{"ready": true}'
  for seconds in io.lines() do
    if seconds == "" then return end
    turn(o, tokens, step, tonumber(seconds))
  end
end

--- Runs the row that is asked for out of `rows`, functions of the options; with --smoke a short turn of each.
function turns.main(o, rows)
  system.threads(o.threads)
  if o.smoke then
    o.seconds = 0
    local names = {}
    for name in pairs(rows) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      o.what = name
      rows[name](o)
    end
  elseif rows[o.what] then
    rows[o.what](o)
  else
    io.stderr:write(("unknown row '%s'\n"):format(o.what))
    os.exit(1)
  end
end

return turns
