-- A job whose process 1 is killed, fails, leaves, or does not come to the exchange: arg[1] is "kill",
-- "error", "leave" or "hang", or "early" for one that leaves before it knows of the others.
local rank = os.getenv "OMPI_COMM_WORLD_RANK" or os.getenv "PMI_RANK"
if arg[1] == "early" and rank == "1" then os.exit(0) end
local mpi = require "perilune.mpi"

if arg[1] == "hang" then mpi.watch(2, "the exchange") end
mpi.all_gather "the first exchange"
if mpi.rank() == 1 then
  if arg[1] == "leave" then os.exit(0) end
  if arg[1] == "kill" then os.execute "kill -9 $PPID" end
  if arg[1] == "error" then error "process 1 fails" end
  local from = os.time()
  while os.time() < from + 20 do end
end
mpi.all_gather "here"
