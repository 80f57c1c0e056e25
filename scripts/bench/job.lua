--- How long is a step of the whole job, IPO on stories260K? One row of scripts/bench/run.
--
--   perilune scripts/bench/job.lua --what online --data stories260K.bin --seconds 5
--
--   offline       a step on fixed pairs; the reference's log-probabilities computed in every step
--   offline_kept  the same, with the reference's log-probabilities computed in the first epoch only
--   online        two responses to each prompt, judged by valence, then the same step
--
-- 32 pairs a step, prompts of 8 tokens and responses of 32; beta 0.1, AdamW, gradients clipped at 1. A step
-- counts all tokens of its pairs. With --embedded and without --data it takes the embedded task's prompts and
-- a new model, which only shows that everything works.
local folder = debug.getinfo(1, "S").source:match "^@(.*)/" or "."
local sizes = dofile(folder .. "/sizes.lua")
local perilune = require "perilune"
local align, models, tasks = perilune.align, perilune.models, perilune.tasks

local batch <const>, answer_tokens <const>, epoch_pairs <const> = 32, 32, 512

local function stage(o)
  if o.data ~= "" then
    local task = tasks.stories { path = o.data }
    return task, task:pretrained()
  end
  if not (o.smoke or o.embedded) then error("job.lua: give --data stories260K.bin", 0) end
  local task = tasks.sentiment()
  local shape = { vocab = task.tokenizer.vocab_size }
  for name, value in pairs(task.model) do shape[name] = value end
  return task, models.transformer(shape)
end

--- Trains with one source, a step at a time; with `stores` the reference reads each pair once.
local function run(o, make_source, stores, warm)
  local task, reference = stage(o)
  local sampling = {
    judge = align.judge.gold(task), prompts = task:prompts("train", epoch_pairs),
    max_new_tokens = answer_tokens,
    stop = { task.tokenizer.eos }, seed = 1,
  }
  local source = make_source(reference, sampling)
  local training = align.train {
    policy = reference:clone(), reference = reference,
    source = stores and source or sizes.without_store(source),
    loss = align.loss.ipo { beta = 0.1 }, steps = 1, lr = 3e-4, quiet = true, instruments = false,
  }
  local tokens = 2 * batch * (task.max_prompt + answer_tokens)
  sizes.run(o, tokens, function() training:resume(training.step + 1) end, o.smoke and 0 or warm)
end

local function written(reference, sampling)
  sampling.count, sampling.quiet = epoch_pairs, true
  return align.sources.offline(align.sources.sample(reference, sampling), { batch = batch, seed = 1 })
end

local rows = {}

function rows.offline(o) run(o, written, false, 3) end

--- Warm after an epoch, when all of the reference's log-probabilities are known.
function rows.offline_kept(o) run(o, written, true, epoch_pairs // batch) end

function rows.online(o)
  run(o, function(_, sampling)
    sampling.batch = batch
    return align.sources.online(sampling)
  end, false, 3)
end

sizes.main(perilune.cli.parse(arg, sizes.options, "job.lua: one row of scripts/bench"), rows)
