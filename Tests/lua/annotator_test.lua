--- The annotator of a stage: its faults are of the training data alone, and a proxy can be weak.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local toy = require "toy"
local support = require "support"
local lu = require "luaunit"
local align = require "perilune.align"

local function stage(more)
  return align.experiment.stage(toy.with({
    small = true, batch = 8, pairs = 256, prompts = 16, judge_steps = 10, start_steps = 20, golden_steps = 2,
  }, more))
end

--- The share of pairs that the golden judge orders as they are.
local function agreement(made, dataset) return align.judge.accuracy(made.gold, dataset).mean end

TestAnnotator = {}

function TestAnnotator:test_faults_are_of_the_training_data_and_the_gold_proxy_alone()
  local clean, faulty = stage { proxy = "gold" }, stage { proxy = "gold", flip_rate = 0.3 }
  lu.assertIs(clean.proxy, clean.gold)
  lu.assertEquals(agreement(faulty, faulty.held_out), agreement(clean, clean.held_out))
  local ties = 2 * (1 - agreement(clean, clean.golden_pairs))
  -- A tie counts 1/2 with any label; of the others 30 % are turned.
  support.close(agreement(faulty, faulty.golden_pairs), 0.7 * (1 - ties) + ties / 2, 0.08)
  lu.assertEquals(faulty.proxy.truth.name, faulty.gold.name)
  for i, pair in ipairs(faulty.golden_pairs) do
    lu.assertEquals(pair.true_label, align.judge.of_pairs(faulty.gold, align.batch.of_pairs { pair })[1], i)
  end
  lu.assertStrContains(table.concat(faulty.notes, " "),
    "labels have faults: gold sentiment { flip_rate = 0.3 }.")
end

function TestAnnotator:test_a_proxy_can_be_weak_in_size_and_data()
  local made = stage { proxy_pairs = 40, proxy_dim = 8, proxy = "reward" }
  lu.assertEquals(made.proxy.trained_on.count, 40)
  lu.assertEquals({ made.proxy.model:config().dim, made.proxy.model:config().layers }, { 8, 1 })
  lu.assertEquals(made.proxy.model:config().vocab, made.start:config().vocab)
  local note = table.concat(made.notes, " ")
  local calibration = align.judge.calibration(made.proxy, made.held_out, { bins = 5 })
  lu.assertStrContains(note, ("; calibration error %.3f, right by confidence: "):format(calibration.ece))
  lu.assertStrContains(support.message(stage, { label_temperature = 1 }),
    "judge gold sentiment gives no probabilities")
end

os.exit(lu.LuaUnit.run())
