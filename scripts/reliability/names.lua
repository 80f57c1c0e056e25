--- R20: names that come from files and callers lead nowhere: nothing outside the folder is written or read.
--
--     bin/perilune scripts/reliability/names.lua --names 2000
--
-- Names with `..`, links, absolute paths, NUL, 4 KB and bytes that are no text, listed and put together at
-- random, become those of runs, forks, runs of a CSV file, tensors, shards of a model, series of figures and
-- tables of reports: names_cases.lua. After each call what lies beside the folder is as it was, and nothing
-- that was read is the secret outside.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"

local o = common.options { names = 200, seed = 1, seconds = 3600, program = common.program }

local folder = common.folder()
local command = [[mkdir -p '%s/cwd' && cd '%s/cwd' && timeout %d '%s' --threads=1 --no-init \
  '%s/scripts/reliability/names_cases.lua' '%s' %d %d]]
local status, out, err = common.run(command:format(folder, folder, o.seconds, o.program, common.root, folder,
  o.seed, o.names))
common.remove(folder)

local calls, places, names, refused = out:match "calls (%d+) places (%d+) names (%d+) refused (%d+)"
local bad = calls and 0 or 1
if not calls then io.stderr:write(("status %d: %s\n"):format(status, err:sub(-800))) end
for line in out:gmatch "bad: ([^\n]*)" do
  bad = bad + 1
  io.stderr:write(line, "\n")
end
common.row("R20", ("writes and reads outside in %s calls of %s names in %s places, %s refused"):format(
  calls or "?", names or "?", places or "?", refused or "?"), bad, bad == 0)
common.exit()
