--- Saved runs: N steps give the same bits as k steps, a folder, and the rest in another process.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local toy = require "toy"
local perilune = require "perilune"
local align, models, plain, system = perilune.align, perilune.models, perilune.plain, perilune.system
local tensor = perilune.tensor

-- `first` is evaluated in a run of `total` steps too: a run always evaluates its last step.
local total <const>, first <const> = 7, 4

--- A fixed list of pairs.
local function pairs_of(count)
  local list = {}
  for i = 1, count do
    list[i] = { prompt = toy.prompts[i], chosen = { 7, 2 + i % 9, 1 }, rejected = { 3, 2 + i % 7, 1 } }
  end
  return list
end

local sources = {
  online = function() return align.sources.online(toy.sampling { batch = 4, seed = 3 }) end,
  offline = function() return align.sources.offline(pairs_of(10), { batch = 4, seed = 3 }) end,
  refreshed = function() return align.sources.online(toy.sampling { batch = 4, seed = 3, refresh = 2 }) end,
  buffer = function()
    return align.sources.buffer { of = align.sources.online(toy.sampling { batch = 4, seed = 3 }), age = 2 }
  end,
  replay = function(stream) return align.sources.replay(stream, { window = 3, seed = 3 }) end,
}

--- A loss with a parameter of its own, trained with the policy.
local scaled = align.loss.define {
  name = "scaled", options = { { "beta", 0.1, "factor", above = 0 } },
  parameters = function() return { scale = tensor({ 2 }, { requires_grad = true }) } end,
  loss = function(pair, o, own)
    return (align.loss.margin(pair, o.norm) * own.scale - o.beta):square()
  end,
}

--- A loss with a running statistic: the mean reward of all batches so far.
local running = align.loss.define {
  name = "running", reads = { "logps", "ref_logps", "delta" }, prepare_reads = { "logps", "ref_logps" },
  options = { { "beta", 0.1, "factor", above = 0 } },
  state = function() return { mean = 0, count = 0 } end,
  prepare = function(batch, _, given)
    local state, ratios = given.state, batch:sums "logps" - batch:sums "ref_logps"
    local count = state.count + ratios:numel()
    state.mean, state.count = (state.mean * state.count + ratios:sum():item()) / count, count
    batch.delta = tensor.full({ #batch.rows }, state.mean)
  end,
  loss = function(pair, o)
    local delta = pair:halves(pair.delta)
    return -(o.beta * (align.loss.margin(pair, o.norm) - delta)):log_sigmoid()
  end,
}

local losses = { ipo = align.loss.ipo, dpo = align.loss.dpo, scaled = scaled, running = running }

--- The recorded batches that the replay reads.
local function recorded()
  local reference = toy.model(1)
  return align.train {
    policy = reference:clone(), reference = reference, source = sources.online(), steps = total,
    loss = align.loss.ipo { beta = 0.1 }, lr = 1e-2, record = true, quiet = true,
  }.stream
end

--- Everything that must be equal to the last bit, as one text.
local function result_of(run)
  local batches = {}
  for i, batch in ipairs(run.stream) do
    batches[i] = { batch.rows:prompts(), batch.rows:responses(), batch.rows:column "logps" and
      batch.rows:column("logps"):totable() }
  end
  local checkpoints = {}
  for step, model in pairs(run.checkpoints) do checkpoints[step] = model:hash() end
  local own = run.parameters[1].scale
  return plain.encode {
    own and own:totable() or {}, run.policy:hash(), run.reference:hash(), run.states,
    run.log, run.points, batches, checkpoints, run.step,
    run.status,
    plain.encode(run.optimizer:steps()),
  }
end

local function evaluate(policy, step) return { hash = policy:hash(), at = step, none = 0 / 0 } end

--- What a run is given besides its options.
local function parts(case)
  local stream = case.source == "replay" and recorded()
  return {
    source = sources[case.source](stream), loss = losses[case.loss] { beta = 0.1 },
    reference = toy.model(1), evaluate = evaluate, quiet = true,
  }
end

local function train(case, steps)
  local o = parts(case)
  o.policy, o.steps, o.evaluate_every = o.reference:clone(), steps, 2
  o.optimizer, o.lr, o.warmup = case.optimizer, 1e-2, 2
  o.checkpoint_every, o.record = 3, true
  return align.train(toy.with(o, case.more))
end

local cases = {
  { source = "online", optimizer = "adamw", loss = "ipo" },
  { source = "offline", optimizer = "sgd", loss = "dpo" },
  { source = "refreshed", optimizer = "lion", loss = "ipo" },
  { source = "replay", optimizer = "adafactor", loss = "ipo" },
  { source = "online", optimizer = "adamw", loss = "scaled" },
  { source = "online", optimizer = "adamw", loss = "running",
    more = { mini_batches = 2, epochs = 3, shuffle_mini_batches = true, seed = 4 } },
  { source = "buffer", optimizer = "adamw", loss = "ipo" },
  { source = "offline", optimizer = "adamw", loss = "running",
    more = { sync_ref_model = true, ref_model_sync_steps = 2, ref_model_mixup_alpha = 0.3 } },
}

-- Another process runs this file with a case's number and a folder, and prints the result.
if arg[1] == "continue" then
  local run = align.runs.load(arg[3], parts(cases[tonumber(arg[2])]))
  print(result_of(run:resume(total)))
  os.exit(true)
end

local function new_path()
  local path = os.tmpname()
  os.remove(path)
  return path
end

local function remove(path) os.execute(("rm -rf '%s'"):format(path)) end

TestSavedRuns = {}

function TestSavedRuns.test_a_running_statistic_counts_every_batch_once()
  local run = train(cases[6], total)
  -- 7 steps are 2 batches of 6 steps; a batch has 4 pairs, which are 8 responses.
  lu.assertEquals(run.states[1].count, 16)
  lu.assertNotEquals(run.states[1].mean, 0)
end


for number, case in ipairs(cases) do
  local name = "test_%s_with_%s_and_%s%s_continues_in_a_new_process_with_the_same_bits"
  local more = (case.more or {}).epochs and "_within_a_batch" or case.more and "_and_a_moving_reference" or ""
  name = name:format(case.source, case.optimizer, case.loss, more)
  TestSavedRuns[name] = function()
    local path = new_path()
    train(case, first):save(path)
    local program = ("/proc/%d/exe"):format(support.pid())
    local output = assert(io.popen(("%s %s continue %d '%s'"):format(program, arg[0], number, path)))
    local continued = output:read "l"
    output:close()
    remove(path)
    lu.assertEquals(continued, result_of(train(case, first):resume(total)))
    lu.assertEquals(continued, result_of(train(case, total)))
  end
end

local online = cases[1]

function TestSavedRuns.test_a_second_save_replaces_the_first_whole()
  local path = new_path()
  local run = train(online, first)
  run:save(path)
  run:resume(first + 1)
  run:save(path .. "/")
  local again = align.runs.load(path, parts(online))
  lu.assertEquals(result_of(again), result_of(run))
  local beside = assert(io.popen(("ls -d '%s'*"):format(path)))
  lu.assertEquals(beside:read "a", path .. "\n")
  beside:close()
  remove(path)
end

function TestSavedRuns.test_a_damaged_or_half_written_folder_is_refused_by_name()
  local path = new_path()
  train(online, first):save(path)
  local function refusal() return support.message(align.runs.load, path, parts(online)) end
  for _, name in ipairs(system.list_folder(path)) do
    local file = assert(io.open(path .. "/" .. name, "rb"))
    local good = file:read "a"
    file:close()
    -- The manifest names the file whose hash is another in it.
    local shown, flipped = name .. " is damaged", good:sub(1, 30) .. "#" .. good:sub(32)
    for _, bad in ipairs { good:sub(1, -20), flipped } do
      if name == "manifest.json" and bad == flipped then shown = "the format is 'perilune-checkpoint#1'" end
      system.write_file(path .. "/" .. name, bad)
      lu.assertStrContains(refusal(), ("runs.load: %s: %s"):format(path, shown))
    end
    os.remove(path .. "/" .. name)
    lu.assertStrContains(refusal(), name .. " is missing")
    system.write_file(path .. "/" .. name, good)
  end
  lu.assertEquals(align.runs.load(path, parts(online)).step, first)
  remove(path)
end

--- One format: a checkpoint of `run = NAME` is a saved run, and a saved run a checkpoint.
function TestSavedRuns.test_a_recorded_run_is_loaded_at_its_newest_whole_checkpoint()
  local path = new_path()
  local o = parts(online)
  o.policy, o.steps = o.reference:clone(), first
  o.run = { name = "a", folder = path, checkpoint_every = 1 }
  local run = align.train(o)
  local again = align.runs.load(path .. "/a", parts(online))
  lu.assertEquals(result_of(again), result_of(run))
  local checkpoints = system.list_folder(path .. "/a/checkpoints")
  lu.assertEquals(#checkpoints, 2)
  system.write_file(("%s/a/checkpoints/%s/run.json"):format(path, checkpoints[2]), "{}")
  local said = support.with_errors(function() again = align.runs.load(path .. "/a", parts(online)) end)
  lu.assertStrContains(said, "run.json is damaged")
  lu.assertEquals(again.step, first - 1)
  lu.assertEquals(result_of(again:resume(first)), result_of(run))
  run:save(path .. "/saved")
  local names = system.list_folder(("%s/a/checkpoints/%s"):format(path, checkpoints[1]))
  lu.assertEquals(system.list_folder(path .. "/saved"), names)
  os.execute(("rm -rf '%s'"):format(path))
end

--- What version 0.1.0 saved had its own hashes in place of a manifest.
function TestSavedRuns.test_a_folder_of_the_format_before_is_read()
  local path = new_path()
  local run = train(online, first)
  run:save(path)
  os.remove(path .. "/manifest.json")
  local text = {}
  for line in io.lines(path .. "/run.json") do text[#text + 1] = line end
  local record = plain.decode(table.concat(text))
  record.format = "perilune-run-2"
  for name in pairs(record.files) do record.files[name] = system.sha256_file(path .. "/" .. name) end
  system.write_file(path .. "/run.json", plain.encode(record) .. "\n")
  system.write_file(path .. "/run.sha256", system.sha256_file(path .. "/run.json") .. "\n")
  lu.assertEquals(result_of(align.runs.load(path, parts(online))), result_of(run))
  system.write_file(path .. "/optimizer.safetensors", "x")
  lu.assertStrContains(support.message(align.runs.load, path, parts(online)),
    "optimizer.safetensors is damaged: its SHA-256 differs")
  remove(path)
end

function TestSavedRuns.test_other_parts_than_those_of_the_run_are_refused()
  local path = new_path()
  train(online, first):save(path)
  local function refusal(more)
    return support.message(align.runs.load, path, toy.with(parts(online), more))
  end
  local other = refusal { source = sources.offline() }
  lu.assertStrContains(other, "the source of the run is 'online', not 'offline'")
  local reseeded = align.sources.online(toy.sampling { batch = 4, seed = 9 })
  lu.assertStrContains(refusal { source = reseeded }, "the source of the run has seed = 3, not 9")
  local judged = align.sources.online(toy.sampling {
    batch = 4, seed = 3, judge = { name = "odd", prefer = function() end } })
  lu.assertStrContains(refusal { source = judged }, "not 'online { judge = odd, ")
  lu.assertStrContains(refusal { loss = align.loss.ipo { beta = 0.2 } }, "the loss of the run is")
  lu.assertStrContains(refusal { loss = align.loss.dpo { beta = 0.1 } }, "the loss of the run is")
  lu.assertStrContains(refusal { reference = toy.model(2) },
    "the reference is not the model that the run began with")
  remove(path)
end

--- A table of logits, with a loss that has a parameter of its own, and a reference that moves.
function TestSavedRuns.test_a_policy_of_Lua_is_read_into_a_copy_of_one_that_is_given()
  local function new_table(vocab) return align.policy.table { contexts = { { 0 } }, vocab = vocab or 4 } end
  local function given(more)
    return toy.with({
      reference = new_table(), loss = scaled { beta = 0.1 }, quiet = true,
      source = align.sources.online {
        prompts = { { 0 } }, batch = 1, max_new_tokens = 1, seed = 3, lag = 1,
        judge = function(_, a, b) return a[1] < b[1] end,
      },
    }, more)
  end
  local function run_of(steps)
    local o = given { steps = steps, sync_ref_model = true, ref_model_sync_steps = 2, lr = 0.1 }
    o.instruments = false  -- they measure in the last step of a run, which is another one here
    o.policy, o.checkpoint_every = o.reference:clone(), 2
    return align.train(o)
  end
  local path = new_path()
  run_of(3):save(path)
  local again = align.runs.load(path, given { policy = new_table() }):resume(5)
  local whole = run_of(5)
  lu.assertEquals(result_of(again), result_of(whole))
  lu.assertNotEquals(again.policy:hash(), new_table():hash())
  local function refusal(more) return support.message(align.runs.load, path, given(more)) end
  lu.assertStrContains(refusal(), "the policy of the run is one of Lua: give policy, with the same tensors")
  lu.assertStrContains(refusal { policy = new_table(5) },
    "of what is given has shape 1x5, that of the run 1x4")
  remove(path)
  train(online, 1):save(path)
  local of_lua = toy.with(parts(online), { policy = new_table() })
  lu.assertStrContains(support.message(align.runs.load, path, of_lua),
    "the policy of the run is a Model, which is read from the folder: give none")
  remove(path)
end

function TestSavedRuns.test_another_list_of_pairs_is_refused()
  local path, case = new_path(), cases[2]
  train(case, first):save(path)
  local other = align.sources.offline(pairs_of(11), { batch = 4, seed = 3 })
  local given = toy.with(parts(case), { source = other })
  lu.assertStrContains(support.message(align.runs.load, path, given),
    "the source of the run, offline, has other pairs")
  remove(path)
end

function TestSavedRuns.test_a_folder_of_something_else_is_never_replaced()
  local path = new_path()
  system.make_folder(path)
  system.write_file(path .. "/mine.txt", "mine")
  local run = train(online, 1)
  lu.assertStrContains(support.message(run.save, run, path), "exists and is not a saved run")
  lu.assertEquals(system.list_folder(path), { "mine.txt" })
  lu.assertStrContains(support.message(run.save, run, 5), "run:save: expected the path of a folder, got 5")
  remove(path)
end

function TestSavedRuns.test_a_run_is_not_saved_while_it_is_evaluated()
  local o, message = parts(online), nil
  o.policy, o.steps = o.reference:clone(), 1
  function o.evaluate(_, _, run)
    message = support.message(run.save, run, new_path())
    return {}
  end
  align.train(o)
  lu.assertEquals(message,
    "run:save: the run is within a step; save it after align.train or run:resume() returned")
end

function TestSavedRuns.test_a_run_is_not_resumed_while_it_is_evaluated()
  local ok, problem
  local reference = toy.model(1)
  local run = align.train {
    policy = reference:clone(), reference = reference, source = sources.offline(), loss = align.loss.ipo {},
    steps = 2, quiet = true,
    evaluate = function(_, _, given)
      ok, problem = pcall(given.resume, given, 9)
      return {}
    end,
  }
  lu.assertFalse(ok)
  lu.assertStrContains(problem, "run:resume: the run is within a step")
  lu.assertEquals({ run.status, run.step }, { "finished", 2 })
  lu.assertEquals(run:resume(3).step, 3)
end

function TestSavedRuns.test_what_is_no_plain_data_is_named_and_leaves_nothing()
  local path = new_path()
  local run = train(online, 1)
  run.points[1].model = models
  run.points[1].f = print
  lu.assertStrContains(support.message(run.save, run, path), "run.points[1].")
  lu.assertFalse(system.exists(path))
  local beside = assert(io.popen(("ls -d '%s'* 2>&1"):format(path)))
  lu.assertStrContains(beside:read "a", "cannot access")
  beside:close()
end

os.exit(lu.LuaUnit.run())
