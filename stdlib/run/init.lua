--- Runs that last: recorded and saved in `runs/NAME/`, resumed after any end, compared later.
--
--   local job = run.open { name = "gap", config = { loss = { beta = 0.1 }, seed = 1 },
--     state = { policy = policy, adam = adam } }
--   for step in job:steps(400) do
--     ...
--     job:log { loss = loss:item() }
--   end
--
-- Killed at any point, the run goes on where its last checkpoint was: with `run.resume "gap"`, or with
-- `perilune script.lua --resume`. The records then equal those of a run that was never cut.
--
--   local list = run.runs { ["loss.beta"] = 0.1 }       -- runs of the folder with this setting
--   list:table { rows = "side", cols = "loss.beta", value = "win", by = "seed" }
local native = require "perilune.native.run"
local attempt = require "perilune.attempt"
local options = require "perilune.options"
local system = require "perilune.system"
local identity = require "perilune.run.identity"
local Job = require "perilune.run.job"
local Record = require "perilune.run.record"
local List = require "perilune.run.list"
local ranks = require "perilune.run.ranks"
local state = require "perilune.run.state"
local waiting = require "perilune.run.waiting"

local run = {}

--- The folder of runs unless an option says another: $PERILUNE_RUNS, or "runs".
function run.folder()
  local named = os.getenv "PERILUNE_RUNS"
  return named and named ~= "" and named or "runs"
end

local places = options.spec("run.places", {
  { "folder", options.optional "string", "the folder of runs; $PERILUNE_RUNS or \"runs\" unless given" },
})

local spec = options.spec("run.open", {
  { "name", options.required "string", "the name of the run's folder" },
  { "config", {}, "settings, seed and hashes of the data: plain data, found again by run.runs" },
  { "state", {}, "what a checkpoint saves by name: a Model, an Optimizer, a table of plain data" },
  { "resume", options.optional "string",
    "\"never\": a new run, NAME-2 where NAME is taken; \"allow\": the run of that name and config goes on, "
      .. "of several the unfinished one that got furthest, or else a new run, and a message says what "
      .. "differs where that name has another config; "
      .. "\"must\": the run NAME goes on. \"never\" unless the script was started with --resume",
    choices = { "never", "allow", "must" } },
  { "wait", false, "a run that another process makes is opened when it has ended; an error unless set" },
  { "checkpoint_every", 100, "steps between checkpoints", least = 1 },
  { "keep", 2, "checkpoints that are kept", least = 1 },
  { "code", options.optional "string",
    "hash of the code that the run depends on; unless given, of the library and the script" },
  places,
})

local function refuse(message, ...) error(message:format(...), 3) end

--- Refuses options that are no table.
local function check_options(given, who)
  if given ~= nil and type(given) ~= "table" then
    error(("%s: options must be a table, not %s"):format(who, options.show(given)), 3)
  end
end

--- Refuses the names of the index of the folder of runs, which would have no place.
local function check_name(name, who)
  if name:find "^runs%.sqlite" then
    error(("%s: the name of a run must not be that of the folder's index, got '%s'"):format(who, name), 3)
  end
end

--- Whether the script was started with --resume.
local function is_resumed()
  for _, argument in ipairs(arg or {}) do
    if argument == "--resume" then return true end
  end
  return false
end

--- Of runs of a listing the one that got furthest, of equals the last, among those of which `is_open(one)`.
local function furthest(found, is_open)
  local best
  for _, one in ipairs(found) do
    if is_open(one) and not (best and best.step > one.step) then best = one end
  end
  return best
end

--- The runs of a name with a configuration of this hash, oldest first, each { id, status, step }.
local function alike(folder, name, hash)
  return native.list(folder, { name = name, hash = hash }, { "id", "status", "step" })
end

--- The run to go on with among those of a name with a configuration of this hash: of the unfinished ones that
-- which got furthest, else the last; nil if there is none. Errors: the run NAME cannot be read, which must
-- not pass for none.
local function find(folder, name, hash)
  if not system.exists(folder) then return nil end
  local found = alike(folder, name, hash)
  local best = furthest(found, function(one) return one.status ~= "finished" end) or found[#found]
  if best then return best.id end
  local path = folder .. "/" .. name
  if system.exists(path .. "/run.sqlite") and native.about(path).hash == hash then return name end
  return nil
end

--- Says that a new run is begun although one of this name and config is there that did not come to its end,
-- and how that one goes on.
local function say_unfinished(folder, o, hash, writer)
  local other = furthest(alike(folder, o.name, hash), function(one)
    return one.id ~= writer.id and one.status ~= "finished" and one.status ~= "running"
  end)
  if not other then return end
  local checkpoint = native.newest(folder .. "/" .. other.id)
  local step = checkpoint and math.tointeger(checkpoint:match "step%-(%d+)[^/]*$")
  local saved = step and ("with a checkpoint of step %d"):format(step) or "without a checkpoint"
  local text = ("new, though '%s' of the same config is %s at step %d, %s: `--resume`, or run.resume \"%s\", "
    .. "%s that one%s"):format(other.id, other.status, other.step, saved, other.id,
    step and "goes on with" or "begins", step and "" or " again")
  io.stderr:write(("run %s: %s\n"):format(writer.id, text))
  writer:note("beside", text)
end

--- Says that a new run is begun although one of this name was to go on, and what differs.
local function say_other_config(folder, o, hash, id)
  local found = native.list(folder, { name = o.name }, { "id", "hash" })
  for i = #found, 1, -1 do
    if found[i].id ~= id and found[i].hash ~= hash then
      local other = Record.config_of(native.about(folder .. "/" .. found[i].id))
      return io.stderr:write(("run %s: new, since '%s' has another config: %s\n"):format(
        id, found[i].id, identity.text_of_diff(other, o.config)))
    end
  end
end

--- The settings of a store's run, refused where those of the caller differ.
local function check_config(path, o, hash)
  local about = native.about(path)
  if next(o.config) ~= nil and about.hash ~= hash then
    refuse("run.open: run '%s' has another config: %s", o.name,
      identity.text_of_diff(Record.config_of(about), o.config))
  end
  if about.code ~= o.code then
    io.stderr:write(("run %s: the code has changed since the run began\n"):format(o.name))
  end
end

--- The writer of the run `id`, which goes on.
local function taken_up(folder, o, hash, id)
  local path = folder .. "/" .. id
  check_config(path, o, hash)
  return (o.wait and waiting.open or native.open)(path)
end

--- The writer of a new run. `is_said`: the call says whether a run goes on.
local function begun(folder, o, config, hash, is_said)
  local writer = native.create {
    folder = folder, name = o.name, config = config, params = identity.flat(o.config), hash = hash,
    code = o.code,
  }
  if o.resume == "allow" then say_other_config(folder, o, hash, writer.id) end
  if not is_said and writer.id ~= o.name then say_unfinished(folder, o, hash, writer) end
  return writer
end

--- The writer of the run to go on with, or of a new one where there is none: of several processes that begin
-- at once the first makes it, and the others find it. One that is waited for and removed meanwhile is looked
-- for again.
local function found_or_begun(folder, o, config, hash, is_said)
  while true do
    local id, writer
    native.alone(folder, function()
      id = find(folder, o.name, hash)
      if not id then
        writer = begun(folder, o, config, hash, is_said)
      elseif not o.wait then
        writer = taken_up(folder, o, hash, id)
      end
    end)
    if writer then return writer end
    local ok, result = attempt.call(taken_up, folder, o, hash, id)
    if ok then return result end
    if system.exists(folder .. "/" .. id) then error(result, 0) end
  end
end

--- A run, new or resumed, whose only writer this process is from now on.
--
-- Errors: an option is unknown or wrong; `config` or a part of the state is no plain data; the run is written
-- by another process and `wait` is not set; "must" finds no run, or one of another config.
--
--   > local folder = os.tmpname() .. ".runs"
--   > local job = run.open { name = "gap", config = { loss = { beta = 0.1 } }, state = {}, folder = folder }
--   > for step in job:steps(2) do job:log { loss = 1 / step } end
--   > job
--   [RunJob gap: step 2, finished]
--   > local list = run.runs { folder = folder, ["loss.beta"] = 0.1 }
--   > #list, list[1].status, list[1].last.loss
--   1	finished	0.5
--   > run.read("gap", folder):value("loss", "max")
--   1.0
--   > #run.diff(run.read("gap", folder), { config = { loss = { beta = 0.2 } } })
--   1
--   > list:csv(folder .. "/runs.csv")
--   > local other = os.tmpname() .. ".runs"
--   > #run.from_csv(folder .. "/runs.csv", other)
--   1
--   > run.merge(folder, other).added
--   1
--   > run.remove("gap", folder)
--   > #run.runs { folder = folder }
--   0
--   > run.folder()
--   runs
function run.open(given)
  local o = spec:fill(given, 1)
  check_name(o.name, "run.open")
  if o.resume == "must" then Record.check_id(o.name, "run.open", 2) end
  local folder = o.folder or run.folder()
  local is_said = o.resume ~= nil
  o.resume = o.resume or (is_resumed() and "allow" or "never")
  o.way = (is_said or o.resume == "allow") and "the same call" or "`--resume`"
  state.check(o.state, "run.open")
  local config, hash = identity.of(o.config, "run.open")
  local writer
  local about = ranks.shared(function()
    o.code = o.code or identity.code()  -- here, so that no process that waits for its turn waits for this too
    writer = o.resume == "must" and taken_up(folder, o, hash, o.name)
      or o.resume == "allow" and found_or_begun(folder, o, config, hash, is_said)
      or begun(folder, o, config, hash, is_said)
    return { id = writer.id, folder = writer.folder, step = writer.step, attempt = writer.attempt }
  end)
  return Job.new(writer or ranks.follower(about), o)
end

--- The run `id` goes on: run.open with resume = "must". Without `config` that of the run holds.
function run.resume(id, given)
  Record.check_id(id, "run.resume")
  local o = {}
  check_options(given, "run.resume")
  for name, value in pairs(given or {}) do o[name] = value end
  o.name, o.resume = id, "must"
  return run.open(o)
end

--- A new run that begins as `id` was at the checkpoint of a step, under the name ID-fork unless `name` is
-- given. `config` replaces the settings; those of `id` hold unless given.
--
-- Errors: the run has no checkpoint of that step, and the message lists those it has.
--
--   > local folder = os.tmpname() .. ".runs"
--   > local job = run.open {
--   >>   name = "a", folder = folder, state = { n = { 0 } }, config = { lr = 1 }, checkpoint_every = 1 }
--   > for step in job:steps(2) do job:log { loss = step } end
--   > local other = run.fork("a", 1, { folder = folder, state = { n = { 0 } }, config = { lr = 2 } })
--   > other.id, other.step
--   a-fork	1
--   > other:finish "finished"
--   > local again = run.resume("a", { folder = folder, state = { n = { 0 } } })
--   > again.id, again.step
--   a	2
--   > again:finish "finished"
function run.fork(id, step, given)
  Record.check_id(id, "run.fork")
  if math.type(step) ~= "integer" then
    refuse("run.fork: expected the step of a checkpoint, got %s", options.show(step))
  end
  local o = {}
  check_options(given, "run.fork")
  for name, value in pairs(given or {}) do o[name] = value end
  o.name = o.name or id .. "-fork"
  o = spec:fill(o, 1)
  check_name(o.name, "run.fork")
  local folder = o.folder or run.folder()
  local path = folder .. "/" .. id
  if next(o.config) == nil then o.config = Record.config_of(native.about(path)) end
  state.check(o.state, "run.fork")
  local config, hash = identity.of(o.config, "run.fork")
  return Job.new(native.fork(path, step, {
    folder = folder, name = o.name, config = config, params = identity.flat(o.config), hash = hash,
    code = o.code or identity.code(),
  }), o)
end

--- The run `id` as it is recorded, also while it is being made. See `run.record`.
function run.read(id, folder)
  if folder ~= nil and type(folder) ~= "string" then
    refuse("run.read: expected the name of a folder of runs, got %s", options.show(folder))
  end
  Record.check_id(id, "run.read")
  return Record.read(folder or run.folder(), id)
end

--- The runs that have the values given, oldest first: a list with `:table`, `:curve`, `:diff`, `:csv`. See
-- `run.list`.
--
-- A name is a path of the config ("loss.beta"), a column ("status", "name", "host"), or a figure, of which
-- the last value counts. `folder` is the folder of runs.
--
--   run.runs { task = "sentiment", ["loss.beta"] = 0.1 }
--
-- Runs that cannot be read are left out, and named on standard error. Errors: a name that no run has.
function run.runs(filters)
  local named = {}
  check_options(filters, "run.runs")
  for name, value in pairs(filters or {}) do named[name] = value end
  if named.folder ~= nil and type(named.folder) ~= "string" then
    refuse("run.runs: expected the name of a folder of runs, got %s", options.show(named.folder))
  end
  local folder = named.folder or run.folder()
  named.folder = nil
  local list = List.find(folder, named)
  for _, problem in ipairs(list.problems) do io.stderr:write(("run.runs: %s\n"):format(problem)) end
  return list
end

--- What differs between the configs of two runs: a list of { path, a, b }.
function run.diff(a, b)
  local function config(one) return type(one) == "table" and one.config or run.read(one).config end
  return identity.diff(config(a), config(b))
end

--- Makes the runs of a file that `list:csv` wrote; returns their ids. `folder` is the folder of runs.
function run.from_csv(path, folder)
  return require "perilune.run.exchange".from_csv(path, folder or run.folder())
end

--- Copies the runs of the folder `from` into `into`, by default the folder of runs, without doubles: the job
-- stores of a cluster. Gives how many were `added`, `replaced`, `known` and `running`; see `run.merge`.
function run.merge(from, into) return require "perilune.run.merge"(from, into or run.folder()) end

--- Removes a run with its checkpoints. Errors: it has a writer; there is no such run.
function run.remove(id, folder)
  Record.check_id(id, "run.remove")
  native.remove((folder or run.folder()) .. "/" .. id)
end

return options.strict("run", run)
