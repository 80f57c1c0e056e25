--- Runs of align.train in folders: saved, and continued in another process with the same bits.
--
--   run:save "saved/online-1"
--
--   local run = align.runs.load("saved/online-1", { source = source, loss = loss, reference = sft })
--   run:resume(800)
--
-- The folder is a checkpoint as a run of `run = "online-1"` has them: the policy, a reference that moves, the
-- optimizer's state with the loss's own parameters, the checkpoints, the recorded batches, the batch that the
-- run is within, what the instruments keep, `run.json` with the options, the log and the points, and
-- `manifest.json` with the size and SHA-256 of every other file. It is written beside its place and renamed
-- when it is complete. `align.runs.load` reads one, or the newest whole one of a recorded run:
-- "runs/online-1".
--
--   > local align, worlds = require "perilune.align", require "perilune.worlds"
--   > local w = worlds.bandit { answers = 4, seed = 1 }
--   > local source = align.sources.online { task = w, prompts = w.prompts, judge = w:judge {}, batch = 1 }
--   > local bound = align.loss.ipo {}
--   > local run = align.train { policy = w:policy(), reference = w.reference, source = source, loss = bound,
--   >>   steps = 2, quiet = true }
--   > local folder = os.tmpname() .. ".run"
--   > run:save(folder)
--   > local again = align.runs.load(folder, { source = source, loss = bound, reference = w.reference,
--   >>   policy = w:policy() })
--   > again.step
--   2
--   > align.runs.restore(again, folder)
local native = require "perilune.native.run"
local options = require "perilune.options"
local plain = require "perilune.plain"
local system = require "perilune.system"
local files = require "perilune.align.runs.files"
local packed = require "perilune.align.runs.packed"
local policies = require "perilune.align.policy"
local weights = require "perilune.run.weights"

local runs = {}

local function path_of(folder, where)
  if type(folder) ~= "string" or folder == "" then
    error(("%s: expected the path of a folder, got %s"):format(where, options.show(folder)), 4)
  end
  return (folder:gsub("(.)/+$", "%1"))
end

--- What `run:save(folder)` does. The folder is new, or an earlier save of a run, which is replaced whole.
--
-- Errors: the run is within a step; the folder holds something else; a point, a figure of the log
-- or the state of the source is no plain data; the files cannot be written. A failed save
-- leaves nothing behind.
function runs.save(run, folder)
  folder = path_of(folder, "run:save")
  local function refuse(message, ...) error("run:save: " .. message:format(...), 4) end
  if run.status == "running" then
    refuse "the run is within a step; save it after align.train or run:resume() returned"
  elseif run.loop and run.loop:is_pending() then
    local step = run.loop.pending.step
    refuse("the run was stopped within step %d; run:resume(%d) ends the step", step, step)
  elseif system.exists(folder) and not system.exists(folder .. "/run.json") then
    refuse("%s exists and is not a saved run", folder)
  end
  local finished = ("%s.new-%s"):format(folder, system.sha256(folder .. system.clock()):sub(1, 8))
  local ok, problem = pcall(function()
    system.make_folder(finished)
    files.write(run, finished)
    native.seal(finished, run.step)
    system.replace_folder(folder, finished)
  end)
  if ok then return end
  pcall(native.drop, finished)
  error(problem, 0)
end

local spec = options.spec("runs.load", {
  { "source", options.required "table", "the source of the run, made with the same options" },
  { "loss", options.required "function", "the loss of the run" },
  { "policy", options.optional "table",
    "a policy of Lua as that of the run; a copy gets the tensors. A Model is read from the folder" },
  { "reference", options.optional(policies.types),
    "the reference that the run began with, if it had one; its hash is checked" },
  { "evaluate", options.optional "function", "function(policy, step, run), as in align.train" },
  { "instruments", options.optional "boolean|table",
    "as in align.train; those of the run unless given, as far as they are plain data" },
  { "quiet", false, "no progress bar" },
})

--- Refuses a source, or a part of one, that is not that of the run.
local function check_source(given, saved, refuse)
  if given.kind ~= saved.kind then
    refuse(("the source of the run is '%s', not '%s'"):format(saved.kind, given.kind))
  end
  for name, value in pairs(saved.options) do
    if given.options[name] ~= value then
      refuse(("the source of the run has %s = %s, not %s"):format(name, value, tostring(given.options[name])))
    end
  end
  for i, part in ipairs(saved.parts) do
    if not given.parts[i] then refuse(("the source of the run has %d parts"):format(#saved.parts)) end
    check_source(given.parts[i], part, refuse)
  end
  if given.name ~= saved.name then
    refuse(("the source of the run is '%s', not '%s'"):format(saved.name, given.name))
  elseif given.data ~= saved.data then
    refuse(("the source of the run, %s, has other pairs"):format(saved.kind))
  end
end

--- Refuses a source, a loss or a reference that is not the one of the run.
local function check_parts(run, record, refuse)
  local o = run.options
  check_source(files.source_identity(o.source), record.source, refuse)
  local own, saved = plain.encode(files.identity(o.loss)), plain.encode(record.loss)
  if own ~= saved then refuse(("the loss of the run is %s, not %s"):format(saved, own)) end
  if run.reference_hash ~= record.reference_hash then
    refuse "the reference is not the model that the run began with: its hash differs"
  end
end

--- Gives a source with a state of its own what it was when the run was saved.
local function restore_source(source, record, read, policy)
  if not source.restore then return end
  local own = {}
  for _, name in ipairs(record.source_models) do own[name] = read("source-" .. name) end
  source:restore(record.source_state, own, policy)
end

--- A list that is read when it is asked for first. `read()` gives its items.
local function read_later(read)
  local list = {}
  local function fill()
    setmetatable(list, nil)
    for i, item in ipairs(read()) do list[i] = item end
  end
  return setmetatable(list, {
    __index = function(_, key)
      fill()
      return list[key]
    end,
    __len = function()
      fill()
      return #list
    end,
    __pairs = function()
      fill()
      return next, list
    end,
  })
end

--- The batches of a stream. Those of a run that goes on are read at once, since its next checkpoint replaces
-- the file; those of one that has ended are tens of megabytes that few ask for.
local function stream_of(record, folder)
  if not record.files["stream.jsonl"] then return {} end
  local function read()
    local stream = {}
    for line in io.lines(folder .. "/stream.jsonl") do
      stream[#stream + 1] = packed.unpack(plain.decode(line))
    end
    return stream
  end
  return record.step >= record.options.steps and read_later(read) or read()
end

--- Sets a run, whose policy has its weights already, to what was saved. `read(name)` gives a policy of a
-- file.
local function restore(run, record, folder, read, refuse)
  local o = run.options
  run.optimizer:load(folder .. "/optimizer.safetensors")
  if record.files["loss.safetensors"] then
    weights.read_tensors(folder .. "/loss.safetensors", weights.of_loss(run), refuse)
  end
  for _, step in ipairs(record.checkpoints) do
    run.checkpoints[step] = read(("checkpoint-%d"):format(step))
  end
  run.stream = stream_of(record, folder)
  run.measured:restore(plain.decode(files.text(folder .. "/instruments.json")))
  restore_source(o.source, record, read, o.policy)
  if record.files["reference.safetensors"] then run.reference = read "reference" end
  run.current, run.states = files.read_current(record, folder), record.loss_states
  run.reference_hashes = record.reference_hashes
  run.step, run.status, run.problem, run.label = record.step, record.status, record.problem, record.label
  run.policy_hash_at_start, run.log, run.points = record.policy_hash_at_start, record.log, record.points
  run.spent = record.spent
  -- A checkpoint of `run = NAME` is written within the run.
  if run.status == "running" then
    run.status = run.step >= record.options.steps and "finished" or "interrupted"
  end
end

--- Sets a run that has taken no step to what one with the same parts was at a checkpoint; its policy gets the
-- weights in place.
--
-- Errors: as for align.runs.load.
function runs.restore(run, folder)
  local function refuse(message) error(("align.train: %s: %s"):format(folder, message), 0) end
  local record = files.read(folder, refuse)
  check_parts(run, record, refuse)
  local like = type(run.policy) == "table" and run.policy or nil
  weights.restore(run.policy, folder .. "/policy.safetensors", refuse)
  local base = type(run.policy) == "userdata" and run.policy:base() or nil
  local function read(name)
    return weights.load(("%s/%s.safetensors"):format(folder, name), like, refuse, base)
  end
  restore(run, record, folder, read, refuse)
end

--- The folder of a saved run: of a recorded one its newest checkpoint that is whole.
local function saved_in(folder, refuse)
  if not system.exists(folder .. "/run.sqlite") then return folder end
  local newest, damaged = native.newest(folder)
  if not newest then refuse(damaged[1] or "the run has no checkpoint") end
  for _, problem in ipairs(damaged) do io.stderr:write(("runs.load: %s\n"):format(problem)) end
  return newest
end

--- Reads a run that `run:save` wrote, or a recorded one at its newest checkpoint. What no file can hold is
-- given again: the source, the loss, the reference and `evaluate`. `run:resume()` then takes the steps that
-- the saved run would have taken, with the same bits; a run that had finished goes on with
-- `run:resume(steps)`, `steps` in all.
--
-- A source with a state of its own has `source:state()`, which returns plain data and a table of models by
-- name, and `source:restore(data, models, policy)`.
--
-- Errors: a file is missing, damaged or of another version, and is named; the source, the loss or the
-- reference is not that of the run; the policy is one of Lua and not given, or has other tensors.
function runs.load(folder, given)
  local o = spec:fill(given)
  folder = path_of(folder, "runs.load")
  local function refuse(message) error(("runs.load: %s: %s"):format(folder, message), 0) end
  folder = saved_in(folder, refuse)
  local record = files.read(folder, refuse)
  for name, value in pairs(record.options) do
    if o[name] == nil then o[name] = value end
  end
  local is_model = not record.files["loss.safetensors"]
  if is_model == (o.policy ~= nil) then
    refuse(is_model and "the policy of the run is a Model, which is read from the folder: give none"
      or "the policy of the run is one of Lua: give policy, with the same tensors")
  end
  local like = o.policy
  local function read(name)
    return weights.load(("%s/%s.safetensors"):format(folder, name), like, refuse, o.reference)
  end
  o.policy = read "policy"
  local run = require "perilune.align.train.prepare"(o)
  check_parts(run, record, refuse)
  restore(run, record, folder, read, refuse)
  return run
end

return options.strict("align.runs", runs)
