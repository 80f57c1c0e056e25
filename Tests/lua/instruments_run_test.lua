--- Instruments within runs: the ledger, gradients against finite differences, classifier, regret.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local runs = require "toy_runs"
local lu = require "luaunit"
local tensor = require "perilune.tensor"
local models = require "perilune.models"
local align = require "perilune.align"

local reference, dataset = runs.reference, runs.dataset

local function offline() return align.sources.offline(dataset, { batch = 8, seed = 1 }) end

local function last(run) return run.log[#run.log] end

TestLedger = {}

function TestLedger:test_then_now_and_the_reference_are_the_models_log_probabilities()
  for _, parts in ipairs { 1, 4 } do
    local run = runs.train {
      source = offline(), checkpoint_every = 1, gradient_accumulation_steps = parts, steps = 6,
    }
    lu.assertEquals(#run.ledger, 6 * 16)
    local before = run.checkpoints[5]
    local records, sum = run.ledger:list(6), 0.0
    lu.assertEquals(#records, 16)
    local batch = run.stream[6]
    for _, r in ipairs(records) do
      local row = batch[r.unit]
      local rows = models.rows({ row.prompt }, { row[r.role] })
      local then_logp = tensor.no_grad(reference.logps, reference, rows):item()
      support.close(r.logp_then, then_logp, 1e-4)
      support.close(r.logp_ref, then_logp, 1e-4)
      support.close(r.logp_now, tensor.no_grad(before.logps, before, rows):item(), 1e-4)
      lu.assertEquals(r.tokens, #row[r.role])
      sum = sum + r.staleness
    end
    support.close(last(run)["ledger/staleness"], sum / 16, 1e-5)
    lu.assertTrue(math.abs(sum) > 0.1, "the policy moved")
  end
end

function TestLedger:test_fresh_responses_are_not_stale_and_say_who_wrote_them()
  local run = runs.train { steps = 3 }
  local record = run.ledger:list(3)[9]
  lu.assertEquals({ record.role, record.unit, record.writer, record.written, record.step },
    { "rejected", 1, "policy", 3, 3 })
  lu.assertEquals(record.checkpoint, reference:hash():sub(1, 12) .. "@2")
  lu.assertStrContains(record.sampler, "online { max_new_tokens = 6")
  support.close(last(run)["ledger/staleness"], 0, 1e-5)
  lu.assertEquals(last(run)["ledger/age"], 0.0)
  local by = run.ledger:staleness "checkpoint"
  lu.assertEquals(by[record.checkpoint].count, 16)
  lu.assertStrContains(support.message(run.ledger.staleness, run.ledger, "colour"),
    "ledger:staleness: no response has 'colour'")
end

function TestLedger:test_a_saved_run_keeps_it_and_the_regret()
  local folder = os.tmpname()
  os.remove(folder)
  local how = { regret = { gold = function(_, y) return #y end, best = 6 } }
  local run = runs.train { source = offline(), steps = 4, instruments = how }
  run:save(folder)
  local whole = runs.train { source = offline(), steps = 6, instruments = how }
  local loaded = align.runs.load(folder, {
    source = offline(), loss = align.loss.ipo { beta = 0.1 }, reference = reference, quiet = true,
    instruments = how,
  })
  lu.assertEquals(loaded.ledger:list(), run.ledger:list())
  loaded:resume(6)
  lu.assertEquals(loaded.ledger:list(), whole.ledger:list())
  lu.assertEquals(last(loaded), last(whole))
  os.execute(("rm -r '%s'"):format(folder))
end

TestClassifier = {}

function TestClassifier:test_the_data_s_accuracy_is_that_of_evaluate()
  local run = runs.train { source = offline(), steps = 8 }
  local wanted = align.evaluate.accuracy(run.policy, reference, dataset).mean
  support.close(last(run)["classifier/data"], wanted, 1e-9)
  lu.assertNil(last(run)["classifier/own"], "there is no judge")
end

function TestClassifier:test_a_run_measures_both_data_and_stream()
  local run = runs.train { source = offline(), steps = 4,
    instruments = { classifier = { judge = toy.more_sevens, stream = align.sources.online(runs.drawn()) } } }
  for _, name in ipairs { "classifier/data", "classifier/stream", "classifier/own", "generator/win" } do
    local value = last(run)[name]
    lu.assertTrue(value >= 0 and value <= 1, name)
  end
end

TestRegret = {}

function TestRegret:test_by_hand()
  local how = { regret = { gold = function(_, y) return #y end, best = 6 } }
  local run = runs.train { source = offline(), steps = 3, instruments = how }
  local sum = 0.0
  for step = 1, 3 do
    for i = 1, 8 do
      local pair = run.stream[step][i]
      sum = sum + ((6 - #pair.chosen) + (6 - #pair.rejected)) / 2
    end
    support.close(run.log[step]["regret/cumulative"], sum, 1e-9)
    support.close(run.log[step]["regret/average"], sum / (8 * step), 1e-9)
  end
  support.close(last(run)["regret/simple"], 6 - last(run)["text/own_length"], 1e-6)
end

function TestRegret:test_of_the_best_writer_s_own_responses_it_is_zero_on_average()
  local how = { "regret", own = { prompts = 48 }, regret = { gold = toy.more_sevens, against = reference } }
  local source = align.sources.online(runs.drawn { batch = 48 })
  local row = last(runs.train { steps = 1, lr = 0, source = source, instruments = how })
  -- 96 outcomes of -1/2, 0 or 1/2 have a standard error of at most 0.051.
  lu.assertTrue(math.abs(row["regret/simple"]) < 0.2, tostring(row["regret/simple"]))
  how = { regret = { gold = toy.more_sevens } }
  lu.assertStrContains(support.message(runs.train, { steps = 1, instruments = how }),
    "instrument 'regret': instruments.regret: give best, of a gold that scores, or against, of a judge")
end

TestRuns = {}

function TestRuns:test_instruments_change_nothing_of_a_run()
  local function trained(how, more)
    return runs.train(toy.with({ steps = 6, evaluate_every = 2, instruments = how }, more))
  end
  local without, with = trained(false), trained {
    cosine = { other = offline() }, regret = { gold = toy.more_sevens, against = reference },
  }
  lu.assertEquals(with.policy:hash(), without.policy:hash())
  for i, row in ipairs(without.log) do
    for name, value in pairs(row) do lu.assertEquals(with.log[i][name], value, name) end
    lu.assertNil(row["ledger/staleness"])
  end
  lu.assertEquals(#without.ledger, 0)
  lu.assertNil(with.log[1]["kl/own"])
  lu.assertNotNil(with.log[2]["kl/own"])
end

function TestRuns:test_evaluated_steps_are_logged()
  local function steps(how)
    local list = {}
    local run = runs.train { steps = 6, log_every = 6, evaluate_every = { 2, 3 }, instruments = how }
    for i, row in ipairs(run.log) do list[i] = row.step end
    return list
  end
  lu.assertEquals(steps(nil), { 2, 3, 6 })
  lu.assertEquals(steps(false), { 6 })
end

function TestRuns:test_a_point_has_the_figures_of_its_step()
  local function evaluate() return { kl = 1 } end
  local run = runs.train { steps = 4, evaluate_every = 2, log_every = 4, evaluate = evaluate }
  lu.assertEquals(#run.points, 2)
  for i, point in ipairs(run.points) do
    for name, figure in pairs(point.instruments) do
      lu.assertEquals(run.log[i][name], figure.sum / figure.count, name)
    end
    lu.assertEquals(point.instruments["kl/own"].count, 16)
    lu.assertNotNil(point.instruments["gradients/chosen"])
    lu.assertNotNil(point.instruments["kl/own"])
    lu.assertNotNil(point.instruments["ledger/staleness"])
  end
end

--- Groups of responses have rows that the loss raises and rows that it lowers.
function TestRuns:test_groups_are_measured_too()
  local grpo = align.loss.define {
    name = "advantage", per = "row", reads = { "logps", "reward" },
    loss = function(batch) return -(batch.reward - batch:group_means(batch.reward)) * batch:sums "logps" end,
  }
  local source = align.sources.groups {
    task = toy.task, prompts = toy.prompts, batch = 4, responses = 4, seed = 3,
    reward = function(_, y) return toy.sevens(y) end,
  }
  local row = last(runs.train { loss = grpo {}, source = source, steps = 4, lr = 1e-3 })
  local up, down, cosine = row["gradients/raised"], row["gradients/lowered"], row["gradients/opposition"]
  local whole = math.sqrt(up * up + down * down + 2 * up * down * (cosine or 0))
  support.close(whole, row.grad_norm, 1e-4 * row.grad_norm)
  lu.assertNil(row["gradients/kl"], "the loss reads no reference")
  lu.assertNotNil(row["mass/seen"])
end

function TestRuns:test_wrong_instruments_are_refused()
  local function message(how) return support.message(runs.train, { steps = 1, instruments = how }) end
  lu.assertStrContains(message { "lodger" }, "instruments: there is no 'lodger'; did you mean 'ledger'?")
  lu.assertStrContains(message { kl = { x = 1 } }, "instruments.kl: unknown option 'x'; it takes no options")
  lu.assertStrContains(message { kl = 3 }, "instruments.kl: options must be a table, not 3")
  lu.assertStrContains(message { own = { prompts = 0 } }, "instruments.own: option 'prompts' must be a whole")
  lu.assertStrContains(message { "regret" }, "instruments.regret: option 'gold' is missing")
  lu.assertStrContains(message(3), "option 'instruments' must be true or false or a table, not 3")
end

--- The length of own responses and their stop are those of the source, or what the data shows.
function TestRuns:test_an_offline_run_finds_where_responses_end()
  local list = {}
  for i = 1, 8 do list[i] = { prompt = { 2 }, chosen = { 3, 4, 1 }, rejected = { i + 2, 1 } } end
  local source = align.sources.offline(list, { batch = 8 })
  local run = runs.train { source = source, steps = 1, instruments = { "text" } }
  lu.assertEquals(last(run)["text/data_ended"], 1.0)
  lu.assertTrue(last(run)["text/own_length"] <= 3)
end

os.exit(lu.LuaUnit.run())
