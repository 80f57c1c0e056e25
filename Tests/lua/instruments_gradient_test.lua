--- The gradients that instruments measure, against finite differences and closed forms.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local runs = require "toy_runs"
local lu = require "luaunit"
local tensor = require "perilune.tensor"
local align = require "perilune.align"

local reference, dataset = runs.reference, runs.dataset

local function offline() return align.sources.offline(dataset, { batch = 8, seed = 1 }) end

local function last(run) return run.log[#run.log] end

TestGradients = {}

--- The loss of IPO whose chosen responses have the weights of `moved` and whose rejected ones those of
-- `still`.
local function half_loss(moved, still, batch)
  local function ratios(model, half)
    local rows = batch.rows:select(half)
    return tensor.no_grad(function() return model:logps(rows) - reference:logps(rows) end)
  end
  local chosen, rejected = {}, {}
  for i = 1, #batch do chosen[i], rejected[i] = i, #batch + i end
  local margin = ratios(moved, chosen) - ratios(still, rejected)
  local z = margin:to("f64") - 5
  return (z * z):mean():item()
end

--- Gradient of IPO's chosen part by central differences along itself.
function TestGradients:test_the_norm_of_the_chosen_part_is_a_directional_derivative()
  local run = runs.train { source = offline(), steps = 3, checkpoint_every = 1 }
  local start, batch = run.checkpoints[2], run.stream[3]
  local row = last(run)
  local probe = require "perilune.align.probe"
  local again = runs.train { source = offline(), steps = 2, policy = reference:clone() }
  again:begin(3)
  local view = again.current.view
  local chosen = probe.gradient(again, view, 1, "here",
    { policy = probe.partly(again.policy, function(_, i, count) return i * 2 <= count end) })
  lu.assertEquals(again.policy:hash(), start:hash())
  support.close(row["gradients/chosen"], probe.norm(chosen), 1e-4 * probe.norm(chosen))
  local function moved(step)
    local model = start:clone()
    tensor.no_grad(function()
      for i, p in ipairs((model:parameters())) do p:add_(chosen[i] * (step / probe.norm(chosen))) end
    end)
    return half_loss(model, start, batch)
  end
  local slope = (moved(1e-3) - moved(-1e-3)) / 2e-3
  support.close(slope, probe.norm(chosen), 2e-3 * probe.norm(chosen), "directional derivative")
end

--- Rows without tokens have no gradient, so the other part is the whole.
function TestGradients:test_a_part_of_empty_responses_has_no_gradient()
  local function row(chosen, rejected)
    local pair = { prompt = { 2, 3 }, chosen = chosen, rejected = rejected }
    return last(runs.train { source = { name = "mine", batch = function() return { pair } end }, steps = 1 })
  end
  local first, second, none = row({ 7, 1 }, {}), row({}, { 7, 1 }), row({}, {})
  lu.assertEquals(first["gradients/rejected"], 0)
  support.close(first["gradients/chosen"], first.grad_norm, 1e-5 * first.grad_norm)
  lu.assertEquals(second["gradients/chosen"], 0)
  support.close(second["gradients/rejected"], second.grad_norm, 1e-5 * second.grad_norm)
  lu.assertEquals(none.grad_norm, 0)
end

function TestGradients:test_the_parts_add_up_to_the_gradient_of_the_step()
  for _, parts in ipairs { 1, 4 } do
    local row = last(runs.train { source = offline(), steps = 4, gradient_accumulation_steps = parts })
    local c, r = row["gradients/chosen"], row["gradients/rejected"]
    local whole = math.sqrt(c * c + r * r + 2 * c * r * row["gradients/opposition"])
    support.close(whole, row.grad_norm, 1e-4 * row.grad_norm)
  end
end

--- Of every loss that reads pairs or groups, at its defaults.
function TestGradients:test_the_parts_of_every_loss_add_up()
  local groups = align.sources.groups {
    prompts = toy.prompts, max_new_tokens = 6, stop = { 1 }, batch = 4, responses = 4,
    reward = function(_, y) return toy.sevens(y) end,
  }
  local checked = 0
  for _, name in ipairs(align.loss.names()) do
    for _, source in ipairs { offline(), groups } do
      local ok, run = pcall(runs.train, {
        loss = align.loss[name] {}, source = source, steps = 3, lr = 1e-3, instruments = { "gradients" },
      })
      local row = ok and last(run) or {}
      local a = row["gradients/chosen"] or row["gradients/raised"]
      local b = row["gradients/rejected"] or row["gradients/lowered"]
      if not ok then
        lu.assertStrContains(run.message, " reads ")
      elseif a then
        local whole = math.sqrt(a * a + b * b + 2 * a * b * (row["gradients/opposition"] or 0))
        -- The norm of the step is also that of the loss's own parameters, such as a value head.
        local has_own = next(run.parameters[1]) ~= nil
        if has_own then lu.assertTrue(whole < row.grad_norm, name) end
        if not has_own then support.close(whole, row.grad_norm, 1e-4 * row.grad_norm, name) end
        checked = checked + 1
      end
    end
  end
  lu.assertTrue(checked >= #align.loss.names() - 2, checked .. " losses have parts")
end

--- IPO's loss is (D - 1/(2 beta))^2 = D^2 - D/beta + ...: the KL part is the gradient of D^2, the rest that
-- of -D/beta, and D is 0 where the reference is the policy.
function TestGradients:test_the_kl_part_of_ipo_is_the_gradient_of_the_squared_margin()
  local run = runs.train { source = offline(), steps = 3, checkpoint_every = 1 }
  local model, batch = run.checkpoints[2]:clone(), run.stream[3]
  model:requires_grad_(true)
  local function norm_of(f)
    model:zero_grad()
    local ratio = model:logps(batch.rows) - tensor.no_grad(reference.logps, reference, batch.rows)
    local chosen, rejected = batch:halves(ratio)
    f(chosen - rejected):mean():backward()
    local sum = 0.0
    for _, p in ipairs((model:parameters())) do sum = sum + (p:grad() * p:grad()):sum():item() end
    return math.sqrt(sum)
  end
  local row = last(run)
  local kl = norm_of(function(margin) return margin * margin end)
  support.close(row["gradients/kl"], kl, 1e-3 * kl)
  local preference = norm_of(function(margin) return margin * -10 end)
  support.close(row["gradients/preference"], preference, 1e-3 * preference)
end

--- Calandriello et al. 2024, arXiv:2403.08635: of pairs of own responses the KL part of IPO is the gradient
-- of 4 KL(pi || pi_ref). All pairs of a policy of four answers, each with the chance of its being drawn.
function TestGradients:test_over_all_pairs_of_own_responses_the_kl_part_is_four_times_that_of_the_kl()
  local policy = align.policy.table { contexts = { { 0 } }, vocab = 4 }
  local logits = (policy:parameters())[1]
  local start = policy:clone()
  tensor.no_grad(function() logits:add_(tensor({ { 0.5, -1, 2, 0 } }, "f64")) end)
  local p = logits:detach():softmax(2):totable()[1]
  local list, weights = {}, {}
  for i = 0, 3 do
    for j = 0, 3 do
      list[#list + 1] = { prompt = { 0 }, chosen = { i }, rejected = { j } }
      weights[#list], weights[16 + #list] = 16 * p[i + 1] * p[j + 1], 16 * p[i + 1] * p[j + 1]
    end
  end
  local all = align.batch.of_pairs(list)
  all:set("weight", weights)
  local run = align.train {
    policy = policy, reference = start, loss = align.loss.ipo { beta = 0.1 }, steps = 1, quiet = true,
    source = { name = "all", batch = function() return all end }, instruments = { "gradients" },
  }
  -- d KL / d logit_k = p_k (h_k - KL), h = log pi/pi_ref; the reference is uniform.
  local kl, squares = 0.0, 0.0
  for k = 1, 4 do kl = kl + p[k] * math.log(4 * p[k]) end
  for k = 1, 4 do squares = squares + (p[k] * (math.log(4 * p[k]) - kl)) ^ 2 end
  support.close(last(run)["gradients/kl"], 4 * math.sqrt(squares), 1e-6)
end

--- At the reference the whole gradient is of preference.
function TestGradients:test_at_the_reference_there_is_no_kl_part()
  local row = last(runs.train { source = offline(), steps = 1 })
  support.close(row["gradients/kl"], 0, 1e-4 * row.grad_norm)
  support.close(row["gradients/preference"], row.grad_norm, 1e-4 * row.grad_norm)
end

TestCosine = {}

--- With the same batch on both sides two of the four cosines between halves are 1.
function TestCosine:test_of_a_source_and_itself()
  local row = last(runs.train {
    source = offline(), steps = 3, instruments = { "cosine", cosine = { other = offline() } },
  })
  support.close(row["cosine/own"], row["cosine/other"], 1e-5)
  support.close(row["cosine/between"], (1 + row["cosine/own"]) / 2, 1e-5)
end

function TestCosine:test_opposite_labels_give_opposite_gradients_at_the_start()
  local swapped = {}
  for i, pair in ipairs(dataset:list()) do
    swapped[i] = { prompt = pair.prompt, chosen = pair.rejected, rejected = pair.chosen }
  end
  local other_source = align.sources.offline(swapped, { batch = 8, seed = 1 })
  local how = { cosine = { other = other_source } }
  local row = last(runs.train { source = offline(), steps = 1, instruments = how })
  support.close(row["cosine/between"], -(1 + row["cosine/own"]) / 2, 1e-5)
end

os.exit(lu.LuaUnit.run())
