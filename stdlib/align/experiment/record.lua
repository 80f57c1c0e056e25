--- The runs of an experiment in the folder of its report: what is killed goes on where it was.
--
-- A run is known by the title, the options, the code and its own name. The same call finds it again: it goes
-- on from its last checkpoint, and one that has finished is read without a step of training. Experiments that
-- share a run and are made at once train it once: the second waits for the first.
local identity = require "perilune.run.identity"
local native = require "perilune.native.run"
local run = require "perilune.run"
local system = require "perilune.system"

local record = {}

--- The beginning of the names of an experiment's runs.
local function slug_of(title) return identity.slug(title, 24) end

local function hash_of(key, name) return system.sha256(key .. "\n" .. name):sub(1, 12) end

--- A sentence that names the runs of a report; `names` are those given to the function of `record.new`.
function record.note(folder, title, key, names)
  local hashes = {}
  for i, name in ipairs(names) do hashes[i] = hash_of(key, name) end
  return ("Made of the runs %s-{%s} in %s."):format(slug_of(title), table.concat(hashes, ","), folder)
end

--- The name of the run of a variant with a seed and a setting. Variants of a family with one `run` share it;
-- one whose source is a script's has the hash of that script and its own options, `of`.
--
--   > local record = require "perilune.align.experiment.record"
--   > record.name("outer seed 1, seed 1, lr 0.1", { label = "online, pooled", run = "online" })
--   outer seed 1, seed 1, lr 0.1, online
function record.name(seed_and_setting, variant)
  local name = ("%s, %s"):format(seed_and_setting, variant.run or variant.label)
  return variant.of and ("%s of the script %s"):format(name, variant.of:sub(1, 12)) or name
end

--- The option `run` of the trainings of an experiment: a function of a name, the number of steps and what the
-- run is found by. `key` determines the numbers of a run of each name.
function record.new(folder, title, key)
  local slug, code = slug_of(title), system.sha256(key)
  return function(name, steps, config)
    local id = ("%s-%s"):format(slug, hash_of(key, name))
    local all = { experiment = title, part = name }
    for path, value in pairs(config or {}) do all[path] = value end
    local is_there = system.exists(("%s/%s/run.sqlite"):format(folder, id))
    return {
      name = id, folder = folder, config = all, resume = is_there and "must" or "allow", keep = 1,
      checkpoint_every = math.max(1, steps // 8), code = code, wait = true,
    }
  end
end

--- The runs of an experiment, a `run.list`; nil where none is recorded.
function record.list(folder, title)
  local is_there = system.exists(folder) and #native.list(folder, { experiment = title }, { "id" }) > 0
  if not is_there then return nil end
  return run.runs { folder = folder, experiment = title }
end

return record
