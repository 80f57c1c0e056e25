--- Which data and labels the variants of the paper's figures train on, against cases worked by hand.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local batches = require "perilune.align.batch"
local curation = require "perilune.paper.curation"
local judges = require "perilune.align.judge"
local policies = require "perilune.align.policy"
local proxies = require "perilune.paper.proxies"
local refresh = require "perilune.paper.refresh"
local rewards = require "perilune.paper.rewards"
local rows = require "perilune.models".rows
local variants = require "perilune.paper.variants"

local function pair(chosen, rejected) return { prompt = { 0 }, chosen = chosen, rejected = rejected } end

--- The `chosen` or other field of each pair of a data set.
local function field(dataset, name)
  local list = {}
  for i = 1, #dataset do list[i] = dataset[i][name] end
  return list
end

--- A judge by a number of each response: the larger one wins.
local function by(value)
  return judges.from_function("by a number", function(_, a, b)
    local x, y = value(a), value(b)
    return x > y and 1 or x < y and 0 or 0.5
  end)
end

local function options(more)
  local o = { task = "sentiment", data = "", cost = -1, loss = "ipo", lr = "", beta = "", steps = 0 }
  for name, value in pairs(more or {}) do o[name] = value end
  return o
end

TestCuration = {}

--- Margins 1, 8, 5 and 0: the half is the second and the third pair, whichever response the proxy prefers.
function TestCuration:test_the_surest_half_by_scores_stands_in_the_order_of_the_pairs()
  local stage = {
    golden_pairs = { pair({ 5 }, { 4 }), pair({ 1 }, { 9 }), pair({ 7 }, { 2 }), pair({ 3 }, { 3 }) },
    proxy = { name = "first id", score = function(_, given)
      local scores = {}
      for i, response in ipairs(given:responses()) do scores[i] = response[1] end
      return scores
    end },
  }
  lu.assertEquals(field(curation.clear(stage, { batch = 1, seed = 1 }).dataset, "chosen"), { { 1 }, { 7 } })
  lu.assertEquals(field(curation.clear(stage, { batch = 3, seed = 1 }).dataset, "chosen"),
    { { 5 }, { 1 }, { 7 } }, "a batch at least")
end

--- 1/4 and 3/4 are as far from 1/2; of two that are as sure the first stays. Scores would have chosen none.
function TestCuration:test_probabilities_come_before_scores()
  local function clear(list)
    local stage = { golden_pairs = {}, proxy = { name = "p",
      probability = function() return list end, score = function() error "a score" end } }
    for i = 1, #list do stage.golden_pairs[i] = pair({ i }, { 0 }) end
    return field(curation.clear(stage, { batch = 1, seed = 1 }).dataset, "chosen")
  end
  lu.assertEquals(clear { 0.5, 0.25, 0.625, 1 }, { { 2 }, { 4 } })
  lu.assertEquals(clear { 0.5, 0.25, 0.75 }, { { 2 } })
end

function TestCuration:test_a_proxy_that_only_decides_is_refused()
  local stage = { golden_pairs = { pair({ 1 }, { 2 }) }, proxy = { name = "mute", prefer = print } }
  support.refuses("paper.curation: judge mute gives no probability and no score",
    curation.clear, stage, { batch = 1, seed = 1 })
end

--- Nine golden pairs are eighteen responses: two batches of two prompts, four responses each.
function TestCuration:test_best_against_worst_has_half_as_many_pairs()
  local stage = {
    task = { max_response = 1, stop = { 8 }, tokenizer = { eos = 8 }, max_prompt = 1 },
    start = policies.table { contexts = { { 0 }, { 1 } }, vocab = 9 }, prompts = { { 0 }, { 1 } },
    gold = by(function(response) return response[1] end),
    golden_pairs = { {}, {}, {}, {}, {}, {}, {}, {}, {} },
  }
  local dataset, prompts, apart = curation.best_worst(stage, { batch = 2, seed = 3 }).dataset, { 0, 0 }, 0
  lu.assertEquals(#dataset, 4)
  for i = 1, 4 do
    local one = dataset[i]
    prompts[one.prompt[1] + 1] = prompts[one.prompt[1] + 1] + 1
    lu.assertTrue(one.chosen[1] >= one.rejected[1])
    apart = apart + one.chosen[1] - one.rejected[1]
  end
  lu.assertEquals(prompts, { 2, 2 })
  lu.assertTrue(apart > 8, "of four of nine answers the best and the worst are 5.4 apart on average")
end

--- The writer ends what it is given: { 1, 1 | 5 } of 7 loses to { 2 | 9 } of 11, and { 3 | 9 } ties with
-- { 3, 4 | 5 } at 12 and stays the chosen one.
function TestCuration:test_second_halves_are_written_anew_and_ordered_by_gold()
  local calls = {}
  local writer = { sample = function(_, prompts, o)
    local responses = {}
    for i, prompt in ipairs(prompts) do responses[i] = { #prompt == 2 and 9 or 5 } end
    calls[#calls + 1] = { #prompts, o.max_new_tokens, o.seed, o.first }
    return rows(prompts, responses)
  end }
  local stage = { task = { max_response = 4, stop = { 9 } },
    golden_pairs = { pair({ 1, 1, 1, 1 }, { 2, 2 }), pair({ 3, 3 }, { 3, 4, 0, 0 }) },
    gold = by(function(response)
      local sum = 0
      for _, id in ipairs(response) do sum = sum + id end
      return sum
    end) }
  local run = { batch = 1, seed = 3, done = { online = { policy = writer } } }
  local dataset = curation.rewritten(stage, run).dataset
  lu.assertEquals(field(dataset, "chosen"), { { 2, 9 }, { 3, 9 } })
  lu.assertEquals(field(dataset, "rejected"), { { 1, 1, 5 }, { 3, 4, 5 } })
  -- Prompts, tokens that are left, seed and number of the first: halves of one length are drawn together.
  lu.assertEquals(calls, { { 1, 3, 6, 1 }, { 1, 2, 6, 2 }, { 1, 3, 7, 1 }, { 1, 2, 7, 2 } })
end

TestProxies = {}

--- Of an odd width other runs were trained before a head of it was refused.
function TestProxies:test_widths_that_are_none_are_refused()
  lu.assertEquals(proxies.widths { widths = "16, 8" }, { 16, 8 })
  for text, why in pairs { ["8,8"] = "--widths has 8 twice: '8,8'",
    ["8,0"] = "--widths takes whole numbers from 1, separated by commas, not '8,0'",
    ["65537"] = "--widths takes widths up to 65536, not 65537",
    ["8,7"] = "--widths takes even widths, not 7" } do
    support.refuses(why, proxies.widths, { widths = text })
  end
end

--- Other runs were trained before "there is no proxy to make anew".
function TestProxies:test_gold_has_no_widths()
  support.refuses("--proxy takes a proxy that is learned at several widths, preference or reward, not gold",
    proxies.variants, variants.of(options()), { widths = "8,16", proxy = "gold" })
end

--- Each proxy is one of its width, on runs of its own; the others have the task's.
function TestProxies:test_a_variant_for_each_width_between_the_three_of_the_task()
  local made = proxies.variants(variants.of(options()), { widths = "8,16" })
  local labels, runs, asked = {}, {}, {}
  for i, one in ipairs(made) do
    labels[i], runs[i] = one.label, one.run or "-"
    if one.stage then
      pcall(one.stage, { other_proxy = function(_, width)
        asked[#asked + 1] = width
        error "no training here"
      end })
    end
  end
  lu.assertEquals(labels, { "online", "offline, one setting", "online, proxy of width 8",
    "online, proxy of width 16", "online by gold" })
  lu.assertEquals(runs, { "online", "offline", labels[3], labels[4], "-" })
  lu.assertEquals(asked, { 8, 16 })
end

TestRewards = {}

local function labelled(kind, golden_pairs)
  for _, one in ipairs(rewards.variants(variants.of(options()))) do
    if one.label == "offline, " .. kind then
      local gold = by(function(response) return #response end)
      return one.stage { golden_pairs = golden_pairs, gold = gold, task = {}, options = { seed = 1 } }
    end
  end
end

--- Gold is for the longer response, lengths differ by 1 and by 3. Brevity has the size sqrt((1 + 9) / 2), so
-- that the sums are 1 - 0.45 and 1 - 1.34. In the circle 1 beats 2, where the ids and places sum to 124 of
-- the 330 that decide, and 1 and 4 are the same place.
function TestRewards:test_the_labels_of_each_kind()
  local golden = { pair({ 0, 0 }, { 0 }), pair({ 0, 0, 0, 0 }, { 0 }) }
  for kind, wanted in pairs { exact = { 2, 4 }, ["two objectives"] = { 2, 1 }, ["text first"] = { 1, 1 },
    circular = { 1, 4 } } do
    local stage = labelled(kind, golden)
    local chosen = field(stage.golden_pairs, "chosen")
    lu.assertEquals({ #chosen[1], #chosen[2] }, wanted, kind)
    lu.assertEquals(judges.of_pairs(stage.proxy, batches.of_pairs(stage.golden_pairs)), { 1, 1 }, kind)
  end
end

--- A fifth of 400 labels is 80, with a standard deviation of 8.
function TestRewards:test_a_fifth_of_the_noisy_labels_is_turned()
  local golden, turned = {}, 0
  for i = 1, 400 do golden[i] = pair({ i, i }, { i }) end
  for _, one in ipairs(labelled("noisy", golden).golden_pairs) do
    local is_right = #one.chosen == 2
    lu.assertEquals(one.true_label, is_right and 1 or 0)
    turned = turned + (is_right and 0 or 1)
  end
  lu.assertTrue(turned > 40 and turned < 120, turned)
end

function TestRewards:test_both_sides_of_a_kind_share_a_stage_and_kinds_do_not()
  local list = rewards.variants(variants.of(options()))
  for i = 1, #list, 2 do
    local online, offline, kind = list[i], list[i + 1], rewards.names()[(i + 1) // 2]
    lu.assertEquals({ online.label, offline.label, online.panel, offline.panel },
      { "online, " .. kind, "offline, " .. kind, kind, kind })
    lu.assertEquals({ online.run, offline.run, online.shared }, { online.label, offline.label, true })
    lu.assertIs(online.stage, offline.stage)
    if i > 1 then lu.assertNotIs(online.stage, list[i - 1].stage) end
  end
end

TestRefresh = {}

function TestRefresh:test_steps_between_renewals_are_numbers_or_never_once_each()
  lu.assertEquals(refresh.every { every = "60, never,1,16" }, { 1, 16, 60, "never" })
  support.refuses("every has 16 twice: '16,1,16'", refresh.every, { every = "16,1,16" })
  support.refuses("every has never twice: 'never,never'", refresh.every, { every = "never,never" })
  for _, text in ipairs { "", "1.5", "-1", "all", "1,,2" } do
    local why <const> = "every takes whole numbers from 1 and \"never\", separated by commas, not '%s'"
    support.refuses(why:format(text), refresh.every, { every = text })
  end
  lu.assertEquals({ refresh.steps(options { steps = 7 }, "never"), refresh.steps(options { steps = 7 }, 60) },
    { 7, 60 })
end

--- Everything was trained before a traceback of the claims.
function TestRefresh:test_renewals_are_told_apart_from_one_of_some_steps()
  local why <const> = "every takes at least one number of steps beside \"never\", not 'never'"
  for _, make in ipairs { refresh.variants, refresh.at_two_rates } do
    support.refuses(why, make, variants.of(options()), { every = "never" })
  end
end

--- Sentiment's online rate is 3e-4.
function TestRefresh:test_the_second_half_has_a_third_of_the_rate()
  local list = refresh.at_two_rates(variants.of(options()), { every = "16,never" })
  local labels = {}
  for i, one in ipairs(list) do
    labels[i] = one.label
    lu.assertAlmostEquals(one.settings[1].lr, i <= 2 and 3e-4 or 1e-4, 1e-9)
    lu.assertEquals(one.panel, i <= 2 and "the rate of the task" or "a third of the rate")
  end
  lu.assertEquals(labels, { "renewed every 16", "never renewed", "renewed every 16, rate times 0.33",
    "never renewed, rate times 0.33" })
end

os.exit(lu.LuaUnit.run())
