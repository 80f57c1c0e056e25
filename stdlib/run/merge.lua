--- Runs of other folders copied into one, without doubles: the job stores of a cluster or of some machines.
--
-- A run is the same one where its config and the time of its beginning are; a row of a sweep also where its
-- id is, since the id is the hash of all that determines it. Of two copies of a run the one that got further
-- stays: a finished one, else the one with more steps. A run that has a writer, here or there, is left out.
local attempt = require "perilune.attempt"
local native = require "perilune.native.run"
local options = require "perilune.options"
local plain = require "perilune.plain"
local system = require "perilune.system"

local columns <const> = { "id", "hash", "created", "config", "status", "step" }

--- The runs of a folder, each with the names that tell it apart.
local function runs_of(folder)
  if not system.exists(folder) then return {} end
  local list, problems = native.list(folder, {}, columns)
  for _, problem in ipairs(problems) do io.stderr:write(("run.merge: left out: %s\n"):format(problem)) end
  for _, one in ipairs(list) do
    one.names = { ("%s at %.9f"):format(one.hash, one.created) }
    local config = plain.decode(one.config)
    if type(config) == "table" and config.sweep then one.names[2] = one.id .. " of " .. one.hash end
  end
  return list
end

local function is_further(a, b)
  if (a.status == "finished") ~= (b.status == "finished") then return a.status == "finished" end
  return a.step > b.step
end

local function copy_folder(from, to)
  system.make_folder(to)
  for _, name in ipairs(system.list_folder(from)) do
    local path = from .. "/" .. name
    if attempt.call(system.list_folder, path) then
      copy_folder(path, to .. "/" .. name)
    elseif name ~= "lock" and not name:match "%-shm$" then
      local file <close> = assert(io.open(path, "rb"))
      system.write_file(to .. "/" .. name, file:read "a")
    end
  end
end

--- The first free name: ID, ID-2, ID-3, ...
local function free_name(into, id)
  local name, number = id, 1
  while system.exists(into .. "/" .. name) do
    number = number + 1
    name = ("%s-%d"):format(id, number)
  end
  return name
end

--- Copies the runs of `from` into the folder `into`. Gives the numbers of runs that were `added`, `replaced`
-- by a copy that got further, `known` already, and `running`, which are left out.
-- Errors: `from` is no folder.
return function(from, into)
  if type(from) ~= "string" or not attempt.call(system.list_folder, from) then
    error(("run.merge: expected a folder of runs, got %s"):format(options.show(from)), 3)
  end
  if type(into) ~= "string" then
    error(("run.merge: expected the path of a folder to copy into, got %s"):format(options.show(into)), 3)
  end
  system.make_folder(into)
  local known, counts = {}, { added = 0, replaced = 0, known = 0, running = 0 }
  for _, one in ipairs(runs_of(into)) do
    for _, name in ipairs(one.names) do known[name] = one end
  end
  for _, one in ipairs(runs_of(from)) do
    local there = known[one.names[1]] or known[one.names[2] or ""]
    if one.status == "running" or there and there.status == "running" then
      counts.running = counts.running + 1
    elseif there and not is_further(one, there) then
      counts.known = counts.known + 1
    else
      local id = there and there.id or free_name(into, one.id)
      local made = ("%s/.new-%s"):format(into, id)
      copy_folder(from .. "/" .. one.id, made)
      system.replace_folder(into .. "/" .. id, made)
      one.id = id
      for _, name in ipairs(one.names) do known[name] = one end
      local what = there and "replaced" or "added"
      counts[what] = counts[what] + 1
    end
  end
  return counts
end
