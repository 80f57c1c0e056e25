--- Policies of Lua: a table of logits against a Model with the same logits, and in training and evaluation.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local align = require "perilune.align"
local models = require "perilune.models"
local tensor = require "perilune.tensor"
local policies = align.policy

--- A Model, and the table of its logits after all contexts of a prompt of one token and up to two more.
local function both()
  local model = models.transformer { vocab = 3, dim = 8, layers = 1, heads = 2, max_length = 8, seed = 4 }
  tensor.no_grad(function()
    for _, weight in ipairs((model:parameters())) do weight:mul_(8) end
  end)
  local contexts = {}
  for a = 0, 2 do
    contexts[#contexts + 1] = { a }
    for b = 0, 2 do
      contexts[#contexts + 1] = { a, b }
      for c = 0, 2 do contexts[#contexts + 1] = { a, b, c } end
    end
  end
  local logits = tensor.no_grad(model.last_logits, model, contexts)
  return model, policies.table { contexts = contexts, vocab = 3, logits = logits:to "f64" }
end

local model, copy = both()
local rows = models.rows({ { 0 }, { 1 }, { 2, 0 } }, { { 1, 2, 0 }, { 2 }, { 1, 1 } })

local function same(actual, expected, tolerance, what)
  lu.assertEquals(actual:size(), expected:size(), what)
  local a, b = actual:flatten():totable(), expected:flatten():totable()
  for i, x in ipairs(b) do support.close(a[i], x, tolerance, ("%s %d"):format(what, i)) end
end

TestTable = {}

function TestTable:test_outputs_are_those_of_a_model_with_the_same_logits()
  local names = { "logps", "entropy", "log_collision", "logits" }
  for _, given in ipairs { { temperature = 1 }, { temperature = 0.5 } } do
    local own, expected = copy:outputs(rows, names, given), model:outputs(rows, names, given)
    for _, name in ipairs(names) do
      if name ~= "logits" then same(own[name], expected[name], 1e-5, name) end
    end
  end
  same((copy:logps(rows)), (model:logps(rows)), 1e-5, "logps")
  same((copy:logps({ { 0 } }, { { 1, 2 } })), (model:logps({ { 0 } }, { { 1, 2 } })), 1e-5, "logps of lists")
end

function TestTable:test_the_kl_is_that_of_a_model_with_the_same_logits()
  local other = models.transformer { vocab = 3, dim = 8, layers = 1, heads = 2, max_length = 8, seed = 9 }
  local own, expected = { policies.kl(copy, other, rows) }, { model:kl(other, rows) }
  for i, name in ipairs { "kl", "entropy", "lengths" } do same(own[i], expected[i], 1e-5, name) end
end

function TestTable:test_the_gradient_of_a_log_probability_is_one_hot_less_probabilities()
  local coin = policies.table { contexts = { { 0 } }, vocab = 2, logits = tensor({ { 0.3, -0.2 } }, "f64") }
  coin:logps({ { 0 } }, { { 1 } }):sum():backward()
  local p = 1 / (1 + math.exp(-0.5))
  local gradient = coin:parameters()[1]:grad():totable()[1]
  support.close(gradient[1], -p, 1e-12)
  support.close(gradient[2], p, 1e-12)
end

function TestTable:test_draws_have_the_frequencies_of_the_table()
  local counts, n = { 0, 0, 0 }, 4000
  local drawn = copy:sample({ { 1 } }, { max_new_tokens = 1, count = n, seed = 2 })
  for i = 1, n do counts[drawn:response(i)[1] + 1] = counts[drawn:response(i)[1] + 1] + 1 end
  local p = copy:logits({ { 1 } }):softmax(2):totable()[1]
  for i, c in ipairs(counts) do
    lu.assertTrue(math.abs(c / n - p[i]) < 4 * math.sqrt(p[i] * (1 - p[i]) / n), ("token %d"):format(i - 1))
  end
end

function TestTable:test_a_draw_records_its_log_probabilities_and_does_not_depend_on_the_chunk()
  local prompts = { { 0 }, { 1 }, { 2 } }
  local how = { max_new_tokens = 3, stop = { 2 }, seed = 5, step = 7, stream = 1, count = 2 }
  local whole = copy:sample(prompts, how)
  same(whole:sums(whole:column "logps"), (copy:logps(whole)), 1e-6, "logps")
  how.first = 3
  lu.assertEquals(copy:sample({ { 2 } }, how):responses(), whole:select({ 5, 6 }):responses())
  for _, response in ipairs(whole:responses()) do
    for i, id in ipairs(response) do lu.assertTrue(id ~= 2 or i == #response) end
  end
end

--- The same filters as of a Model: with one token left, or greedily, nothing is drawn.
function TestTable:test_truncation_leaves_the_tokens_that_a_model_leaves()
  local prompts = { { 0 }, { 1 }, { 2 } }
  for _, how in ipairs { { temperature = 0 }, { top_k = 1 }, { top_p = 1e-6 }, { min_p = 1 } } do
    how.max_new_tokens = 3
    lu.assertEquals(copy:sample(prompts, how):responses(), model:sample(prompts, how):responses())
  end
  local two = copy:sample({ { 1 } }, { max_new_tokens = 1, top_k = 2, count = 200 })
  local p, seen = copy:logits({ { 1 } }):softmax(2):totable()[1], {}
  local least = math.min(p[1], p[2], p[3])
  for i, logp in ipairs(two:column "sampling_logps":totable()) do
    local id = two:response(i)[1]
    seen[id] = true
    support.close(logp, math.log(p[id + 1] / (1 - least)), 1e-5)
  end
  lu.assertNil(seen[({ [p[1]] = 0, [p[2]] = 1, [p[3]] = 2 })[least]])
end

function TestTable:test_a_mixture_is_drawn_from_the_mean_of_the_logits()
  local one = policies.table { contexts = { { 0 } }, vocab = 2, logits = tensor({ { 0, 4 } }, "f64") }
  local two = policies.table { contexts = { { 0 } }, vocab = 2, logits = tensor({ { 2, 0 } }, "f64") }
  local drawn = one:sample({ { 0 } }, { max_new_tokens = 1, mixture = two, mixture_weight = 0.25 })
  local logits = drawn:response(1)[1] == 0 and { 0.5, 3 } or { 3, 0.5 }
  support.close(drawn:column "logps"[1]:item(), -math.log(1 + math.exp(logits[2] - logits[1])), 1e-6)
end

function TestTable:test_a_copy_has_the_same_hash_until_it_changes()
  local other = copy:clone()
  lu.assertEquals(other:hash(), copy:hash())
  tensor.no_grad(function() other:parameters()[1]:add_(1e-12) end)
  lu.assertNotEquals(other:hash(), copy:hash())
end

function TestTable:test_what_a_table_cannot_read_is_named()
  local row, reason = copy:misfit(models.rows({ { 0 }, { 0, 1, 2, 2 } }, { { 1 }, { 1 } }))
  lu.assertEquals(row, 2)
  lu.assertStrContains(reason, "{ 0 1 2 2 }, a context that the table does not have")
  lu.assertStrContains(support.message(copy.outputs, copy, models.rows({ { 0 } }, { { 3 } }), { "logps" }),
    "row 1: token 1 is 3, not a token id: expected 0..2")
  lu.assertStrContains(support.message(copy.outputs, copy, rows, { "logp" }), "gives no 'logp'")
end

function TestTable:test_a_function_that_gives_no_logits_is_refused()
  local function policy(logits)
    local parameters = { a = tensor { 1 } }
    return policies.define { vocab = 3, parameters = parameters, logits = function() return logits end }
  end
  local one, wrong = models.rows({ { 0 } }, { { 2 } }), policy(tensor { { 1, 2 } })
  lu.assertStrContains(support.message(wrong.outputs, wrong, one, { "logps" }),
    "the policy's logits of 1 contexts must be a Tensor [1, 3], not [1, 2]")
  wrong = policy(3)
  lu.assertStrContains(support.message(wrong.outputs, wrong, one, { "logps" }), "[1, 3], not 3")
  lu.assertStrContains(support.message(copy.sample, copy, { { 7 } }, {}),
    "the table has no logits after { 7 }")
  lu.assertStrContains(support.message(copy.sample, copy, { { 0 } }, { mixture = 3 }),
    "sample: mixture: expected a Model or a table with the methods of a policy; got 3")
end

function TestTable:test_an_empty_response_has_the_log_probability_0()
  local sums, lengths = copy:logps(models.rows({ { 0 }, { 1 } }, { {}, { 2 } }))
  lu.assertEquals({ sums[1]:item(), lengths:totable() }, { 0, { 0, 1 } })
  lu.assertEquals((copy:logps(models.rows({ { 0 } }, { {} }))):totable(), { 0 })
end

TestUse = {}

local function coin() return policies.table { contexts = { { 0 } }, vocab = 2 } end
local function prefers_one(_, a, b) return a[1] > b[1] and 1 or a[1] < b[1] and 0 or 0.5 end
local sampling = { prompts = { { 0 } }, max_new_tokens = 1 }

function TestUse:test_a_table_is_trained_as_a_model_is()
  local policy = coin()
  local run = align.train {
    policy = policy, reference = coin(), loss = align.loss.ipo { beta = 0.5 }, steps = 150, lr = 0.1,
    decay = "linear",
    quiet = true, log_every = 150,
    source = align.sources.offline({ { prompt = { 0 }, chosen = { 1 }, rejected = { 0 } } }, { batch = 1 }),
  }
  local logits = policy:logits({ { 0 } }):totable()[1]
  support.close(logits[2] - logits[1], 1, 1e-2, "the margin that IPO asks for, 1 / (2 beta)")
  lu.assertEquals(run.status, "finished")
end

function TestUse:test_sources_and_evaluation_take_a_table()
  local policy = coin()
  align.train {
    policy = policy, reference = coin(), loss = align.loss.dpo {}, steps = 40, lr = 0.1, quiet = true,
    source = align.sources.online {
      judge = prefers_one, prompts = sampling.prompts, batch = 1, max_new_tokens = 1,
      second = align.sources.mixture { reference = coin() },
    },
  }
  local kl = align.evaluate.kl(policy, coin(), sampling)
  local p = policy:logits({ { 0 } }):softmax(2):totable()[1]
  support.close(kl.mean, math.log(2) + p[1] * math.log(p[1]) + p[2] * math.log(p[2]), 1e-6)
  lu.assertTrue(p[2] > 0.6)
end

function TestUse:test_what_is_no_policy_is_refused_with_the_missing_method()
  local function train(policy)
    return align.train { policy = policy, loss = align.loss.bo2 {}, source = { batch = print }, steps = 1 }
  end
  lu.assertStrContains(support.message(train, { clone = print }),
    "align.train: policy: expected a Model or a table with the methods of a policy; it has no method")
  lu.assertStrContains(support.message(train, 3), "option 'policy' must be a Model or a table, not 3")
end

os.exit(lu.LuaUnit.run())
