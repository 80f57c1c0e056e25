--- The definition of losses, their options, sums and shared parts.
--
-- Values and gradients are in golden_test.lua, what holds for every loss in invariances_test.lua.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local tensor = require "perilune.tensor"
local system = require "perilune.system"
local toy = require "toy"
local align = require "perilune.align"
local batches = require "perilune.align.batch"

local loss = align.loss

local function f64(list, grad) return tensor(list, { dtype = "f64", requires_grad = grad or false }) end

local numbers = {
  chosen = { -3.5, -8.25, -1.0, -20.0, -7.0, -2.5, -9.0, -4.0 },
  rejected = { -4.0, -6.5, -1.5, -25.0, -7.0, -2.0, -30.0, -4.5 },
  ref_chosen = { -3.0, -9.0, -1.25, -22.0, -7.5, -2.5, -9.5, -4.0 },
  ref_rejected = { -4.5, -6.0, -1.0, -24.0, -6.5, -2.25, -28.0, -4.0 },
}

--- A pair of batches; `change(name, list)` gives the numbers for a name.
local function pair_of(change, grad)
  local pair = { chosen_lengths = f64 { 3, 5, 1, 9, 4, 2, 6, 3 },
    rejected_lengths = f64 { 2, 4, 1, 8, 4, 2, 9, 4 } }
  for name, list in pairs(numbers) do
    pair[name] = f64(change and change(name, list) or list, grad and not name:match "^ref")
  end
  return pair
end

local function plus(list, by)
  local out = {}
  for i, x in ipairs(list) do out[i] = x + by end
  return out
end

TestMonotone = {}

function TestMonotone:test_a_better_chosen_answer_never_costs_more()
  -- Not ipo: it asks for one margin, and a bigger one costs more.
  for _, bound in ipairs { loss.dpo {}, loss.slic {}, loss.bo2 {} } do
    local before = bound(pair_of()):totable()
    local function better(name, list) return name == "chosen" and plus(list, 0.5) or list end
    local after = bound(pair_of(better)):totable()
    for i = 1, 8 do lu.assertTrue(after[i] <= before[i], bound.name) end
  end
end

TestOptionsOfLosses = {}

function TestOptionsOfLosses:test_a_wrong_option_is_refused_by_name()
  lu.assertStrContains(support.message(loss.ipo, { bata = 1 }),
    "loss.ipo: unknown option 'bata'; did you mean 'beta'?")
  lu.assertStrContains(support.message(loss.dpo, { beta = 0 }),
    "loss.dpo: option 'beta' must be a number above 0, not 0")
  lu.assertStrContains(support.message(loss.dpo, { beta = 0 / 0 }), "nan")
  lu.assertStrContains(support.message(loss.dpo, { label_smoothing = 0.5 }),
    "option 'label_smoothing' must be a number of at least 0 and below 0.5, not 0.5")
  lu.assertStrContains(support.message(loss.slic, { norm = "average" }),
    "option 'norm' must be one of sum, mean, not 'average'")
  lu.assertStrContains(support.message(loss.ipo, { scale = "azzar" }),
    "option 'scale' must be one of azar, tang, not 'azzar'")
end

function TestOptionsOfLosses:test_a_loss_has_name_options_and_reads()
  local bound = loss.ipo { beta = 2 }
  lu.assertEquals({ bound.name, bound.options.beta, bound.options.norm, bound.per },
    { "ipo", 2, "sum", "pair" })
  lu.assertEquals({ bound.reads, loss.bo2 {}.reads }, { { "logps", "ref_logps" }, { "logps" } })
end

function TestOptionsOfLosses:test_the_losses_are_the_files_of_the_folder()
  local files = {}
  for _, file in ipairs(system.list_folder(support.stdlib .. "/align/loss")) do
    if file ~= "init.lua" then files[#files + 1] = file:match "^(.*)%.lua$" end
  end
  table.sort(files)
  lu.assertEquals(loss.names(), files)
  lu.assertStrContains(support.message(function() return loss.kto2 end), "align.loss has no 'kto2'")
end

function TestOptionsOfLosses:test_a_definition_without_a_loss_or_with_an_unknown_field_is_refused()
  lu.assertStrContains(support.message(loss.define, { name = "x" }), "option 'loss' is missing")
  lu.assertStrContains(support.message(loss.define, { name = "x", loss = print, default = {} }),
    "loss.define: unknown option 'default'")
  lu.assertStrContains(support.message(loss.define, { name = "x", loss = print, per = "batch" }),
    "option 'per' must be one of pair, row, group, token, not 'batch'")
end

function TestOptionsOfLosses:test_a_batch_in_place_of_options_is_refused()
  lu.assertStrContains(support.message(loss.ipo, { chosen = f64 { 1 } }), "got a batch before its options")
end

--- An empty response once made the loss NaN.
function TestOptionsOfLosses:test_an_empty_response_has_the_mean_0()
  local pair = {
    chosen = f64 { 0 }, rejected = f64 { -6 }, ref_chosen = f64 { 0 }, ref_rejected = f64 { -2 },
    chosen_lengths = f64 { 0 }, rejected_lengths = f64 { 2 },
  }
  lu.assertEquals(loss.ipo { beta = 0.5, norm = "mean" }(pair):item(), 1.0)
end

TestSharedOptions = {}

--- Token log-probabilities of two pairs with responses of 3 and 1, 1 and 2 tokens.
local function tokens()
  return {
    pairs = true, lengths = { 3, 1, 1, 2 }, logps = f64 { -1, -2, -3, -4, -0.5, -1.5, -2.5 },
    ref_logps = f64 { -2, -2, -2, -2, -1, -1, -1 }, log_collision = f64 { -1, -1, -1, -1, -1, -1, -1 },
  }
end

function TestSharedOptions:test_ld_alpha_weighs_the_tokens_beyond_the_shorter_response()
  -- Log-ratios are 1, 0, -1 | -2 chosen and 0.5 | -0.5, -1.5 rejected; one token of each is shared.
  local c, r = loss.log_ratios(batches.plain(tokens()), { ld_alpha = 0.5 })
  lu.assertEquals({ c:totable(), r:totable() }, { { 1 - 0.5, -2 }, { 0.5, -0.5 - 0.75 } })
end

function TestSharedOptions:test_weights_are_those_of_the_formula_for_any_loss()
  local batch = tokens()
  local plain, weighted = loss.ipo {}(batch), loss.ipo { use_weighting = true }(batch)
  -- w = e^mean(logps + 1): e^(-3/3), e^-3 chosen; e^0.5, e^((-0.5 - 1.5) / 2) rejected.
  for i, w in ipairs { math.exp(-1 + 0.5), math.exp(-3 - 1) } do
    support.close(weighted:totable()[i], w * plain:totable()[i], 1e-12)
  end
  lu.assertEquals(loss.ipo { use_weighting = true }.reads, { "log_collision", "logps", "ref_logps" })
end

function TestSharedOptions:test_divergences_are_f_prime_of_the_ratio()
  local u = { 0.5, 2 }
  local zero = f64 { 0, 0 }
  local pair = { chosen = f64 { math.log(u[1]), math.log(u[2]) }, rejected = zero, ref_chosen = zero,
    ref_rejected = zero }
  local function check(o, f)
    local c, r = loss.log_ratios(pair, o)
    for i = 1, 2 do support.close(c:totable()[i], f(u[i]), 1e-12, o.f_divergence_type) end
    lu.assertEquals(r:totable(), { 0, 0 })
  end
  check({ f_divergence_type = "reverse_kl" }, math.log)
  check({ f_divergence_type = "forward_kl" }, function(x) return 1 - 1 / x end)
  check({ f_divergence_type = "js_divergence" }, function(x) return math.log(2 * x / (1 + x)) end)
  check({ f_divergence_type = "alpha_divergence", f_alpha_divergence_coef = 0.3 },
    function(x) return (x ^ -0.7 - 1) / -0.7 end)
  check({ f_divergence_type = "alpha_divergence", f_alpha_divergence_coef = 1 }, math.log)
end

function TestSharedOptions:test_what_is_no_batch_is_refused_by_name()
  local dpo, kto = loss.dpo {}, loss.kto {}
  lu.assertStrContains(support.message(dpo, 5), "loss.dpo: expected a batch or a table of tensors, got 5")
  lu.assertStrContains(support.message(dpo, {}),
    "loss.dpo: the batch has no chosen, rejected, ref_chosen, ref_rejected")
  lu.assertStrContains(support.message(kto, {}), "loss.kto: the batch has no lengths")
  local lists = { chosen = { -1 }, rejected = { -1 }, ref_chosen = { -1 }, ref_rejected = { -1 } }
  lu.assertStrContains(support.message(dpo, lists), "the batch has no tensor 'chosen', it is a table")
  local rows = { lengths = { 1 }, logps = tensor { -1 }, ref_logps = tensor { -1 } }
  lu.assertStrContains(support.message(dpo, rows), "loss.dpo: the batch has no chosen, rejected")
end

function TestSharedOptions:test_tensors_of_different_lengths_are_refused_by_both_names()
  local pair = { chosen = tensor { -1, -2 }, rejected = tensor { -1 }, ref_chosen = tensor { -1, -1 },
    ref_rejected = tensor { -1, -1 } }
  for _, name in ipairs { "dpo", "ipo", "cpo", "simpo" } do
    lu.assertStrContains(support.message(loss[name] {}, pair),
      ("loss.%s: 'chosen' has length 2 and 'rejected' has length 1"):format(name))
  end
end

function TestSharedOptions:test_a_number_beyond_f32_is_refused()
  lu.assertStrContains(support.message(loss.ipo, { beta = 1e308 }),
    "loss.ipo: option 'beta' must be a number that f32 can hold, up to 3.4e+38, not 1e+308")
end

function TestSharedOptions:test_sums_in_place_of_tokens_are_refused()
  lu.assertStrContains(support.message(loss.dpo { ld_alpha = 0.5 }, pair_of()),
    "ld_alpha below 1 reads single tokens: expected a batch, got a table of sums")
  lu.assertStrContains(support.message(loss.dpo { use_weighting = true }, pair_of()),
    "use_weighting reads single tokens: expected a batch with logps and log_collision")
end

function TestSharedOptions:test_the_shift_of_bco_pair_is_the_mean_over_the_batches_of_a_run()
  local bound = loss.bco_pair { beta = 0.5 }
  local state, rewards = bound:new_state(), {}
  for step = 1, 3 do
    local given = tokens()
    given.logps = given.logps * step
    local batch = batches.plain(given)
    bound:prepare(batch, { state = state })
    rewards[step] = 0
    -- The log-ratio of a row: its log-probabilities times the step, less the reference's.
    for _, row in ipairs { { -6, -6 }, { -4, -2 }, { -0.5, -1 }, { -4, -2 } } do
      rewards[step] = rewards[step] + 0.5 * (step * row[1] - row[2]) / 4
    end
    local mean = 0
    for i = 1, step do mean = mean + rewards[i] / step end
    support.close(state.mean, mean, 1e-12)
    lu.assertEquals({ state.count, batch.delta:totable() }, { step, { mean, mean, mean, mean } })
  end
end

TestTokenMeans = {}

--- The step of a mean over tokens is the same in one piece and in 8, in the trainer.
function TestTokenMeans:test_8_pieces_of_1_give_the_step_of_1_piece_of_8()
  local data = align.sources.sample(toy.model(5), toy.sampling { count = 8, quiet = true })
  for _, name in ipairs { "sft", "dft", "nll" } do
    local function first_step(pieces)
      local source = align.sources.offline(data, { batch = 8 })
      return align.train({
        policy = toy.model(5), loss = loss[name] {}, source = source, steps = 1,
        optimizer = "sgd", lr = 0.1, gradient_accumulation_steps = pieces, quiet = true,
      }).log[1]
    end
    local whole, split = first_step(1), first_step(8)
    support.close(split.loss, whole.loss, 1e-6, name)
    support.close(split.grad_norm, whole.grad_norm, 1e-5, name)
  end
end

TestSums = {}

--- Mixed preference optimisation, Wang et al. 2024, arXiv:2411.10442, with TRL's weights.
function TestSums:test_mixed_preference_optimisation_is_a_sum()
  local mpo = loss.sum {
    loss.dpo {}, loss.bco_pair { shift = "none" }, loss.sft {}, weights = { 0.8, 0.2, 1 },
  }
  local expected = 0.8 * loss.dpo {}(pair_of()):mean() + loss.sft {}(pair_of()):mean()
    + 0.2 * loss.bco_pair { shift = "none" }(pair_of()):mean()
  support.close(mpo(pair_of()):item(), expected:item(), 1e-12)
end

function TestSums:test_a_sum_is_the_weighted_sum_of_the_means()
  local both = loss.sum { loss.dpo {}, loss.bo2 {}, weights = { 1, 0.25 } }
  local expected = loss.dpo {}(pair_of()):mean() + 0.25 * loss.bo2 {}(pair_of()):mean()
  support.close(both(pair_of()):item(), expected:item(), 1e-12)
  lu.assertEquals({ both.name, both.reads }, { "dpo + bo2", { "logps", "ref_logps" } })
end

function TestSums:test_a_sum_of_sums_is_a_sum_of_all_parts()
  local inner = loss.sum { loss.dpo {}, loss.bo2 {}, weights = { 2, 3 } }
  local outer = loss.sum { inner, loss.slic {}, weights = { 0.5, 1 } }
  lu.assertEquals(outer.name, "dpo + bo2 + slic")
  local expected = loss.dpo {}(pair_of()):mean() + 1.5 * loss.bo2 {}(pair_of()):mean()
    + loss.slic {}(pair_of()):mean()
  support.close(outer(pair_of()):item(), expected:item(), 1e-12)
end

function TestSums:test_what_is_no_loss_is_refused()
  lu.assertStrContains(support.message(loss.sum, {}), "no losses to add")
  lu.assertStrContains(support.message(loss.sum, { loss.dpo }), "part 1 is a definition: give dpo {}")
  lu.assertStrContains(support.message(loss.sum, { "dpo" }), "part 1 is 'dpo', expected a loss: loss.dpo {}")
  lu.assertStrContains(support.message(loss.sum, { loss.dpo {}, weigths = {} }), "unknown option 'weigths'")
  lu.assertStrContains(support.message(loss.sum, { loss.dpo {}, loss.bo2 {}, weights = { 1 } }),
    "1 weights for 2 losses")
  lu.assertStrContains(support.message(loss.sum, { loss.dpo {}, weights = { 0 / 0 } }), "weight 1 is")
end

os.exit(lu.LuaUnit.run())
