-- A recorded run of a job: arg[1] is the folder of runs, arg[2] the step after which the last process is
-- killed, if any. The last process prints the hash of the policy and that of the dump of the run.
local align = require("perilune").align
local mpi = require "perilune.mpi"
local run = require "perilune.run"
local system = require "perilune.system"
local toy = require "toy"

local folder, last = arg[1], math.tointeger(arg[2])
local is_last = mpi.rank() == mpi.size() - 1
local reference = toy.model(5)

local trained = align.train {
  policy = reference:clone(), reference = reference, loss = align.loss.ipo { beta = 0.1 }, lr = 1e-2,
  source = align.sources.online(toy.sampling { batch = 16, seed = 3 }), shards = 8, steps = 8, quiet = true,
  evaluate_every = 1,
  evaluate = function(_, step)
    if step == last and is_last then os.execute "kill -9 $PPID" end
    return { at = step }
  end,
  run = { name = "job", folder = folder, resume = "allow", checkpoint_every = 3 },
}
mpi.all_gather "the first process has closed the run"
if is_last then
  print(trained.policy:hash():sub(1, 16), system.sha256(run.read("job", folder):dump()):sub(1, 16))
end
