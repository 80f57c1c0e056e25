--- The losses of online training at toy size: each runs in the trainer and improves what it is meant to.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local toy = require "toy"
local align = require("perilune").align

local start, reference = toy.model(5), toy.model(5)

local function sevens(_, response) return toy.sevens(response) end

--- The sources that losses name as theirs, on the toy task; `more` over their settings.
local sources = {}

function sources.online(o)
  return align.sources.online(toy.sampling(toy.with({ batch = 24, seed = 3 }, o)))
end

local function with_reward(make)
  return function(o)
    local given = toy.sampling(toy.with({ batch = 48 // (o.responses or 1), seed = 3, reward = sevens }, o))
    given.judge = nil
    return make(given)
  end
end

sources.groups, sources.best_of = with_reward(align.sources.groups), with_reward(align.sources.best_of)

local dataset = align.sources.sample(start, toy.sampling { count = 256, seed = 9, quiet = true })

function sources.hybrid(o)
  return align.sources.hybrid(toy.with({
    pairs = dataset, max_new_tokens = 6, stop = { 1 }, batch = 16, seed = 3 }, o))
end

--- The source that the loss names.
local function source_of(loss, more)
  local o = {}
  for name, value in pairs(loss.source) do
    if name ~= "name" then o[name] = value end
  end
  return sources[loss.source.name](toy.with(o, more))
end

local function train(loss, more, source)
  return align.train(toy.with({
    policy = start:clone(), reference = reference, loss = loss, source = source or source_of(loss),
    steps = 40, lr = 1e-2, quiet = true,
  }, more))
end

--- The mean number of sevens in fresh responses of a policy.
local function score(policy)
  local prompts = {}
  for _ = 1, 6 do table.move(toy.prompts, 1, #toy.prompts, #prompts + 1, prompts) end
  local sum = 0
  local rows = policy:sample(prompts, { max_new_tokens = 6, stop = { 1 }, seed = 8 })
  for _, response in ipairs(rows:responses()) do
    sum = sum + toy.sevens(response)
  end
  return sum / #prompts
end

local before = score(start)

TestRewards = {}

--- The sevens of a response at least, after 40 steps; the start has 0.44, the most is 6. Best-of-4 of the
-- start has 1.1, the most that distilling it gives; HyPO is held to the reference.
local reached = {
  bnpo = 3, cispo = 3, dapo = 3, dr_grpo = 3, expert_iteration = 3, gmpo = 3, grpo = 3, gspo = 3,
  gspo_token = 3,
  ipo_md = 2, luspo = 3, nash_md = 1, ppo = 3, reinforce = 3, rloo = 3, sapo = 3, vespo = 3, xpo = 3,
  best_of_n = 0.8,
}

for name, least in pairs(reached) do
  TestRewards["test_" .. name .. "_raises_the_reward"] = function()
    local after = score(train(align.loss[name] {}).policy)
    lu.assertTrue(after > least, ("%.3f sevens a response, %.3f before"):format(after, before))
  end
end

TestTeachers = {}

local teacher = toy.model(6)

--- The mean exact KL of a policy from the teacher, at each token of its own responses.
local function from_teacher(policy)
  local rows = policy:sample(toy.prompts, { max_new_tokens = 6, stop = { 1 }, seed = 8 })
  local kl, _, lengths = policy:kl(teacher, rows)
  return kl:sum():item() / lengths:sum():item()
end

function TestTeachers.test_distillation_approaches_the_teacher()
  local far = from_teacher(start)
  for name, options in pairs { gkd = { beta = 0.5 }, minillm = {} } do
    local run = train(align.loss[name](options), { reference = teacher })
    local near = from_teacher(run.policy)
    lu.assertTrue(near < 0.3 * far, ("%s: %.4f nats a token, %.4f before"):format(name, near, far))
  end
end

--- HyPO's second term keeps the policy near the reference where DPO on the same pairs leaves it.
function TestTeachers.test_hypo_is_nearer_to_the_reference_than_dpo()
  local function outcome(loss)
    local policy = train(loss, { steps = 80 }, sources.hybrid()).policy
    local kl = align.evaluate.kl(policy, reference, { prompts = toy.prompts, task = toy.task }).mean
    return score(policy), kl
  end
  -- Without the KL it is DPO on the same pairs.
  local hypo, hypo_kl = outcome(align.loss.hypo { kl_coef = 0.05 })
  local dpo, dpo_kl = outcome(align.loss.hypo { kl_coef = 0 })
  lu.assertTrue(hypo > 2 * before and dpo > hypo, ("%.3f and %.3f sevens"):format(hypo, dpo))
  lu.assertTrue(hypo_kl < 0.2 * dpo_kl, ("%.3f and %.3f nats"):format(hypo_kl, dpo_kl))
end

--- At the start the loss of a group is log 2, and its weight that of its prompt, not of a row.
function TestTeachers.test_a_weight_is_of_the_three_rows_of_a_prompt()
  local numbers = { 4, 0, 1, 0 }
  local number = 0
  local source = align.sources.reweighted { of = sources.hybrid { batch = 4 }, weight = function()
    number = number + 1
    return numbers[number]
  end }
  local run = train(align.loss.hypo {}, { steps = 1 }, source)
  support.close(run.log[1].loss, math.log(2) * 5 / 4, 1e-6)
end

TestSteps = {}

--- A loss, its source and a batch of 16 units in one piece or in eight: the same step, up to rounding.
function TestSteps.test_gradient_accumulation_leaves_the_step_as_it_is()
  local names = { "gkd", "minillm", "hypo" }
  for name in pairs(reached) do names[#names + 1] = name end
  for _, name in ipairs(names) do
    local loss = align.loss[name] {}
    local function first_steps(pieces)
      local run = train(loss, {
        steps = 2, optimizer = "sgd", lr = 1e-2, reference = toy.model(6),
        gradient_accumulation_steps = pieces,
      }, source_of(loss, { batch = 16 }))
      return run.log
    end
    local whole, split = first_steps(1), first_steps(8)
    for step = 1, 2 do
      for _, figure in ipairs { "grad_norm", "loss" } do
        local scale = math.max(1, math.abs(whole[step][figure]))
        support.close(split[step][figure] / scale, whole[step][figure] / scale, 1e-5,
          ("%s: %s of step %d"):format(name, figure, step))
      end
    end
  end
end

--- Two updates on each half of a batch, twice: ratios leave 1, so that clipping and masks act.
function TestSteps.test_the_options_of_grpo_train_off_policy()
  local function length(_, response) return #response end
  local given = {
    { beta = 0.05 }, { beta = 0.05, use_bias_correction_kl = false }, { delta = 1.5 },
    { scale_rewards = "batch" },
    { mask_truncated_completions = true }, { off_policy_mask_threshold = 0.02 },
    { reward_weights = { 1, 0.1 } },
    { reward_weights = { 1, 0.1 }, multi_objective_aggregation = "normalize_then_sum" },
  }
  for i, o in ipairs(given) do
    local loss = align.loss.grpo(o)
    local source = source_of(loss, o.reward_weights and { reward = { sevens, length } })
    local run = train(loss, { epochs = 2, mini_batches = 2 }, source)
    local after = score(run.policy)
    lu.assertTrue(after > 2 * before, ("settings %d: %.3f sevens a response"):format(i, after))
    lu.assertTrue(run.log[4]["clip_ratio/low"] + run.log[4]["clip_ratio/high"] > 0)
  end
end

function TestSteps.test_weights_that_do_not_fit_the_reward_functions_are_refused()
  local loss = align.loss.grpo { reward_weights = { 1, 2, 3 } }
  local source = source_of(loss, { reward = { sevens, sevens } })
  lu.assertStrContains(support.message(train, loss, {}, source),
    "reward_weights has 3 numbers for 2 reward functions")
  lu.assertStrContains(support.message(train, loss, {}, source_of(loss, { reward = sevens })),
    "reward_weights has 3 numbers for 1 reward functions")
  local one = source_of(align.loss.rloo {}, { responses = 1 })
  lu.assertStrContains(support.message(train, align.loss.rloo {}, {}, one),
    "loss.rloo: a group of one response has no advantage")
  lu.assertStrContains(support.message(align.loss.rloo, { reward_clip_range = { 1, 0 } }),
    "'reward_clip_range' must be a list of two numbers")
end

--- The value head of PPO learns: on one batch again and again the value loss falls.
function TestSteps.test_ppo_learns_values()
  local loss = align.loss.ppo { vf_coef = 1, cliprange_value = 10 }
  local run = train(loss, { epochs = 20, steps = 20 })
  lu.assertTrue(run.log[20].value_loss < 0.8 * run.log[1].value_loss)
  lu.assertTrue(run.parameters[1].weight:abs():amax():item() > 0)
end

--- The baseline of REINFORCE is the mean reward of all earlier batches, which the run keeps.
function TestSteps.test_reinforce_keeps_the_mean_reward()
  local run = train(align.loss.reinforce { beta = 0 }, { steps = 3, record = true })
  local sum, count = 0, 0
  for step = 1, 3 do
    local rewards = run.stream[step].reward
    sum, count = sum + rewards:sum():item(), count + rewards:numel()
  end
  lu.assertEquals(run.states[1].count, count)
  support.close(run.states[1].sum, sum, 1e-9)
end

--- A value head, a running baseline and rewards of several functions are saved within a batch and go on.
function TestSteps.test_a_saved_run_goes_on_with_the_same_bits()
  local function length(_, response) return #response end
  local given = {
    { loss = align.loss.ppo {}, updates = { epochs = 2, mini_batches = 2 } },
    { loss = align.loss.reinforce {}, updates = {} },
    { loss = align.loss.grpo { multi_objective_aggregation = "normalize_then_sum" },
      updates = { epochs = 3 }, source = { reward = { sevens, length } } },
  }
  for _, case in ipairs(given) do
    local function run_of(steps)
      return train(case.loss, toy.with(case.updates, { steps = steps }), source_of(case.loss, case.source))
    end
    local whole, part, path = run_of(6), run_of(4), os.tmpname()
    os.remove(path)
    part:save(path)
    local again = align.runs.load(path, {
      loss = case.loss, source = source_of(case.loss, case.source), reference = reference, quiet = true,
    })
    again:resume(6)
    lu.assertEquals(again.policy:hash(), whole.policy:hash(), case.loss.name)
    lu.assertEquals(again.states, whole.states)
    os.execute(("rm -rf '%s'"):format(path))
  end
end

os.exit(lu.LuaUnit.run())
