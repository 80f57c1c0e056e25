--- Judges with known faults: shares of labels, symmetry, the truth that sources keep.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local models = require "perilune.models"
local align = require "perilune.align"
local judge, rows = align.judge, models.rows

local function mean(list)
  local sum = 0
  for _, x in ipairs(list) do sum = sum + x end
  return sum / #list
end

local function scored(name, values)
  return judge.from_score(name, function(_, response) return values[response[1]] end)
end

local one, two = rows({ { 5 } }, { { 2 } }), rows({ { 5 } }, { { 3 } })

TestFaults = {}

local count = 4000
local first, second = toy.questions(count, 2)
local lexical = judge.from_function("lexical", function(_, x, y)
  local s, t = table.concat(x, " "), table.concat(y, " ")
  return s < t and 1 or s > t and 0 or 0.5
end)

local function is_longer(i) return #first:response(i) > #second:response(i) end

--- |share - p| within four standard errors.
local function assert_share(outcomes, p, what)
  local se = math.sqrt(math.max(p * (1 - p), 1e-9) / #outcomes)
  support.close(mean(outcomes), p, 4 * se, what)
end

--- The closed form against the share of labels; by hand where one fault acts alone.
function TestFaults:test_labels_follow_the_probability()
  local truth = lexical:prefer(first, second)
  for _, faults in ipairs {
    { flip_rate = 0.2 }, { length_bias = 0.4 }, { length_bias = -0.4 }, { position_bias = 0.3 },
    { position_bias = -0.3 }, { flip_rate = 0.1, length_bias = 0.3, position_bias = -0.2 } } do
    local flawed = judge.flawed(lexical, faults)
    local p, said = flawed:probability(first, second), flawed:prefer(first, second)
    assert_share(said, mean(p), flawed.name)
    local turned = 0
    for i, x in ipairs(said) do turned = turned + math.abs(x - truth[i]) / count end
    if faults.flip_rate == 0.2 then support.close(turned, 0.2, 0.03) end
  end
  local always = judge.flawed(lexical, { length_bias = 1 }):prefer(first, second)
  for i = 1, count do
    local equal = #first:response(i) == #second:response(i)
    lu.assertEquals(always[i], equal and truth[i] or is_longer(i) and 1 or 0)
  end
  lu.assertEquals(mean(judge.flawed(lexical, { position_bias = 1 }):prefer(first, second)), 1)
  lu.assertEquals(mean(judge.flawed(lexical, { position_bias = -1 }):prefer(first, second)), 0)
end

--- Scores 1 apart: p = sigmoid(1 / T).
function TestFaults:test_labels_are_drawn_at_a_temperature()
  local level = judge.from_score("level", function(_, y) return y[1] == 3 and 1 or 0 end)
  local prompts, high, low = {}, {}, {}
  for i = 1, count do prompts[i], high[i], low[i] = { 2 }, { 3 }, { 4 } end
  high, low = rows(prompts, high), rows(prompts, low)
  for _, temperature in ipairs { 0.5, 1, 4 } do
    local drawn = judge.flawed(level, { label_temperature = temperature })
    local p = 1 / (1 + math.exp(-1 / temperature))
    support.close(drawn:probability(high, low)[1], p, 1e-12)
    assert_share(drawn:prefer(high, low), p, drawn.name)
  end
  lu.assertEquals(mean(judge.flawed(level, {}):prefer(high, low)), 1)
end

function TestFaults:test_turning_the_sides_turns_the_answer_and_ties_stay()
  local flawed = judge.flawed(lexical, { flip_rate = 0.3, length_bias = 0.2, seed = 4 })
  local forward, backward = flawed:prefer(first, second), flawed:prefer(second, first)
  for i = 1, count do lu.assertEquals(forward[i], 1 - backward[i]) end
  local drawn = judge.flawed(scored("a", { [2] = 1, [3] = 2 }), { label_temperature = 1, flip_rate = 0.5 })
  lu.assertEquals(drawn:prefer(one, two)[1], 1 - drawn:prefer(two, one)[1])
  for _, p in ipairs(flawed:prefer(first, first)) do lu.assertEquals(p, 0.5) end
end

function TestFaults:test_the_seed_the_step_and_the_place_decide()
  local function labels_of(seed, step, row)
    return judge.ask(judge.flawed(lexical, { flip_rate = 0.5, seed = seed }), first, second, step, row)
  end
  lu.assertEquals(labels_of(1, 1), labels_of(1, 1))
  lu.assertNotEquals(labels_of(1, 1), labels_of(2, 1))
  lu.assertNotEquals(labels_of(1, 1), labels_of(1, 2))
  lu.assertNotEquals(labels_of(1, 1), labels_of(1, 1, 9))
  local inner = judge.flawed(lexical, { flip_rate = 0.5 })
  for _, made in ipairs { judge.ensemble { inner, how = "vote" }, judge.flawed(inner, {}) } do
    lu.assertEquals(judge.ask(made, first, second, 3), judge.ask(inner, first, second, 3), made.name)
    lu.assertNotEquals(judge.ask(made, first, second, 3), judge.ask(inner, first, second, 4), made.name)
  end
end

function TestFaults:test_sources_keep_the_truth()
  local start = toy.model(5)
  local flawed = judge.flawed(toy.more_sevens, { flip_rate = 0.25, seed = 1 })
  local batch = align.sources.sample(start, {
    task = toy.task, judge = flawed, prompts = toy.prompts, count = 960, seed = 9, quiet = true })
  local gold = judge.as_judge(toy.more_sevens)
  local truth = judge.of_pairs(gold, batch)
  for i = 1, 960 do
    lu.assertEquals(batch.true_label[i]:item(), truth[i])
    lu.assertEquals(batch.true_label[960 + i]:item(), 1 - truth[i])
  end
  -- Of the pairs that are no tie a quarter is turned.
  local wrong, decided = 0, 0
  for _, t in ipairs(truth) do
    if t ~= 0.5 then wrong, decided = wrong + 1 - t, decided + 1 end
  end
  support.close(wrong / decided, 0.25, 0.06)
  local again = align.batch.of_pairs(batch:list())
  lu.assertEquals(again.true_label:totable(), batch.true_label:totable())
  for i, pair in ipairs(align.sources.relabel(batch:list(), gold)) do
    lu.assertEquals(pair.true_label, truth[i] == 0.5 and 0.5 or 1)
  end
  for i, pair in ipairs(align.sources.relabel(batch:list(), flawed)) do
    lu.assertEquals(pair.true_label, judge.of_pairs(gold, align.batch.of_pairs { pair })[1], i)
  end
  -- A data set shows its pairs in either order: the first place wins half of them, whatever its bias.
  local placed = align.sources.relabel(batch:list(), judge.flawed(gold, { position_bias = 1 }))
  local kept, different = 0, 0
  for i, pair in ipairs(placed) do
    local chosen, rejected = table.concat(batch[i].chosen, " "), table.concat(batch[i].rejected, " ")
    if chosen ~= rejected then
      different = different + 1
      kept = kept + (table.concat(pair.chosen, " ") == chosen and 1 or 0)
    end
  end
  support.close(kept / different, 0.5, 0.07)
  local online = align.sources.online {
    task = toy.task, judge = flawed, prompts = toy.prompts, batch = 16, seed = 1 }
  local run = align.train {
    policy = start:clone(), reference = start, loss = align.loss.ipo {}, source = online, steps = 1,
    quiet = true, instruments = false,
  }
  local right = 0
  for i = 1, 16 do right = right + online:batch(1, start, "s").true_label[i]:item() / 16 end
  support.close(run.log[1]["labels/accuracies"], right, 1e-6)
  lu.assertEquals(#online:batch(3, start, "s").true_label, 32)
  lu.assertEquals(online:batch(3, start, "s").true_label:totable(),
    online:batch(3, start, "s").true_label:totable())
end

function TestFaults:test_wrong_settings_are_refused()
  lu.assertStrContains(support.message(judge.flawed, lexical, { length_bias = 0.7, position_bias = -0.4 }),
    "|length_bias| + |position_bias| must be at most 1, got 0.7 and -0.4")
  lu.assertStrContains(support.message(judge.flawed, lexical, { flip_rate = 2 }), "'flip_rate' must be")
  lu.assertStrContains(support.message(judge.flawed, 3, {}), "expected a judge")
end

os.exit(lu.LuaUnit.run())
