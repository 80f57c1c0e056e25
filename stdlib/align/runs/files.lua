--- The files of a saved run: what is written, what identifies it, and whether it is whole.
--
-- A saved run is a checkpoint of `perilune.run`: its manifest has the size and SHA-256 of each file.
local attempt = require "perilune.attempt"
local native = require "perilune.native.run"
local plain = require "perilune.plain"
local system = require "perilune.system"
local formats = require "perilune.formats"
local packed = require "perilune.align.runs.packed"
local reference = require "perilune.align.train.reference"
local weights = require "perilune.run.weights"

local files = {}

local format <const> = "perilune-run-3"

--- The format before, which had its own hashes: those of all files in run.json, and its own in run.sha256.
local earlier_format <const> = "perilune-run-2"

--- The values of a table that are plain data.
function files.plain_part(values)
  local part = {}
  for name, value in pairs(values) do
    if attempt.call(plain.encode, value) then part[name] = value end
  end
  return part
end

--- What identifies a loss: its parts, with their weights and options.
function files.identity(loss)
  local parts = {}
  for i, term in ipairs(loss:terms()) do
    local settings = files.plain_part(term.loss.options or {})
    parts[i] = { name = term.loss.name, weight = term.weight, options = settings }
  end
  return parts
end

--- What identifies a source: its kind, its name, its plain options (of a list its SHA-256), the SHA-256 of
-- its list of pairs, and the sources it is made of.
function files.source_identity(source)
  local settings = files.plain_part(source.options or {})
  for name, value in pairs(settings) do
    if type(value) == "table" then settings[name] = system.sha256(plain.encode(value)) end
  end
  local rows, parts = source.dataset and source.dataset.rows, {}
  local data = rows and system.sha256(plain.encode { rows:prompts(), rows:responses() }) or nil
  for i, part in ipairs(source.parts or {}) do parts[i] = files.source_identity(part) end
  local name = tostring(source.name)
  return { kind = source.kind or name, name = name, options = settings, data = data, parts = parts }
end

--- Writes a file and records that it is there.
local function add(folder, written, name, write)
  write(folder .. "/" .. name)
  written[name] = true
end

--- Writes models under `prefix-NAME.safetensors`; returns their names, sorted.
local function add_models(folder, written, prefix, by_name)
  local names = {}
  for name, model in pairs(by_name) do
    names[#names + 1] = name
    local file = ("%s-%s.safetensors"):format(prefix, name)
    add(folder, written, file, function(path) weights.save(model, path) end)
  end
  table.sort(names)
  return names
end

local function write_stream(stream, path)
  local lines = {}
  for i, batch in ipairs(stream) do lines[i] = plain.encode(packed.pack(batch), "batch " .. i) end
  system.write_file(path, table.concat(lines, "\n") .. "\n")
end

--- What the steps on a batch that are left read: the batch, and what was computed of all of it.
local function write_current(current, path)
  system.write_file(path, plain.encode({
    step = current.step, where = current.where, batch = packed.pack(current.batch),
    view = packed.pack(current.view),
  }, "batch " .. current.step) .. "\n")
end

--- Writes all files of a run into an empty folder.
function files.write(run, folder)
  local written, o = {}, run.options
  local is_model = type(run.policy) == "userdata"
  add(folder, written, "policy.safetensors", function(path) weights.save(run.policy, path) end)
  add(folder, written, "optimizer.safetensors", function(path)
    run.optimizer:save(path, is_model and run.policy or nil)
  end)
  if not is_model then
    add(folder, written, "loss.safetensors", function(path)
      formats.save_tensors(path, weights.of_loss(run))
    end)
  end
  local checkpoints = add_models(folder, written, "checkpoint", run.checkpoints)
  if #run.stream > 0 then
    add(folder, written, "stream.jsonl", function(path) write_stream(run.stream, path) end)
  end
  if o.sync_ref_model then
    add(folder, written, "reference.safetensors", function(path) weights.save(run.reference, path) end)
  end
  if run.step % run.updates_a_batch ~= 0 then
    add(folder, written, "batch.json", function(path) write_current(run.current, path) end)
  end
  add(folder, written, "instruments.json", function(path)
    system.write_file(path, plain.encode(run.measured:plain(), "instruments") .. "\n")
  end)
  local state, own_models
  if o.source.state then state, own_models = o.source:state() end
  local settings = files.plain_part(o)
  settings.run = nil  -- where the run is recorded is no part of it
  local record = {
    format = format, step = run.step, status = run.status, problem = run.problem, label = run.label,
    options = settings, source = files.source_identity(o.source), loss = files.identity(o.loss),
    log = run.log, spent = run.spent,
    points = run.points, reference_hash = run.reference_hash,
    reference_dtype = reference.dtype(run.reference),
    reference_precision = reference.precision(run.reference),
    policy_hash_at_start = run.policy_hash_at_start,
    reference_hashes = run.reference_hashes, loss_states = run.states,
    checkpoints = checkpoints, source_state = state,
    source_models = add_models(folder, written, "source", own_models or {}), files = written,
  }
  system.write_file(folder .. "/run.json", plain.encode(record, "run") .. "\n")
end

--- The batch that a run was saved within; nil where it was saved after a whole one.
function files.read_current(record, folder)
  if not record.files["batch.json"] then return nil end
  local file <close> = assert(io.open(folder .. "/batch.json", "rb"))
  local current = plain.decode(file:read "a")
  current.batch, current.view = packed.unpack(current.batch), packed.unpack(current.view)
  return current
end

--- The content of a file; nil where it cannot be read.
function files.text(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

--- Compares the files of a folder of the format before with their hashes. `refuse(message)` raises an error.
local function check_earlier(folder, record, refuse)
  local function check(name, hash)
    if not system.exists(folder .. "/" .. name) then refuse(name .. " is missing") end
    if system.sha256_file(folder .. "/" .. name) ~= hash then
      refuse(name .. " is damaged: its SHA-256 differs")
    end
  end
  check("run.json", (files.text(folder .. "/run.sha256") or ""):match "^%x+")
  for name, known in pairs(record.files) do check(name, known) end
end

--- What `run.json` says, once every file is there with its SHA-256. `refuse(message)` raises an error.
function files.read(folder, refuse)
  local is_checkpoint = system.exists(folder .. "/manifest.json")
  if is_checkpoint then
    local ok, problem = attempt.call(native.verify, folder)
    if not ok then refuse((tostring(problem):gsub("^.-: ", "", 1))) end
  elseif not system.exists(folder .. "/run.sha256") then
    refuse "manifest.json is missing; this is not a saved run"
  end
  local text = files.text(folder .. "/run.json")
  if not text then refuse "run.json is missing; this is not a saved run" end
  local is_json, record = attempt.call(plain.decode, text)
  if not is_json then refuse "run.json is damaged" end
  if record.format ~= format and record.format ~= earlier_format then
    refuse(("the format is '%s', this version reads '%s'"):format(tostring(record.format), format))
  end
  if not is_checkpoint then check_earlier(folder, record, refuse) end
  return record
end

return files
