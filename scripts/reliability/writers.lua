--- R25: one writer a run, and readers that are never in the way.
--
--     bin/perilune scripts/reliability/writers.lua --tries 100 --writers 16 --steps 100
--
-- A process holds a run, and others try to open it: each is refused by the name of the holder. The holder is
-- killed, and the next process has the run. Then many processes write runs of one folder, while this one
-- lists and reads them all the time: no error on either side, and all that was written is there.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local run = require "perilune.run"
local system = require "perilune.system"

local o = common.options { tries = 100, kills = 10, writers = 16, steps = 100 }

--- Starts a process that holds the run; returns its id, once it does.
local function hold(folder)
  os.remove(folder .. "/held")
  local pipe <close> = assert(io.popen(("sh -c 'echo $$; %s' 2>> %s/holder.err & "):format(
    common.job("holder", folder, 0, 1):gsub("'", '"'), folder)))
  local pid = math.tointeger(pipe:read "l")
  local from = system.clock()
  repeat until system.exists(folder .. "/held") or system.clock() - from > 20
  return pid
end

local function refusals()
  local folder, refused, taken = common.folder(), 0, 0
  local pid = hold(folder)
  for _ = 1, o.tries do
    local status, _, err = common.run(common.job("own", folder, 1, 1))
    if status == 1 and err:find(("run 'own' has a writer already, process %d on"):format(pid), 1, true) then
      refused = refused + 1
    else
      io.stderr:write(("writers: status %d: %s\n"):format(status, err))
    end
  end
  for _ = 1, o.kills do
    os.execute("kill -9 " .. pid)
    pid = hold(folder)
    if system.exists(folder .. "/held") then taken = taken + 1 end
  end
  os.execute("kill -9 " .. pid)
  common.remove(folder)
  return refused, taken
end

--- Reads all that is there, once.
local function read_all(runs)
  local list = run.runs { folder = runs }
  local rows = #list > 0 and list:columns("number", "status") or {}
  for i = 1, #list do
    local record = list[i]
    local waves = record:dump():match "figure\twave" and select(2, record:curve "wave") or {}
    for step = 1, #waves do
      if waves[step] ~= math.sin(step) then error(record.id .. " has a wrong value", 0) end
    end
  end
  return #rows
end

local function readers()
  local folder = common.folder()
  system.make_folder(folder .. "/runs")
  for i = 1, o.writers do
    os.execute(("( %s; echo $? > '%s/%d.status' ) 2> '%s/%d.err' &"):format(
      common.job("writer-" .. i, folder, o.steps, 10):gsub("^exec ", ""), folder, i, folder, i))
  end
  local reads, problems, longest = 0, {}, 0
  repeat
    local from = system.clock()
    local ok, problem = pcall(read_all, folder .. "/runs")
    reads, longest = reads + 1, math.max(longest, system.clock() - from)
    if not ok then problems[#problems + 1] = "reader: " .. tostring(problem) end
    local done = 0
    for i = 1, o.writers do done = done + (system.exists(("%s/%d.status"):format(folder, i)) and 1 or 0) end
  until done == o.writers
  for i = 1, o.writers do
    local own = ("%s/%d"):format(folder, i)
    local status, err = common.text(own .. ".status"), common.text(own .. ".err")
    local ok, steps = pcall(function() return run.read("writer-" .. i, folder .. "/runs"):curve "wave" end)
    if tonumber(status) ~= 0 or err ~= "" or not ok or #steps ~= o.steps then
      problems[#problems + 1] = ("writer %d: status %s, %s figures: %s"):format(i, status, ok and #steps, err)
    end
  end
  common.remove(folder)
  return reads, problems, longest
end

local refused, taken = refusals()
common.row("R25", ("second writers refused, of %d"):format(o.tries), refused, refused == o.tries)
common.row("R25", ("runs taken over after kill -9 of their writer, of %d"):format(o.kills), taken,
  taken == o.kills)
local reads, problems, longest = readers()
for i = 1, math.min(20, #problems) do io.stderr:write("writers: ", problems[i], "\n") end
common.row("R25", ("errors of %d writers and a reader, %d readings of all runs of at most %.2f s"):format(
  o.writers, reads, longest), #problems, #problems == 0)
common.exit()
