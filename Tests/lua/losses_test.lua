--- The losses against numbers computed by TRL's own code, and what must hold for every one of them.
--
-- The golden file holds, for log-probabilities of single tokens, the loss of the batch and its gradient in
-- each of them (TRL 1.16.0, 1.10.0 and 0.28.0 in float64; `formula/*` from the formulas of the papers).
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local tensor = require "perilune.tensor"
local formats = require "perilune.formats"
local system = require "perilune.system"
local loss = require "perilune.align.loss"

local function f64(list, grad) return tensor(list, { dtype = "f64", requires_grad = grad or false }) end

--- Rows of token log-probabilities as one packed tensor and the lengths of the rows.
local function packed(rows, grad)
  local all, lengths = {}, {}
  for i, row in ipairs(rows) do
    table.move(row, 1, #row, #all + 1, all)
    lengths[i] = #row
  end
  return f64(all, grad), lengths
end

local function check_gradient(leaf, rows, scale, name)
  local got, at = leaf:grad():totable(), 0
  for i, row in ipairs(rows) do
    for j, expected in ipairs(row) do
      at = at + 1
      support.close(got[at], expected * scale, 1e-6,
        ("%s: gradient in token %d of row %d"):format(name, j, i))
    end
  end
  lu.assertEquals(at, #got)
end

--- Which loss of ours a case is about, by the options of the case; nil for none.
local function ours(case)
  local o, family = case.inputs.options, case.name:match("^hand/([^/]+)") or case.name:match("^[^/]+")
  if o.f_divergence_type or o.use_weighting or o.ld_alpha or type(o.loss_type) == "table" then return nil end
  if family == "formula" then
    local kind = case.name:match("^formula/([^/]+)")
    if kind == "ipo_tang" then return loss.ipo { beta = o.beta, scale = "tang" } end
    if kind == "ipo_sum" then return loss.ipo { beta = o.beta } end
    if kind == "dpo_tang" then return loss.dpo { beta = o.beta } end
    if kind == "slic" then return loss.slic { beta = o.beta } end
    if kind == "bo2" then return loss.bo2 {} end
    if kind == "cdpo" then return loss.dpo { beta = o.beta, label_smoothing = o.label_smoothing } end
  elseif family == "dpo" then
    -- TRL's `sigmoid` ignores label smoothing since its release 0.29.
    if o.loss_type == "sigmoid" then return loss.dpo { beta = o.beta } end
    if o.loss_type == "sigmoid_norm" then return loss.dpo { beta = o.beta, norm = "mean" } end
    if o.loss_type == "hinge" then return loss.slic { beta = o.beta } end
    if o.loss_type == "ipo" then return loss.ipo { beta = o.beta, norm = "mean" } end
  elseif family == "dpo_0.28" and o.loss_type == "sigmoid" then
    return loss.dpo { beta = o.beta, label_smoothing = o.label_smoothing }
  elseif family == "online_dpo" then
    if o.loss_type == "sigmoid" then return loss.dpo { beta = o.beta } end
    if o.loss_type == "ipo" then return loss.ipo { beta = o.beta } end
  end
end

--- The loss and gradients of a case with chosen and rejected rows.
local function check_pairs(case, bound)
  local leaves, pair = {}, {}
  for _, side in ipairs { "chosen", "rejected" } do
    local tokens, lengths = packed(case.inputs["policy_" .. side], true)
    leaves[side] = tokens
    pair[side], pair[side .. "_lengths"] = tokens:segment_sum(lengths), f64(lengths)
    local reference, same = packed(case.inputs["ref_" .. side])
    pair["ref_" .. side] = reference:segment_sum(same)
  end
  local value = bound(pair):mean()
  support.close(value:item(), case.loss, 1e-9, case.name)
  value:backward()
  for side, leaf in pairs(leaves) do
    if leaf:grad() then check_gradient(leaf, case.grad_policy_logps["policy_" .. side], 1, case.name) end
  end
  -- A side that the loss does not use has no gradient, or a gradient of zero.
  if not leaves.rejected:grad() then
    for _, row in ipairs(case.grad_policy_logps.policy_rejected or {}) do
      for _, g in ipairs(row) do lu.assertEquals(g, 0.0) end
    end
  end
end

--- Two samples for each prompt; the first is chosen when its score, less the penalty for no end, is not the
-- lower.
local function check_online(case, bound)
  local i, n = case.inputs, #case.inputs.scores_first
  local penalty = i.options.missing_eos_penalty or 0
  local leaves, sums, refs = {}, {}, {}
  for _, which in ipairs { "first", "second" } do
    local tokens, lengths = packed(i["policy_" .. which], true)
    leaves[which], sums[which] = tokens, tokens:segment_sum(lengths)
    local reference, same = packed(i["ref_" .. which])
    refs[which] = reference:segment_sum(same)
  end
  local sign = {}
  for row = 1, n do
    local first = i.scores_first[row] - (i.ends_with_eos_first[row] and 0 or penalty)
    local second = i.scores_second[row] - (i.ends_with_eos_second[row] and 0 or penalty)
    sign[row] = first >= second and 1 or 0
  end
  local first = f64(sign)
  local function choose(a, b) return a * first + b * (1 - first) end
  local value = bound {
    chosen = choose(sums.first, sums.second), rejected = choose(sums.second, sums.first),
    ref_chosen = choose(refs.first, refs.second), ref_rejected = choose(refs.second, refs.first),
  }:mean()
  support.close(value:item(), case.loss, 1e-9, case.name)
  value:backward()
  for which, leaf in pairs(leaves) do
    check_gradient(leaf, case.grad_policy_logps["policy_" .. which], 1, case.name)
  end
end

TestGolden = {}

local function cases() return formats.load_json(support.need "golden/losses.json").cases end

function TestGolden:test_losses_and_gradients_are_those_of_TRL()
  local count, by_loss = 0, {}
  for _, case in ipairs(cases()) do
    local bound = case.dtype == "float64" and type(case.loss) == "number" and ours(case)
    if bound then
      count = count + 1
      by_loss[bound.name] = (by_loss[bound.name] or 0) + 1
      if case.inputs.policy_first then check_online(case, bound) else check_pairs(case, bound) end
    end
  end
  lu.assertTrue(count >= 35, ("%d cases only"):format(count))
  for _, name in ipairs { "ipo", "dpo", "slic", "bo2" } do lu.assertTrue((by_loss[name] or 0) >= 2, name) end
end

--- TRL's likelihood term is a mean over all tokens of the batch; bo2 gives a sum for each answer.
function TestGolden:test_bo2_summed_over_the_tokens_of_a_batch_is_fine_tuning()
  for _, case in ipairs(cases()) do
    if case.name:match "^sft/best_of_two/nll" then
      local leaf, lengths = packed(case.inputs.policy, true)
      local tokens = case.inputs.options.num_items_in_batch or leaf:numel()
      local value = loss.bo2 {} { chosen = leaf:segment_sum(lengths) }:sum() / tokens
      support.close(value:item(), case.loss, 1e-9, case.name)
      value:backward()
      check_gradient(leaf, case.grad_policy_logps.policy, 1, case.name)
    end
  end
end

TestInvariances = {}

local with_reference = {
  loss.ipo { beta = 0.1 }, loss.ipo { beta = 0.5, scale = "tang" }, loss.dpo { beta = 0.1 },
  loss.dpo { beta = 0.3, label_smoothing = 0.2 }, loss.slic { beta = 0.7 },
}

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

local function assert_all_close(a, b, message)
  lu.assertEquals(#a, #b)
  for i, x in ipairs(a) do support.close(x, b[i], 1e-12, message) end
end

function TestInvariances:test_at_policy_equal_to_reference()
  local same = pair_of(function(name) return numbers[(name:gsub("ref_", ""))] end)
  for _, beta in ipairs { 0.1, 0.5, 2 } do
    for _, x in ipairs(loss.ipo { beta = beta }(same):totable()) do
      support.close(x, 1 / (4 * beta ^ 2), 1e-12, "ipo")
    end
    for _, x in ipairs(loss.ipo { beta = beta, scale = "tang" }(same):totable()) do
      support.close(x, 0.25, 1e-12, "tang")
    end
    for _, x in ipairs(loss.dpo { beta = beta }(same):totable()) do
      support.close(x, math.log(2), 1e-12, "dpo")
    end
    for _, x in ipairs(loss.slic { beta = beta }(same):totable()) do support.close(x, 1, 1e-12, "slic") end
  end
end

function TestInvariances:test_a_shift_of_policy_and_reference_changes_nothing()
  -- The same constant on the chosen side of both models, another on the rejected side of both.
  local shifted = pair_of(function(name, list) return plus(list, name:match "chosen" and -1.75 or 2.5) end)
  for _, bound in ipairs(with_reference) do
    assert_all_close(bound(shifted):totable(), bound(pair_of()):totable(), bound.name)
  end
end

function TestInvariances:test_swapping_chosen_and_rejected_mirrors_the_margin()
  local other = { chosen = "rejected", rejected = "chosen", ref_chosen = "ref_rejected",
    ref_rejected = "ref_chosen" }
  local pair, swapped = pair_of(), pair_of(function(name) return numbers[other[name]] end)
  local margin, mirrored = loss.margin(pair, "sum"), loss.margin(swapped, "sum")
  assert_all_close((-mirrored):totable(), margin:totable(), "margin")
  -- L(rho) - L(-rho): -2 rho / beta for ipo, -beta rho for dpo.
  local ipo, dpo = loss.ipo { beta = 0.1 }, loss.dpo { beta = 0.1 }
  assert_all_close((ipo(pair) - ipo(swapped)):totable(), (margin * (-2 / 0.1)):totable(), "ipo")
  assert_all_close((dpo(pair) - dpo(swapped)):totable(), (margin * -0.1):totable(), "dpo")
end

function TestInvariances:test_finite_at_huge_margins()
  for _, bound in ipairs(with_reference) do
    for _, margin in ipairs { 1e4, -1e4 } do
      for _, dtype in ipairs { "f32", "f64" } do
        local chosen = tensor({ margin }, { dtype = dtype, requires_grad = true })
        local zero = tensor({ 0 }, { dtype = dtype })
        local pair = { chosen = chosen, rejected = zero, ref_chosen = zero, ref_rejected = zero }
        local value = bound(pair):mean()
        value:backward()
        local x, g = value:item(), chosen:grad():totable()[1]
        lu.assertTrue(x == x and math.abs(x) < math.huge and g == g and math.abs(g) < math.huge,
          ("%s at %g in %s: loss %s, gradient %s"):format(bound.name, margin, dtype, x, g))
      end
    end
  end
end

function TestInvariances:test_a_batch_of_8_equals_8_batches_of_1()
  for _, bound in ipairs(with_reference) do
    local whole = pair_of(nil, true)
    bound(whole):mean():backward()
    local total = 0.0
    for i = 1, 8 do
      local one = pair_of(function(_, list) return { list[i] } end, true)
      local value = bound(one):sum() / 8
      value:backward()
      total = total + value:item()
      for _, name in ipairs { "chosen", "rejected" } do
        support.close(one[name]:grad():totable()[1], whole[name]:grad():totable()[i], 1e-12,
          bound.name .. " " .. name)
      end
    end
    support.close(bound(pair_of()):mean():item(), total, 1e-12, bound.name)
  end
end

function TestInvariances:test_gradients_are_the_slopes()
  for _, bound in ipairs(with_reference) do
    local pair = pair_of(nil, true)
    bound(pair):sum():backward()
    for _, name in ipairs { "chosen", "rejected" } do
      local got = pair[name]:grad():totable()
      local function at(by)
        return bound(pair_of(function(n, list) return n == name and plus(list, by) or list end)):totable()
      end
      local above, below = at(1e-5), at(-1e-5)
      for i = 1, 8 do support.close(got[i], (above[i] - below[i]) / 2e-5, 1e-6, bound.name .. " " .. name) end
    end
  end
end

function TestInvariances:test_a_better_chosen_answer_never_costs_more()
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
  lu.assertStrContains(support.message(loss.dpo, { beta = 0 / 0 }), "NaN")
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

TestSums = {}

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
  lu.assertStrContains(support.message(loss.sum, { loss.dpo }), "part 1 is")
  lu.assertStrContains(support.message(loss.sum, { loss.dpo {}, weights = { 0 / 0 } }), "weight 1 is")
end

os.exit(lu.LuaUnit.run())
