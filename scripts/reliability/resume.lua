--- R2: runs that are killed at random times and go on end as runs that were never cut.
--
--     bin/perilune scripts/reliability/resume.lua --kills 500 --steps 12 --every 3 --jobs 2
--
-- Six runs: supervised fine-tuning in a loop of a user's own and by align.sft, and align.train offline,
-- online, on answers of a policy that is refreshed (lag 2, refresh 3), and with GRPO on groups of responses.
-- A process is killed (SIGKILL) after a random time, and another goes on, until one ends; kills before the
-- run is there do not count. Then parameters, the dump of the store and the files must be those of the run
-- that was not cut: if they differ, all its kills are bad.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local parallel = require "perilune.parallel"
local system = require "perilune.system"

local o = common.options { kills = 500, steps = 12, every = 3, jobs = 2, seed = 1 }
local kinds <const> = { "own", "sft", "offline", "online", "refreshed", "groups" }

--- A step of these takes a fifth of another's time.
local quick <const> = { own = true, sft = true }

local function job(kind, folder)
  return common.job(kind, folder, quick[kind] and 5 * o.steps or o.steps, o.every)
end

--- The uncut run of a kind, and how long it takes.
local function uncut(kind)
  local folder, from = common.folder(), system.clock()
  local status, out, err = common.run(job(kind, folder))
  if status ~= 0 then error(("the uncut run '%s' fails: %s"):format(kind, err), 0) end
  local seconds = system.clock() - from
  local expected = common.result(kind, folder, out)
  common.remove(folder)
  return { expected = expected, seconds = seconds }
end

--- Kills a run of a kind until one ends. Returns the number of kills, and what is wrong. `pace` keeps the
-- share of an uncut run's time that processes get: less where they end first, more where no run is there yet.
local function killed(kind, whole, trial, pace)
  math.randomseed(o.seed, trial)
  local folder, kills = common.folder(), 0
  local status, out, err
  repeat
    -- The uncut run's time holds the start of the program, so a share of it falls into the run.
    local seconds = math.random() * whole.seconds * pace.share
    status, out, err = common.run(("timeout -s KILL %.3f sh -c \"%s\""):format(
      seconds, job(kind, folder)))
    local is_kill = status == 137 and system.exists(("%s/runs/%s"):format(folder, kind))
    kills = kills + (is_kill and 1 or 0)
    pace.share = math.min(2, math.max(0.05, pace.share * (status == 137 and (is_kill and 1 or 1.3) or 0.7)))
  until status ~= 137
  local problem
  if status ~= 0 then
    problem = ("status %d: %s"):format(status, err)
  elseif not out:find "hash" then
    problem = "no hash"
  else
    problem = common.difference(whole.expected, common.result(kind, folder, out))
  end
  common.remove(folder)
  return kills, problem
end

for number, kind in ipairs(kinds) do
  local whole = uncut(kind)
  local least = math.ceil(o.kills / #kinds)
  local shares = {}
  for i = 1, 4 * o.jobs do shares[i] = i end
  local results = parallel.map(shares, function(share, report)
    local found, pace = { kills = 0, runs = 0, bad = 0, problems = {} }, { share = 1.0 }
    while found.kills < least / #shares do
      local kills, problem = killed(kind, whole, 1000000 * number + 1000 * share + found.runs, pace)
      found.kills, found.runs = found.kills + kills, found.runs + 1
      if problem then
        found.bad = found.bad + math.max(kills, 1)
        found.problems[#found.problems + 1] = problem
      end
      report(math.min(0.99, found.kills / (least / #shares)))
    end
    return found
  end, { jobs = o.jobs, label = "resume " .. kind })
  local kills, runs, bad = 0, 0, 0
  for _, found in ipairs(results) do
    kills, runs, bad = kills + found.kills, runs + found.runs, bad + found.bad
    for _, problem in ipairs(found.problems) do
      io.stderr:write(("resume: %s: %s\n"):format(kind, problem))
    end
  end
  common.row("R2", ("%s: equal after resume, of %d kills of %d runs"):format(kind, kills, runs), kills - bad,
    bad == 0)
end
common.exit()
