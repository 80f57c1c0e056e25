--- The algorithms of algorithms.lua: values and gradients against the golden file, and runs at toy size.
--
-- The golden file holds losses and gradients in token log-probabilities, computed by TRL 1.16.0 and 1.10.0 in
-- float64.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local toy = require "toy"
local algorithms = require "algorithms"
local align = require "perilune.align"
local formats = require "perilune.formats"
local tensor = require "perilune.tensor"

local function f64(list, grad) return tensor(list, { dtype = "f64", requires_grad = grad or false }) end

--- Rows of numbers as one packed tensor, and their lengths.
local function packed(lists, grad)
  local all, lengths = {}, {}
  for _, rows in ipairs(lists) do
    for _, row in ipairs(rows) do
      table.move(row, 1, #row, #all + 1, all)
      lengths[#lengths + 1] = #row
    end
  end
  return f64(all, grad), lengths
end

local cases

local function cases_of(pattern)
  cases = cases or formats.load_json(support.need "golden/losses.json").cases
  local found = {}
  for _, case in ipairs(cases) do
    if case.name:match(pattern) and type(case.loss) == "number" then found[#found + 1] = case end
  end
  lu.assertTrue(#found > 0, pattern)
  return found
end

local function check_gradient(case, leaf, lists)
  local expected = packed(lists):totable()
  for i, g in ipairs(leaf:grad():totable()) do
    support.close(g, expected[i], 1e-8, ("%s: gradient %d"):format(case.name, i))
  end
end

--- The mean loss of a case and its gradient in `leaf`.
local function check(case, bound, given, leaf, lists)
  local given_batch = align.batch.plain(given)
  local reads_prepared = false
  for _, name in ipairs(bound.reads) do reads_prepared = reads_prepared or given_batch[name] == nil end
  if reads_prepared then bound:prepare(given_batch, {}) end
  local value = bound(given_batch):mean()
  local expected = case.double and case.double.loss or case.loss
  support.close(value:item(), expected, 1e-9, case.name)
  value:backward()
  check_gradient(case, leaf, lists)
end

local function pair_case(case, bound, more)
  local i, g = case.inputs, case.double and case.double.grad_policy_logps or case.grad_policy_logps
  local logps, lengths = packed({ i.policy_chosen, i.policy_rejected }, true)
  local given = toy.with({ pairs = true, lengths = lengths, logps = logps }, more)
  if i.ref_chosen then given.ref_logps = packed { i.ref_chosen, i.ref_rejected } end
  check(case, bound, given, logps, { g.policy_chosen, g.policy_rejected })
end

TestGolden = {}

function TestGolden.test_kto()
  for _, case in ipairs(cases_of "^kto/kto/[az]") do
    local i = case.inputs
    local logps, lengths = packed({ i.policy }, true)
    local kl, kl_lengths = packed { i.kl_policy }
    local z = (kl - packed { i.kl_ref }):segment_sum(kl_lengths):mean():clamp(0)
    check(case, algorithms.kto { beta = i.options.beta }, {
      lengths = lengths, logps = logps, ref_logps = packed { i.ref }, label = i.label,
      z = z * tensor.ones(#lengths, "f64"),
    }, logps, { case.grad_policy_logps.policy })
  end
end

function TestGolden.test_orpo()
  for _, case in ipairs(cases_of "^orpo/") do
    local i, pair, leaves = case.inputs, {}, {}
    for _, side in ipairs { "chosen", "rejected" } do
      local tokens, lengths = packed({ i["policy_" .. side] }, true)
      leaves[side], pair[side], pair[side .. "_lengths"] = tokens, tokens:segment_sum(lengths), f64(lengths)
    end
    pair.prompt_logps = packed { i.policy_prompt, i.policy_prompt }
    local value = algorithms.orpo { beta = i.options.beta }(pair):mean()
    support.close(value:item(), case.double.loss, 1e-9, case.name)
    value:backward()
    for side, leaf in pairs(leaves) do
      check_gradient(case, leaf, { case.double.grad_policy_logps["policy_" .. side] })
    end
  end
end

function TestGolden.test_simpo()
  for _, case in ipairs(cases_of "cpo/simpo") do
    local o = case.inputs.options
    if o.cpo_alpha == 0 and o.label_smoothing == 0 and o.alpha == 0 then
      pair_case(case, algorithms.simpo { beta = o.beta, gamma = o.simpo_gamma })
    end
  end
end

TestRuns = {}

local start, reference = toy.model(5), toy.model(5)

local function sampling(more)
  return toy.with({ prompts = toy.prompts, task = toy.task, batch = 16, seed = 3 }, more)
end

local function train(bound, source, more)
  return align.train(toy.with({
    policy = start:clone(), reference = reference, loss = bound, source = source, steps = 30, lr = 3e-3,
    quiet = true,
  }, more))
end

local function mean_of(run, name, first, last)
  local sum = 0
  for i = first, last do sum = sum + run.log[i][name] end
  return sum / (last - first + 1)
end

local pairs_of_start = align.sources.sample(start,
  sampling { judge = toy.more_sevens, count = 64, quiet = true })

function TestRuns.test_losses_on_pairs_fall()
  for _, name in ipairs { "kto", "orpo", "simpo" } do
    local run = train(algorithms[name] {}, align.sources.offline(pairs_of_start, { batch = 16 }))
    lu.assertTrue(mean_of(run, "loss", 26, 30) < mean_of(run, "loss", 1, 5), name)
  end
end

--- In pieces, z and the advantages are still those of the whole batch.
function TestRuns.test_accumulation_leaves_what_is_prepared_for_the_whole_batch()
  local source = align.sources.offline(pairs_of_start, { batch = 8 })
  local settings = { steps = 2, optimizer = "sgd", lr = 1e-2 }
  local whole = train(algorithms.kto {}, source, settings)
  local split = train(algorithms.kto {}, source, toy.with(settings, { gradient_accumulation_steps = 8 }))
  for i = 1, 2 do
    support.close(split.log[i].loss, whole.log[i].loss, 1e-5)
    support.close(split.log[i].grad_norm, whole.log[i].grad_norm, 1e-4)
  end
end

os.exit(lu.LuaUnit.run())
