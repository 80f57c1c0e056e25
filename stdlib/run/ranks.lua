--- A run of the processes of a job of MPI: the first of them writes, the others follow what it found.
local mpi = require "perilune.mpi"
local plain = require "perilune.plain"

local ranks = {}

--- Whether this process writes the run.
function ranks.writes() return mpi.rank() == 0 end

--- What `make()` returns in the first process, plain data, in every process; its error too. Every process
-- calls it.
--
--   > require("perilune.run.ranks").shared(function() return { step = 3 } end).step
--   3
function ranks.shared(make)
  if mpi.size() == 1 then return make() end
  local ok, made = true, nil
  if ranks.writes() then ok, made = pcall(make) end
  local text = plain.encode { ok = ok, made = ok and made or tostring(made) }
  local first = plain.decode(mpi.all_gather(text)[1])
  if not ok then error(made, 0) end
  if not first.ok then error(first.made, 0) end
  return first.made
end

--- A writer that records nothing: that of a process that is not the first.
function ranks.follower(about)
  local nothing = function() end
  return setmetatable({ id = about.id, folder = about.folder, step = about.step, attempt = about.attempt },
    { __index = function(_, name) return name ~= "problem" and nothing or nil end })
end

return ranks
