--- R24: the runs in Tests/Golden/runs, written by version 0.1.0, are listed, read, loaded and resumed.
--
-- A later version must open them as they are. `own` is a loop of a user's own, `trained` is align.train with
-- `run`; dump.txt beside each is what its store said then.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local toy = require "toy"
local perilune = require "perilune"
local align, models, optim, run = perilune.align, perilune.models, perilune.optim, perilune.run

local golden = support.root .. "/Tests/Golden/runs"
local hashes = {
  own = "4b760f0f54019f16fc3d0eec8d4a8cbbbb9b58ea2cd019bc175d6969f9029ad5",
  trained = "e2ffb90b744feb465870a1abc686cf7345d6df5bf0e1084f0ddc0f7f40d14c5e",
}
local folder

local function text(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

TestOldRuns = {}

--- A copy: an opened store gets files of its own.
function TestOldRuns:setUp()
  folder = os.tmpname() .. ".runs"
  assert(os.execute(("cp -r '%s' '%s'"):format(golden, folder)))
end

function TestOldRuns:tearDown()
  os.execute(("rm -rf '%s' '%s'"):format(folder, folder:gsub("%.runs$", "")))
end

function TestOldRuns:test_they_are_found_and_say_what_they_said()
  local list = run.runs { folder = folder, task = "toy" }
  lu.assertEquals(list.ids, { "own", "trained" })
  for i = 1, 2 do
    lu.assertEquals(list[i].status, "finished")
    lu.assertEquals(list[i]:dump(), text(("%s/%s/dump.txt"):format(golden, list[i].id)))
  end
  local own = run.read("own", folder)
  lu.assertEquals({ own.step, own.config.lr, own.summary.peak, own.summary.note }, { 4, 0.01, 0.5, "a text" })
  lu.assertEquals(own:curve "nested.step", { 1, 2, 3, 4 })
  lu.assertEquals(own:events()[1].text, 'half, "of" it')
  lu.assertEquals(own:files()[2].path, "report.txt")
end

function TestOldRuns:test_the_state_of_a_loop_is_restored_and_goes_on()
  local reference = models.load(golden .. "/reference.safetensors")
  local model, notes = reference:clone(), {}
  local adam = optim.adamw(model, { lr = 0.01 })
  local o = { folder = folder, state = { model = model, adam = adam, notes = notes } }
  local job
  local said = support.with_errors(function() job = run.resume("own", o) end)
  lu.assertStrContains(said, "the code has changed since the run began")
  lu.assertEquals(job:restore(), 4)
  lu.assertEquals(model:hash(), hashes.own)
  lu.assertEquals(adam:steps(), 4)
  lu.assertEquals(notes, select(2, run.read("own", folder):curve "loss"))
  for step in job:steps(6) do job:log { loss = step } end
  lu.assertEquals(run.read("own", folder):curve "loss", { 1, 2, 3, 4, 5, 6 })
end

function TestOldRuns:test_a_checkpoint_of_align_train_is_loaded_and_goes_on()
  local trained = align.runs.load(folder .. "/trained/checkpoints/step-00000004", {
    reference = models.load(golden .. "/reference.safetensors"), loss = align.loss.dpo { beta = 0.1 },
    source = align.sources.online(toy.sampling { batch = 4, seed = 3, max_new_tokens = 4 }), quiet = true,
  })
  lu.assertEquals(trained.policy:hash(), hashes.trained)
  lu.assertEquals({ trained.step, #trained.log }, { 4, 4 })
  local _, values = run.read("trained", folder):curve "loss"
  for i, row in ipairs(trained.log) do lu.assertEquals(row.loss, values[i]) end
  trained:resume(6)
  lu.assertEquals({ trained.step, #trained.log, trained.status }, { 6, 6, "finished" })
end

--- Found by scripts/reliability/fuzz.lua: a store whose row of the run has no settings.
function TestOldRuns:test_a_store_without_settings_is_named()
  local record = require "perilune.run.record"
  lu.assertStrContains(support.message(record.config_of, { name = "own" }),
    "run 'own': its store has no settings: it is damaged")
end

os.exit(lu.LuaUnit.run())
