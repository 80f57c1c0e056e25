--- The jobs of an experiment, and what tells their results apart.
local identity = require "perilune.run.identity"
local models = require "perilune.models"
local options = require "perilune.options"
local system = require "perilune.system"

local results = {}

--- The labels of variants as one text.
function results.labels(variants)
  local labels = {}
  for i, variant in ipairs(variants) do labels[i] = variant.label end
  return table.concat(labels, "; ")
end

--- What determines a run, as one text: the title, the code, the file of the task, the weights of a proxy, and
-- every option but those of the machine and the number of repetitions.
function results.key(title, o)
  local left_out <const> = { out = true, jobs = true, seeds = true, outer_seeds = true }
  local names = {}
  for name in pairs(o) do
    if not left_out[name] then names[#names + 1] = name end
  end
  table.sort(names)
  for i, name in ipairs(names) do names[i] = name .. "=" .. tostring(o[name]) end
  if (o.data or "") ~= "" then names[#names + 1] = "data has " .. system.sha256_file(o.data) end
  if (o.proxy or ""):find("/", 1, true) and system.exists(o.proxy) then
    names[#names + 1] = "proxy has " .. models.load(o.proxy):hash()
  end
  return title .. "\n" .. identity.code() .. "\n" .. table.concat(names, "\n")
end

--- The jobs of an experiment as items of parallel.map: what determines the result of each, by the key above.
function results.items(title, key, jobs)
  local items, hash = {}, system.sha256(key):sub(1, 12)
  for i, job in ipairs(jobs) do items[i] = { experiment = title, options = hash, job = job.id } end
  return items
end

return options.strict("align.experiment.results", results)
