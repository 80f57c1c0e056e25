--- Processes that take turns: each waits until it is told for how many seconds it has the cores.
local perilune = require "perilune"
local formats, system = perilune.formats, perilune.system

local turns = {}

--- Where the standard error of each process goes.
turns.logs = "out/bench"
system.make_folder(turns.logs)

function turns.quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end
local quoted <const> = turns.quoted

--- What a command prints, without the blanks at its end.
function turns.output_of(command)
  local pipe <close> = assert(io.popen(command))
  return (pipe:read "a"):gsub("%s+$", "")
end

--- Time that the machine's cores worked and had in all since it started, in ticks.
local function ticks()
  local busy, all, i = 0, 0, 0
  for number in io.open("/proc/stat"):read("l"):gmatch "%d+" do
    i = i + 1
    if i <= 8 then all = all + tonumber(number) end
    -- The fourth and fifth are idle time and waiting for a disk; the eighth was taken by other machines.
    if i <= 8 and i ~= 4 and i ~= 5 then busy = busy + tonumber(number) end
  end
  return busy, all
end

--- Waits for a moment in which nobody of ours works, because threads of the one before may still spin, and gives the share
-- of the cores that others had in its second half. Waits on, up to `patience` seconds, while others have a tenth of them.
function turns.pause(patience)
  local finish = system.clock() + (patience or 0)
  os.execute "sleep 0.2"
  while true do
    local busy, all = ticks()
    os.execute "sleep 0.2"
    local busy_now, all_now = ticks()
    local share = (busy_now - busy) / math.max(all_now - all, 1)
    if share < 0.1 or system.clock() >= finish then return share end
  end
end

local Process = {}
Process.__index = Process

--- A process that waits for turns; nil and its log when it ends before it is warm. Its input is a named pipe, because
-- popen gives only one direction.
function turns.start(name, command)
  local input, log = os.tmpname(), ("%s/%s.log"):format(turns.logs, name)
  os.remove(input)
  assert(os.execute("mkfifo " .. quoted(input)))
  local self = setmetatable({ log = log, name = name }, Process)
  self.out = assert(io.popen(("%s <%s 2>%s"):format(command, quoted(input), quoted(log))))
  self.input = assert(io.open(input, "w"))
  os.remove(input)
  local line = self.out:read "l"
  if line then return self end
  self:stop()
  return nil, log
end

--- Tells it to begin; `finish` waits for the end. Several may be at work at once.
function Process:begin(seconds)
  self.input:write(seconds, "\n")
  self.input:flush()
end

function Process:finish()
  local line = self.out:read "l"
  return line and formats.json_decode(line)
end

function Process:turn(seconds)
  self:begin(seconds)
  return self:finish()
end

function Process:stop()
  self.input:write "\n"
  self.input:close()
  self.out:close()
end

local Together = {}
Together.__index = Together

--- Several processes that have the cores together; a step of all counts as long as one whose speed is the sum of theirs.
function turns.together(members) return setmetatable({ members = members, log = members[1].log }, Together) end

function Together:turn(seconds)
  for _, one in ipairs(self.members) do one:begin(seconds) end
  local speed, tokens, peak = 0.0, 0.0, 0
  local all = {}
  for i, one in ipairs(self.members) do all[i] = one:finish() end
  if #all < #self.members then return nil end
  for _, turn in ipairs(all) do
    speed, tokens, peak = speed + 1 / turn.ms, tokens + turn.tokens_per_s, peak + turn.peak_rss_mb
  end
  return { ms = 1 / speed, tokens_per_s = tokens, peak_rss_mb = peak }
end

function Together:stop()
  for _, one in ipairs(self.members) do one:stop() end
end

--- A command whose whole life is timed, ten times a turn.
function turns.repeated(command)
  return {
    turn = function()
      local begun = system.clock()
      for _ = 1, 10 do assert(os.execute(command)) end
      return { ms = (system.clock() - begun) * 100 }
    end,
    stop = function() end,
  }
end

return turns
