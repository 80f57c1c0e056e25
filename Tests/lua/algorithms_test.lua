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

local function group_case(case, bound)
  local i, group = case.inputs, {}
  for row = 1, #i.policy do group[row] = (row - 1) // i.group_size end
  local logps, lengths = packed({ i.policy }, true)
  local given = {
    lengths = lengths, logps = logps, old_logps = i.old and packed { i.old } or logps:detach(), group = group,
    ref_logps = i.ref and packed { i.ref }, reward = f64(i.rewards),
  }
  local batch = align.batch.plain(given)
  bound:prepare(batch, {})
  for row, a in ipairs(case.outputs.advantages) do
    support.close(batch.advantage[row]:item(), a, 1e-9, case.name)
  end
  local value = bound(batch):mean()
  support.close(value:item(), case.loss, 1e-9, case.name)
  value:backward()
  check_gradient(case, logps, { case.grad_policy_logps.policy })
end

function TestGolden.test_grpo()
  for _, name in ipairs { "^grpo/grpo/a", "^grpo/equal_rewards" } do
    for _, case in ipairs(cases_of(name)) do
      group_case(case, algorithms.grpo { epsilon = case.inputs.options.epsilon })
    end
  end
end

function TestGolden.test_rloo()
  for _, name in ipairs { "^rloo/a$", "^rloo/on_policy" } do
    for _, case in ipairs(cases_of(name)) do
      local o = case.inputs.options
      group_case(case, algorithms.rloo { beta = o.beta, epsilon = o.epsilon })
    end
  end
end

function TestGolden.test_xpo()
  for _, case in ipairs(cases_of "^xpo/sigmoid/") do
    local i, g = case.inputs, case.grad_policy_logps
    local parts = { logps = { {}, {} }, ref = { {}, {} }, grad = { {}, {} } }
    local writer, n = {}, #i.score_policy_sample
    for row = 1, n do
      local wins = i.score_policy_sample[row] >= i.score_ref_sample[row]
      for half, side in ipairs(wins and { "policy", "ref" } or { "ref", "policy" }) do
        parts.logps[half][row] = i[("policy_on_%s_sample"):format(side)][row]
        parts.ref[half][row] = i[("ref_on_%s_sample"):format(side)][row]
        parts.grad[half][row] = g[("policy_on_%s_sample"):format(side)][row]
        writer[(half - 1) * n + row] = side == "ref" and "reference" or "policy"
      end
    end
    local logps, lengths = packed(parts.logps, true)
    check(case, algorithms.xpo { beta = i.options.beta, alpha = i.options.alpha }, {
      pairs = true, lengths = lengths, logps = logps, ref_logps = packed(parts.ref), writer = writer,
    }, logps, parts.grad)
  end
end

--- P is a probability there: a label between 0 and 1. The mixture's responses have no part in the loss.
function TestGolden.test_nash_md()
  for _, case in ipairs(cases_of "^nash_md/[ab]$") do
    local i, n, label, writer, none = case.inputs, #case.inputs.policy, {}, {}, {}
    for row = 1, n do
      label[row] = 1 / (1 + math.exp(i.score_mixture_sample[row] - i.score_policy_sample[row]))
      label[n + row], writer[row], writer[n + row], none[row] = 0, "policy", "mixture", {}
    end
    local logps, lengths = packed({ i.policy, none }, true)
    check(case, algorithms.nash_md { beta = i.options.beta }, {
      pairs = true, lengths = lengths, logps = logps, ref_logps = packed { i.ref, none }, label = f64(label),
      writer = writer,
    }, logps, { case.grad_policy_logps.policy, none })
  end
end

function TestGolden.test_gkd()
  for _, case in ipairs(cases_of "^gkd/beta_") do
    local i, student, teacher = case.inputs, {}, {}
    for row, mask in ipairs(i.mask) do
      for at, seen in ipairs(mask) do
        if seen == 1 or seen == true then
          student[#student + 1], teacher[#teacher + 1] = i.student_logits[row][at], i.teacher_logits[row][at]
        end
      end
    end
    local given = { logits = f64(student), ref_logits = f64(teacher) }
    local value = algorithms.gkd { beta = i.options.beta }(given)
    support.close(value:mean():item(), case.loss, 1e-9, case.name)
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

function TestRuns.test_rewards_of_groups_rise()
  local function groups()
    return align.sources.groups(sampling {
      responses = 4, batch = 12, reward = function(_, response) return toy.sevens(response) end,
    })
  end
  for _, name in ipairs { "grpo", "rloo" } do
    local run = train(algorithms[name] {}, groups(), { lr = 1e-2 })
    lu.assertTrue(mean_of(run, "reward", 21, 30) > 1.2 * mean_of(run, "reward", 1, 10), name)
  end
  -- On policy the ratio is 1, so the loss is minus the mean advantage: 0 up to rounding.
  lu.assertTrue(math.abs(train(algorithms.grpo {}, groups(), { steps = 1 }).log[1].loss) < 1e-5)
end

function TestRuns.test_ppo_learns_rewards_and_values()
  local source = align.sources.groups(sampling {
    responses = 2, batch = 24, reward = function(_, response) return toy.sevens(response) end,
  })
  local run = train(algorithms.ppo {}, source, { lr = 1e-2, epochs = 2, mini_batches = 2, steps = 80 })
  lu.assertTrue(mean_of(run, "reward", 61, 80) > 1.2 * mean_of(run, "reward", 1, 20), "reward")
  local frozen = train(algorithms.ppo { vf = 1 }, source, { lr = 1e-2, epochs = 20, steps = 20 })
  lu.assertTrue(frozen.log[20].value_loss < frozen.log[1].value_loss, "the value loss of one batch falls")
  lu.assertTrue(run.parameters[1].value:abs():amax():item() > 0)
end

function TestRuns.test_xpo_and_nash_md_beat_the_start()
  local function win(policy)
    local how = { prompts = toy.prompts, task = toy.task }
    local against = align.evaluate.baseline(start, how)
    return align.evaluate.win_rate(policy, toy.with(how, { against = against, judge = toy.more_sevens })).mean
  end
  local function online(second)
    return align.sources.online(sampling { judge = toy.more_sevens, second = second })
  end
  local xpo = train(algorithms.xpo {}, online "reference", { steps = 60 })
  lu.assertTrue(win(xpo.policy) > 0.6, "xpo")
  local mixture = align.sources.mixture { reference = reference, weight = 0.5 }
  local nash = train(algorithms.nash_md {}, online(mixture), { steps = 60, lr = 1e-2 })
  lu.assertTrue(win(nash.policy) > 0.6, "nash_md")
end

function TestRuns.test_gkd_approaches_its_teacher()
  local teacher = toy.model(6)
  local source = align.sources.offline(pairs_of_start, { batch = 16 })
  local run = train(algorithms.gkd {}, source, { reference = teacher, lr = 1e-2 })
  lu.assertTrue(run.log[30].loss < 0.5 * run.log[1].loss)
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
