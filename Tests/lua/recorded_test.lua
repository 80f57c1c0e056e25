--- Training with `run = "name"`: killed anywhere and started again, it ends as if it had never been cut.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local toy = require "toy"
local perilune = require "perilune"
local align, run, system = perilune.align, perilune.run, perilune.system

local folder

TestRecorded = {}

function TestRecorded:setUp() folder = support.new_path() end
function TestRecorded:tearDown()
  os.execute(("rm -rf '%s'"):format(folder))
end

local reference = toy.model(1)
local pairs_of_toy = {}
for i = 1, 10 do
  pairs_of_toy[i] = { prompt = toy.prompts[i], chosen = { 7, 2 + i % 9, 1 }, rejected = { 3, 2 + i % 7, 1 } }
end

local function drawn(more)
  return align.sources.online(toy.sampling(toy.with({ batch = 4, seed = 3 }, more)))
end

local cases = {
  offline = { source = function() return align.sources.offline(pairs_of_toy, { batch = 4, seed = 3 }) end },
  online = { source = drawn, more = { checkpoint_every = 3, record = true } },
  refreshed = { source = function() return drawn { refresh = 3, lag = 2 } end },
  several = { source = drawn, more = { mini_batches = 2, epochs = 2, shuffle_mini_batches = true,
    sync_ref_model = true, ref_model_sync_steps = 4, ref_model_mixup_alpha = 0.3 } },
}

local total <const> = 12

--- One training of a case; `after(step)` is called by its evaluation at every step.
local function train(case, given, after)
  local o = {
    policy = reference:clone(), reference = reference, source = case.source(), steps = total, lr = 1e-2,
    loss = align.loss.dpo { beta = 0.1 }, quiet = true, evaluate_every = 1,
    evaluate = function(policy, step)
      if after then after(step, policy) end
      return { win = { mean = step / total }, hash = policy:hash() }
    end,
  }
  o = toy.with(o, case.more)
  o.run = toy.with({ name = "cut", folder = folder, checkpoint_every = 4, config = { task = "toy" } }, given)
  return align.train(o)
end

--- The first line in which two texts differ; nil where they are equal.
local function difference(a, b)
  local next_line = b:gmatch "[^\n]*"
  for line in a:gmatch "[^\n]*" do
    local other = next_line()
    if line ~= other then return ("%s instead of %s"):format(line, tostring(other)) end
  end
  return next_line()
end

--- A judge, whose best state is kept.
local function train_judge(given)
  return align.judge.reward_model({
    init = reference, data = pairs_of_toy, validation = pairs_of_toy, labels = { 2, 3 }, eos = 1,
    steps = total, batch = 4, evaluate_every = 1, patience = 99, quiet = true, lr = 3e-2,
    run = toy.with({ name = "cut", folder = folder, checkpoint_every = 4 }, given),
  }).model
end

local sentiment = perilune.tasks.open "sentiment"

local function train_sft(given)
  return (align.sft(sentiment, { model = { dim = 8, layers = 1, heads = 2 }, steps = 40, batch = 4,
    cache = false, quiet = true,
    run = toy.with({ name = "cut", folder = folder, checkpoint_every = 4 }, given) }))
end

for name, make in pairs { judge = train_judge, sft = train_sft } do
  TestRecorded["test_a_killed_training_ends_as_one_that_was_never_cut_" .. name] = function()
    local whole = make { folder = folder .. "/whole" }
    local expected, kills = run.read("cut", folder .. "/whole"):dump(), 0
    for i = 1, 40 do
      local child = system.fork(function() make { resume = "allow" } end)
      system.sleep(0.005 * i)
      if not child:status() then kills = kills + 1 end
      child:stop()
      if child:status() == 0 then break end
    end
    lu.assertTrue(kills >= 2, kills)
    local again = make { resume = "allow" }
    lu.assertEquals(again:hash(), whole:hash())
    lu.assertNil(difference(run.read("cut", folder):dump(), expected))
  end
end

for name, case in pairs(cases) do
  TestRecorded["test_a_killed_run_ends_as_one_that_was_never_cut_" .. name] = function()
    local whole = train(case, { folder = folder .. "/whole" })
    local expected = run.read("cut", folder .. "/whole"):dump()
    lu.assertStrContains(expected, "figure\twin.mean\t12\t1.0")
    lu.assertStrContains(expected, "param\tloss.beta\t0.1")
    local kills, last = 0, 0
    for i = 1, 40 do
      local child = system.fork(function(send)
        train(case, { resume = "allow" }, function(step) send(tostring(step)) end)
      end)
      local lines = {}
      repeat
        table.move(child:lines(0.05), 1, 99, #lines + 1, lines)
      until (tonumber(lines[#lines]) or 0) >= last + 1 + i % 4 or child:status()
      if not child:status() then kills = kills + 1 end
      last = (tonumber(lines[#lines]) or last) // 4 * 4
      child:stop()
      if child:status() == 0 then break end
    end
    lu.assertTrue(kills >= 2, kills)
    local again = train(case, { resume = "allow" })
    lu.assertEquals(again.policy:hash(), whole.policy:hash())
    lu.assertEquals(again.job.id, "cut")
    lu.assertNil(difference(run.read("cut", folder):dump(), expected))
  end
end

function TestRecorded:test_a_run_interrupted_here_goes_on_here()
  local o = { folder = folder }
  local ok, problem = pcall(train, cases.offline, o, function(step)
    if step == 6 and not o.raised then
      o.raised = true
      error("no luck", 0)
    end
  end)
  lu.assertFalse(ok)
  lu.assertEquals(run.read("cut", folder).status, "failed")
  problem.run:resume()
  local record = run.read("cut", folder)
  lu.assertEquals({ record.status, record.step }, { "finished", total })
  lu.assertEquals(record:curve "loss", { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 })
end

function TestRecorded:test_runs_are_found_by_loss_source_and_own_settings()
  train(cases.offline, { name = "a" })
  train(cases.online, { name = "b", config = { task = "toy", side = "online" } })
  lu.assertEquals(run.runs({ folder = folder, ["loss.name"] = "dpo", task = "toy" }).ids, { "a", "b" })
  lu.assertEquals(run.runs({ folder = folder, side = "online" }).ids, { "b" })
  local paths = {}
  for _, d in ipairs(run.runs({ folder = folder }):diff(1, 2)) do paths[d.path] = { d.a, d.b } end
  lu.assertEquals(paths["source.kind"], { "offline", "online" })
  lu.assertEquals(paths.side, { nil, "online" })
end

function TestRecorded:test_bad_settings_of_a_run_are_refused()
  lu.assertStrContains(support.message(train, cases.offline, { state = {} }), "run.state is what is trained")
  lu.assertStrContains(support.message(train, cases.offline, { nam = "a" }), "did you mean 'name'")
end

--- The win rate rises to 0.5 and falls; the run is cut after its peak.
function TestRecorded:test_the_peak_of_the_win_rate_is_a_figure_of_the_run()
  local wins = { 0.2, 0.5, 0.3, 0.1, 0.4, 0.2 }
  local function go(stop)
    align.train {
      policy = reference:clone(), reference = reference, source = cases.offline.source(), steps = 6,
      lr = 1e-2, loss = align.loss.dpo { beta = 0.1 }, quiet = true, evaluate_every = 1,
      evaluate = function(_, step)
        if step == stop then error("cut", 0) end
        return { win = wins[step] }
      end,
      run = { name = "cut", folder = folder, checkpoint_every = 2, resume = "allow", config = { seed = 1 } },
    }
  end
  lu.assertFalse(pcall(go, 4))
  go()
  lu.assertEquals(select(2, run.read("cut", folder):curve "peak"), { 0.2, 0.5, 0.5, 0.5, 0.5, 0.5 })
  local peaks = run.runs({ folder = folder }):table { rows = "lr", value = "peak", by = "seed" }
  lu.assertEquals(peaks:cell(0.01).mean, 0.5)
end

--- Streams of finished runs, of 80 megabytes each, were parsed for every report that asked for points alone.
function TestRecorded:test_the_stream_of_a_finished_run_is_read_when_it_is_asked_for()
  local whole = train(cases.online)
  local function again() return train(cases.online, { resume = "must" }) end
  local run_of = again()
  lu.assertEquals({ run_of.step, #run_of.points }, { total, #whole.points })
  lu.assertNotNil(getmetatable(run_of.stream), "nothing is read yet")
  for _, asked in ipairs {
    function(stream) return #stream end,
    function(stream) return stream[total] and total end,
    function(stream) local n = 0 for _ in ipairs(stream) do n = n + 1 end return n end,
    function(stream) local n = 0 for _ in pairs(stream) do n = n + 1 end return n end,
  } do
    local stream = again().stream
    lu.assertEquals(asked(stream), total)
    lu.assertNil(getmetatable(stream))
  end
  local stream = again().stream
  for step, batch in ipairs(whole.stream) do lu.assertEquals(stream[step]:list(), batch:list()) end
end

os.exit(lu.LuaUnit.run())
