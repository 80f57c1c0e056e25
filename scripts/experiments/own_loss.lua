--- A loss and a judge of one's own: is a saturating loss less greedy than IPO, for a judge that likes short happy ends?
--
-- The two definitions below are all it takes; everything else is the same loop as `gap.lua`.
--
--   perilune scripts/experiments/own_loss.lua [--steps 150] [--beta 0.1]
local perilune = require "perilune"
local align, tasks, cli = perilune.align, perilune.tasks, perilune.cli
local loss, source, judge, evaluate = align.loss, align.pairs, align.judge, align.evaluate

local o = cli.parse(arg, perilune.options.spec("own_loss", {
  { "beta", 0.1, "strength of the regularisation", above = 0 },
  { "lr", 3e-4, "learning rate", least = 0 },
  { "steps", 150, "gradient steps", least = 1, smoke = 6 },
  { "batch", 32, "pairs a step", least = 1, smoke = 8 },
  { "prompts", 256, "prompts of the evaluation", least = 1, smoke = 16 },
}), "own_loss.lua: a loss and a judge written in the script")

local task = tasks.sentiment()
local sft = align.sft(task, o.smoke and { steps = 20, cache = false } or {})

-- A loss: 1 - tanh(beta rho). Flat on both sides, so that neither a hopeless nor a settled pair pulls.
local saturating = loss.define {
  name = "saturating",
  defaults = { beta = 0.1 },
  loss = function(pair, options) return 1 - (options.beta * loss.margin(pair, options.norm)):tanh() end,
}

-- A judge: valence, less a hundredth for every token.
local short_and_glad = judge.from_score("short and glad", function(prompt, answer)
  return task:gold_score(prompt, answer) - #answer / 100
end)

local test = { task = task, prompts = task:prompts("test", o.prompts) }
local start = evaluate.baseline(sft, test)
for _, choice in ipairs { loss.ipo { beta = o.beta }, saturating { beta = o.beta } } do
  local run = align.train {
    policy = sft:clone(), reference = sft, loss = choice, steps = o.steps, lr = o.lr, warmup = o.steps // 10, label = choice.name,
    pairs = source.online { task = task, judge = short_and_glad, prompts = task:prompts("train", 2048), batch = o.batch, seed = 1 },
  }
  local answers = evaluate.responses(run.policy, test)
  local win = evaluate.compare(short_and_glad, test.prompts, answers, start)
  local kl = evaluate.kl(run.policy, sft, test)
  local tokens = 0
  for _, answer in ipairs(answers) do tokens = tokens + #answer end
  print(("%-12s win rate against the start %.3f +- %.3f   KL %.2f +- %.2f   %.1f tokens an answer"):format(
    choice.name, win.mean, 1.96 * win.se, kl.mean, 1.96 * kl.se, tokens / #answers))
  print("  " .. task.tokenizer:decode(answers[1]))
end
