--- R1, R5: a run that is killed at its Nth file operation, for every N, goes on and ends as one that was not.
--
--     bin/perilune scripts/reliability/kills.lua --points 1000 --steps 10 --jobs 2 --kind own
--
-- The operations are those of the whole run, of a kind of job.lua: its store is made, figures are committed,
-- and a checkpoint is saved at every step. The points are spread over all of them; at every fourth a write is
-- torn in its middle. After the kill another process goes on. A point is bad where
--
--   - the resumed process fails, warns, or begins with an older checkpoint than was promised before the kill,
--   - the parameters, or the dump of the run, are not those of a run that was never cut,
--   - a file is left over that an uncut run does not leave (R5).
--
-- The control writes its state in place: it must be damaged, or the kills would prove nothing.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local operations = require "operations"
local parallel = require "perilune.parallel"
local system = require "perilune.system"

local o = common.options { points = 1000, steps = 10, jobs = 2, kind = "own" }

--- The run that is not cut, and the numbers of its operations that are writes.
local function uncut()
  local folder = common.folder()
  local log, writes, last = folder .. ".log", {}, 0
  local status, out, err = common.run(common.job(o.kind, folder, o.steps, 1, { LOG = log }))
  if status ~= 0 then error("the uncut run fails: " .. err, 0) end
  for _, operation in ipairs(operations.read(log)) do
    last = operation[1]
    if operation[2] == "write" then writes[#writes + 1] = last end
  end
  os.remove(log)
  local expected = common.result(o.kind, folder, out)
  common.remove(folder)
  return expected, writes, last
end

local expected, writes, last = uncut()

--- What is wrong after a kill at an operation; nil if nothing is, false if the run ended before it.
local function check(kind, at)
  local folder = common.folder()
  local log = folder .. ".log"
  local first = common.run(common.job(o.kind, folder, o.steps, 1, { KIND = kind, AT = at, LOG = log }))
  local problem
  if first == 137 then
    problem = common.goes_on(o.kind, folder, o.steps, operations.promised(log), expected)
  else
    problem = first == 0 and "" or "not killed, but status " .. first
  end
  os.remove(log)
  common.remove(folder)
  return problem
end

--- How often the control is damaged at the same kinds of points.
local function damaged_controls()
  local damaged, points = 0, 2 * o.steps
  for at = 1, points do
    local folder = common.folder()
    common.run(common.job("in_place", folder, o.steps, 1, { KIND = "kill", AT = at }))
    local text = common.text(folder .. "/state") or ""
    if at > 1 and system.sha256(text:sub(65)) ~= text:sub(1, 64) then damaged = damaged + 1 end
    common.remove(folder)
  end
  return damaged, points
end

local points = {}
for i = 1, o.points do
  if i % 4 == 0 then
    points[i] = { "torn", writes[math.ceil(i / o.points * #writes)] }
  else
    points[i] = { "kill", math.ceil(i / o.points * last) }
  end
end
local problems = parallel.map(points, function(point)
  return check(point[1], point[2]) or "fine"
end, { jobs = o.jobs, label = "kills" })

local killed, bad, stale = 0, 0, 0
for i, problem in ipairs(problems) do
  if problem ~= "" then killed = killed + 1 end
  if problem ~= "" and problem ~= "fine" then
    bad = bad + 1
    if problem:match "^another file" then stale = stale + 1 end
    io.stderr:write(("kills: %s at operation %d: %s\n"):format(points[i][1], points[i][2], problem))
  end
end
local what = ("%s: bad of %d kills over %d file operations of a run"):format(o.kind, killed, last)
common.row("R1", what, bad, bad == 0 and killed >= o.points * 0.9)
local damaged, controls = damaged_controls()
common.row("R1", ("control: damaged of %d kills of a save in place"):format(controls), damaged, damaged > 0)
common.row("R5", ("runs of %d with a file left over"):format(killed), stale, stale == 0)
common.exit()
