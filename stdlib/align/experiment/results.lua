--- Finished runs of an experiment, stored in its folder until the report is written.
local identity = require "perilune.run.identity"
local options = require "perilune.options"
local plain = require "perilune.plain"
local system = require "perilune.system"

local results = {}

local Results = {}
Results.__index = Results

--- The variants one by one, each in a list of its own.
function results.each(variants)
  local lists = {}
  for i, variant in ipairs(variants) do lists[i] = { variant } end
  return lists
end

--- The labels of variants as one text.
function results.labels(variants)
  local labels = {}
  for i, variant in ipairs(variants) do labels[i] = variant.label end
  return table.concat(labels, "; ")
end

--- What determines a run, as one text: the title, the code, and every option but those of the machine and the
-- number of repetitions.
function results.key(title, o)
  local left_out <const> = { out = true, jobs = true, seeds = true, outer_seeds = true }
  local names = {}
  for name in pairs(o) do
    if not left_out[name] then names[#names + 1] = name end
  end
  table.sort(names)
  for i, name in ipairs(names) do names[i] = name .. "=" .. tostring(o[name]) end
  return title .. "\n" .. identity.code() .. "\n" .. table.concat(names, "\n")
end

--- The finished runs of an experiment, in `out`/unfinished. Runs with other options or code are not seen.
function results.folder(out, title, o)
  local path = out .. "/unfinished"
  system.make_folder(path)
  return setmetatable({ path = path, key = results.key(title, o), read = {} }, Results)
end

local function file_of(self, id)
  return ("%s/%s.json"):format(self.path, system.sha256(self.key .. "\n" .. id):sub(1, 24))
end

--- Whether there is a result of this name. A file that cannot be read is reported and is none.
function Results:has(id)
  local file = file_of(self, id)
  if not system.exists(file) then return false end
  local ok, problem = pcall(self.get, self, id)
  if not ok and system.is_interrupt(problem) then error(problem, 0) end
  if not ok then io.stderr:write(("%s is damaged; made again: %s\n"):format(file, id)) end
  return ok
end

--- Writes a result, plain data; another process may do so.
function Results:put(id, value)
  self.read[id] = nil
  system.write_file(file_of(self, id), plain.encode(value, id))
end

--- Reads a result. Errors: there is none of this name.
function Results:get(id)
  if not self.read[id] then
    local file <close> = assert(io.open(file_of(self, id), "rb"))
    self.read[id] = plain.decode(file:read "a")
  end
  return self.read[id]
end

--- Removes the folder if nothing is in it, and says whether it did.
function Results:remove_if_empty() return os.remove(self.path) == true end

--- Removes the results that were read, and the folder if nothing else is in it.
function Results:remove()
  for id in pairs(self.read) do os.remove(file_of(self, id)) end
  os.remove(self.path)
end

return options.strict("align.experiment.results", results)
