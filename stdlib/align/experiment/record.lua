--- The runs of an experiment in the folder of its report: what is killed goes on where it was.
--
-- A run is known by the title, the options, the code and its own name. The same call finds it again: it goes
-- on from its last checkpoint, and one that has finished is read without a step of training.
local native = require "perilune.native.run"
local run = require "perilune.run"
local system = require "perilune.system"

local record = {}

--- A title as a part of the name of a folder.
--
--   > local record = require "perilune.align.experiment.record"
--   > record.slug "Online against offline, 5 seeds"
--   online-against-offline-5
function record.slug(title)
  local slug = title:lower():gsub("%W+", "-"):gsub("^%-", "")
  return (slug:sub(1, 24):gsub("%-+$", ""))
end

--- The option `run` of the trainings of an experiment: a function of a name, the number of steps and what the
-- run is found by. `key` determines the numbers of a run of each name.
function record.new(folder, title, key)
  local slug = record.slug(title)
  return function(name, steps, config)
    local id = ("%s-%s"):format(slug, system.sha256(key .. "\n" .. name):sub(1, 12))
    local all = { experiment = title, part = name }
    for path, value in pairs(config or {}) do all[path] = value end
    local is_there = system.exists(("%s/%s/run.sqlite"):format(folder, id))
    return {
      name = id, folder = folder, config = all, resume = is_there and "must" or "never", keep = 1,
      checkpoint_every = math.max(1, steps // 8),
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
