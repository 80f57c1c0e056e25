-- %% [markdown]
-- # A tour of Perilune
--
-- Twenty minutes from a tensor to the question that Perilune is for: **does it help to train on a policy's
-- own, fresh responses, and when?** Everything below is one script, `scripts/tour.lua`. `perilune
-- scripts/tour.lua` runs it as any script; `perilune --report tour.html scripts/tour.lua` made this page. At
-- the prompt the lines can be typed one by one: there `require` is not needed, `?align.train` is the help on
-- a name, and Tab completes.
--
-- ## The settings
--
-- A cell with the tag `parameters` can be given other values: `perilune --param steps=300 scripts/tour.lua`.

-- %% tags=["parameters"]
local steps, sft_steps, seed = 60, 250, 1
local learning_rate = 3e-4

-- %%
local perilune = require "perilune"
local T, display, plot = perilune.T, perilune.display, perilune.plot
perilune.seed(seed)

-- %% [markdown]
-- ## Tensors
--
-- `T` makes tensors. Positions count from 1, negative ones from the end; what is an attribute in PyTorch is
-- a method.

-- %%
local x = T { { 1, 2, 3 }, { 4, 5, 6 } }
print(x:size(1), x:size(2), x:dtype())
print(x[2], x:sum(1), x:matmul(x:t()))
display(T.randn(8, 24):softmax(-1), { as = "heatmap" })

-- %% [markdown]
-- ## Gradients
--
-- A tensor that requires gradients records what is computed of it, and `backward` goes back. Here is the
-- loss of DPO, the negative logarithm of a logistic function, with the slope that it gives a margin:
-- hopeless pairs pull with full force.

-- %%
local margin = T.arange(-6, 6, 0.25):requires_grad_(true)
local losses = -margin:log_sigmoid()
losses:sum():backward()
display(plot.figure { title = "DPO", xlabel = "margin" }
  :line { x = margin:detach(), y = losses:detach(), label = "loss" }
  :line { x = margin:detach(), y = margin:grad(), label = "slope" })

-- %% [markdown]
-- ## Models
--
-- A policy is a transformer. A task gives prompts, a tokenizer and a rule that says which of two responses
-- is better: here short stories, where the better one has the happier words. `align.sft` trains the policy
-- that all runs start from, once; the next time it comes from the cache.

-- %% A task and its policy
local align = perilune.align
local task = perilune.tasks.sentiment()
local sft = align.sft(task, { model = { dim = 48, layers = 2 }, steps = sft_steps, batch = 64, quiet = true })
print(sft)
print("prompt:  ", task.tokenizer:decode(task:prompt("test", 1)))

-- %% [markdown]
-- ## Sampling
--
-- Four responses to one prompt. The same seed gives the same responses, whatever the number of threads.

-- %%
local prompt = task:prompt("test", 1)
local four = { prompt, prompt, prompt, prompt }
local samples = sft:sample(four, { max_new_tokens = 48, stop = task.stop, seed = seed })
for i = 1, 4 do print(i, task.tokenizer:decode(samples:response(i))) end

-- %% [markdown]
-- ## A judge of one's own
--
-- A judge is a function of a prompt and two responses, lists of token ids, that says whether the first is
-- better. This one likes the letter "o". Nothing else in the library knows that.

-- %%
local function count_of_o(response) return select(2, task.tokenizer:decode(response):gsub("o", "")) end
local function likes_o(_, first, second) return count_of_o(first) > count_of_o(second) end

-- %% [markdown]
-- ## A loss of one's own
--
-- A loss gives one number for each pair, of the margin between the log-ratios of its two responses. This one
-- is flat on both sides, so that neither a hopeless nor a settled pair pulls. Compare its slope with that of
-- DPO above.

-- %%
local saturating = align.loss.define {
  name = "saturating",
  options = { { "beta", 0.1, "steepness", above = 0 } },
  loss = function(pair, o) return 1 - (o.beta * align.loss.margin(pair, o.norm)):tanh() end,
}

-- %% [markdown]
-- Both at work: the policy writes two responses to a prompt, the judge says which is better, the loss moves
-- the policy.

-- %%
local function online(judge)
  return align.sources.online {
    task = task, judge = judge, prompts = task:prompts("train", 512), batch = 32, seed = seed,
  }
end
local own = align.train {
  policy = sft:clone(), reference = sft, source = online(likes_o), loss = saturating { beta = 0.5 },
  steps = steps, lr = learning_rate, quiet = true,
}
local margins = {}
for i, row in ipairs(own.log) do margins[i] = row["rewards/margins"] end
display(plot.line { y = margins, title = "A loss and a judge of one's own", xlabel = "step" })
local after = own.policy:sample({ prompt, prompt }, { max_new_tokens = 48, stop = task.stop, seed = seed })
for i = 1, 2 do print(i, task.tokenizer:decode(after:response(i))) end

-- %% [markdown]
-- ## The gap
--
-- Now the question. Offline, the pairs are written once, by the policy at the start; online, by the policy
-- as it is. The loss (IPO), the judge and the steps are the same. A policy that moves further from its start
-- wins more often, whatever it learns, so runs are compared at equal KL from the start.

-- %% Online and offline
local gold = align.judge.gold(task)
local pairs_of_sft = align.sources.sample(sft, {
  task = task, judge = gold, prompts = task:prompts("train", 512), count = 512, seed = seed,
})
local test = task:prompts("test", 96)
local against = align.evaluate.baseline(sft, { task = task, prompts = test })
local function trained(source, label)
  return align.train {
    policy = sft:clone(), reference = sft, source = source, loss = align.loss.ipo { beta = 0.1 },
    label = label, steps = steps, lr = learning_rate, evaluate_every = math.max(1, steps // 4), quiet = true,
    evaluate = align.evaluate.measure {
      task = task, reference = sft, judge = gold, prompts = test, against = against, seed = seed,
    },
  }
end
local on = trained(online(gold), "online")
local off = trained(align.sources.offline(pairs_of_sft, { batch = 32, seed = seed }), "offline")

-- %% Win rate against KL
display(plot.frontier { on, off, title = "Win rate at equal KL" })
local rows = {}
for _, run in ipairs { on, off } do
  for _, point in ipairs(run.points) do
    rows[#rows + 1] = { side = run.options.label, step = point.step, kl = point.kl, win = point.win }
  end
end
display(rows)

-- %% [markdown]
-- ## What it says
--
-- `align.compare` says in words what two runs allow to say, and no more. One seed and some dozens of prompts
-- allow little: this is a tour, not the experiment. `scripts/experiments/gap.lua` is the experiment, with
-- repetitions of the whole pipeline, and `scripts/results.md` has what it found.

-- %%
print(align.compare { on, off })

-- %% [markdown]
-- ## Where to go on
--
-- - `?align.train`, `?align.sources`, `?align.loss` list what can be put together; `print(help.manual())` is
--   all of it.
-- - `perilune.worlds` has problems so small that the optimum is known exactly.
-- - `align.train { ..., run = "name" }` keeps a run on disk, through kills; `docs/sweeps.md` has grids of
--   runs.
-- - `docs/notebooks.md` says how a page like this one is made.
