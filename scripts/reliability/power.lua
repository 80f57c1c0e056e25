--- R3: a run whose machine loses its power after any of its file operations.
--
--     bin/perilune scripts/reliability/power.lua --steps 3 --every 1 --seeds 8 --jobs 2
--
-- A run is recorded, SQLite's operations included. After each operation the disk is made as it may be then
-- (see lost_power.lua): with four patterns of loss, the random one with several seeds. Another process goes
-- on with it. A state is bad where that process fails, warns, ends otherwise than an uncut run, or begins
-- with an older checkpoint than was promised. States that are the same are tried once.
--
-- The control renames a checkpoint that was not synced: states of it must be bad.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local lost_power = require "lost_power"
local operations = require "operations"
local parallel = require "perilune.parallel"
local system = require "perilune.system"

local o = common.options { steps = 3, every = 1, seeds = 8, jobs = 2 }

local folder = common.folder()
local log = folder .. ".log"
local status, out, err = common.run(common.job("own", folder, o.steps, 1, { LOG = log }))
if status ~= 0 then error("the uncut run fails: " .. err, 0) end
local expected, recorded = common.result("own", folder, out), operations.read(log)
os.remove(log)
common.remove(folder)

--- The distinct states after every `every`-th of a list of operations: `visit(state folder, promised, text)`
-- for each, which is removed then. `share` and `shares` say which of these operations.
local function each_state(list, every, share, shares, visit)
  local disk, promised, seen = lost_power.new(folder), -1, {}
  for i, operation in ipairs(list) do
    disk:apply(operation)
    if operation[2] == "mark" then promised = math.tointeger(operation[3]) or 0 end
    if i % every == 0 and i // every % shares == share then
      for _, loss in ipairs(lost_power.losses) do
        for seed = 1, loss == "random" and o.seeds or 1 do
          local state = common.folder()
          local hash = promised .. disk:write_to(state, loss, 1000 * i + seed)
          if not seen[hash] then
            visit(state, promised, ("%s, seed %d, after operation %d, %s"):format(
              loss, seed, i, table.concat({ operation[2], tostring(operation[3]) }, " ")))
          end
          seen[hash] = true
          common.remove(state)
        end
      end
    end
  end
end

local shares = 8 * o.jobs
local parts = {}
for i = 1, shares do parts[i] = i - 1 end
local results = parallel.map(parts, function(share, report)
  local found = { states = 0, problems = {} }
  each_state(recorded, o.every, share, shares, function(state, promised, text)
    found.states = found.states + 1
    report(math.min(0.99, found.states / (#recorded / o.every * (3 + o.seeds) / shares)))
    local problem = common.goes_on("own", state, o.steps, promised, expected)
    if problem then found.problems[#found.problems + 1] = text .. ": " .. problem end
  end)
  return found
end, { jobs = o.jobs, label = "power" })

local states, bad = 0, 0
for _, found in ipairs(results) do
  states, bad = states + found.states, bad + #found.problems
  for _, problem in ipairs(found.problems) do io.stderr:write("power: ", problem, "\n") end
end

--- The operations without the syncs of files in checkpoints.
local function without_syncs()
  local list, of_checkpoint = {}, {}
  for _, operation in ipairs(recorded) do
    if operation[2] == "open" then
      of_checkpoint[operation[3]] = operation[6]:find "/checkpoints/.*%.%l" ~= nil
    end
    if operation[2] ~= "sync" or not of_checkpoint[operation[3]] then list[#list + 1] = operation end
  end
  return list
end

--- Whether the files of a checkpoint are those of its manifest.
local function is_whole(path)
  local text = common.text(path .. "/manifest.json")
  for name, hash in text:gmatch '"name":"([^"]+)","bytes":%d+,"sha256":"(%x+)"' do
    if system.sha256(common.text(path .. "/" .. name) or "") ~= hash then return false end
  end
  return text ~= ""
end

--- How many states of the control have a checkpoint that is damaged. They are only looked at, so there can be
-- many: of a few it was chance whether one of them was damaged.
local function damaged_controls()
  local damaged, all = 0, 0
  each_state(without_syncs(), math.min(o.every, 5), 0, 4, function(state)
    all = all + 1
    for _, path in ipairs(common.tree(state)) do
      local checkpoint = path:match "^(.*/step%-%d+)/manifest.json$"
      if checkpoint and not is_whole(state .. "/" .. checkpoint) then
        damaged = damaged + 1
        break
      end
    end
  end)
  return damaged, all
end

common.row("R3", ("bad of %d states after %d operations, 4 patterns of loss, %d seeds"):format(
  states, #recorded // o.every, o.seeds), bad, bad == 0)
local damaged, all = damaged_controls()
common.row("R3", ("control without fsync of a checkpoint's files: damaged of %d states"):format(all), damaged,
  damaged > 0)
common.exit()
