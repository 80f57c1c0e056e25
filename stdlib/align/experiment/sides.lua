--- What finished jobs of an experiment give its report: sides, findings, names of runs.
local options = require "perilune.options"
local record = require "perilune.align.experiment.record"
local work = require "perilune.align.experiment.work"

local sides = {}

--- What `after` found in the jobs, a list of { outer, seed, setting, found }.
--
--   > local found = { points = { ["found: after"] = 7 } }
--   > local job = { outer = 1, index = 1, setting = { name = "lr 0.1" }, found = found }
--   > sides.findings({ { job } })[1].found
--   7
function sides.findings(jobs)
  local list = {}
  for outer = 1, #jobs do
    for _, job in ipairs(jobs[outer]) do
      local found = job.found.points[work.found]
      if found then
        list[#list + 1] = { outer = outer, seed = job.index, setting = job.setting.name, found = found }
      end
    end
  end
  return list
end

--- The sides of the report from the finished runs of the jobs by repetition; failures are added to the notes.
function sides.of(variants, jobs, notes)
  local list = {}
  for i, variant in ipairs(variants) do
    local side = { label = variant.label, panel = variant.panel, by_seed = {} }
    for outer = 1, #jobs do
      local seeds = {}
      for _, job in ipairs(jobs[outer]) do
        local found = job.found.points
        local points, failure = found[variant.label], found[work.failed(variant.label)]
        if failure then
          notes[#notes + 1] = ("%s, %s, failed: %s"):format(variant.label, job.setting.name, failure)
        end
        if points then
          points.setting = job.setting.name
          seeds[job.index] = seeds[job.index] or { outer = outer }
          table.insert(seeds[job.index], points)
        end
      end
      table.move(seeds, 1, #seeds, #side.by_seed + 1, side.by_seed)
    end
    list[i] = side
  end
  return list
end

--- The names of the runs of all jobs.
function sides.run_names(jobs)
  local names = {}
  for outer = 1, #jobs do
    for _, job in ipairs(jobs[outer]) do
      for _, variant in ipairs(job.variants) do names[#names + 1] = record.name(job.run, variant) end
    end
  end
  return names
end

return options.strict("align.experiment.sides", sides)
