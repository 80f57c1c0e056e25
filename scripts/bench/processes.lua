--- Processes of the bench: each waits until it may use the cores for a number of seconds.
local perilune = require "perilune"
local formats, system = perilune.formats, perilune.system

local processes = {}

--- The folder of the standard error of each process.
processes.logs = "out/bench"
system.make_folder(processes.logs)

function processes.quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end
local quoted <const> = processes.quoted

local has_setpriv = os.execute "command -v setpriv >/dev/null 2>&1"

--- A command that is killed when this process ends, even by kill -9 (PR_SET_PDEATHSIG), where `setpriv` is
-- there.
function processes.bound(command)
  return has_setpriv and "exec setpriv --pdeathsig KILL -- " .. command or command
end

--- The output of a command, without blanks at its end.
function processes.output_of(command)
  local pipe <close> = assert(io.popen(command))
  return (pipe:read "a"):gsub("%s+$", "")
end

--- Busy time and total time of the machine's cores since its start, in ticks.
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

--- Waits while no process of the bench works, because threads of the last one may still spin, and gives the
-- share of the cores that other processes used. Waits longer, up to `patience` seconds, while that share is a
-- tenth or more.
function processes.pause(patience)
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

--- A process that waits for turns; nil and its log when it ends before it is warm. Its input is a named pipe,
-- because popen has one direction only.
function processes.start(name, command)
  local input, log = os.tmpname(), ("%s/%s.log"):format(processes.logs, name)
  os.remove(input)
  assert(os.execute("mkfifo " .. quoted(input)))
  local self = setmetatable({ log = log, name = name }, Process)
  self.out = assert(io.popen(("%s <%s 2>%s"):format(processes.bound(command), quoted(input), quoted(log))))
  self.input = assert(io.open(input, "w"))
  os.remove(input)
  local line = self.out:read "l"
  if line then return self end
  self:stop()
  return nil, log
end

--- Starts a turn; `finish` waits for its end. Several processes may work at the same time.
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

--- Several processes whose turns are at the same time. Their joint speed is the sum of their speeds.
function processes.together(members)
  return setmetatable({ members = members, log = members[1].log }, Together)
end

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

--- A command whose whole run is timed, ten times a turn.
function processes.repeated(command)
  return {
    turn = function()
      local begun = system.clock()
      for _ = 1, 10 do assert(os.execute(command)) end
      return { ms = (system.clock() - begun) * 100 }
    end,
    stop = function() end,
  }
end

return processes
