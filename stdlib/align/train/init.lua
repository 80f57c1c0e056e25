--- The training loop: the same for every loss and every source of batches.
--
--   local run = align.train {
--     policy = sft:clone(), reference = sft, loss = align.loss.ipo { beta = 0.1 }, steps = 400,
--     source = align.sources.online { judge = proxy, prompts = prompts },
--   }
--   run.log[#run.log]["rewards/margins"]
--
-- The policy is trained in place. The result is a run; `?align.train.run` documents its fields. Ctrl-C ends
-- the run with `status = "interrupted"`; `run:resume()` continues it. In a script, execution continues and
-- the process exits with status 130.
--
--   > local align, worlds = require "perilune.align", require "perilune.worlds"
--   > local w = worlds.bandit { answers = 4, seed = 1 }
--   > local source = align.sources.online { task = w, prompts = w.prompts, judge = w:judge {}, batch = 1 }
--   > local run = align.train { policy = w:policy(), reference = w.reference, source = source,
--   >>   loss = align.loss.ipo { beta = 0.5 }, steps = 3, lr = 0.1, quiet = true }
--   > run.status, #run.log, run.log[3].loss ~= nil
--   finished	3	true
local prepare = require "perilune.align.train.prepare"
local recorded = require "perilune.align.runs.recorded"

--- Trains a policy on the batches of a source; returns the run.
--
-- A batch is drawn, then `epochs` times divided into `mini_batches` parts, each of which gives one optimiser
-- step. A part is computed in `gradient_accumulation_steps` pieces; the losses of all pieces are divided by
-- the number of units (pairs, rows, groups or tokens, as the loss says) of the whole part. Where the batch
-- has a column `weight`, the losses of a unit are multiplied by it; the mean is over all units still.
--
-- The reference is fixed, none, or with `sync_ref_model` a copy that moves towards the policy, see
-- `?align.train.reference`; it moves between batches.
--
-- With `run = "name"` the run is recorded in `runs/name`, saves checkpoints, and goes on after the last one
-- when it was cut and is started again with `--resume`, see `perilune.run`.
--
-- Errors: an option is missing, unknown, or out of range; policy and reference are one model; a fixed list
-- holds a pair that does not fit the model. An error in the run is raised as a value with `run` (whose
-- `status` is "failed" and which has the log, points and policy up to the last finished step) and `message`:
--
--   local ok, problem = pcall(align.train, { ... })
--   if not ok then print(problem.message, #problem.run.log) end
--
-- A row of run.log has `step`, `loss`, `grad_norm`, `lr`, the figures of the loss, and under TRL's names
-- `rewards/chosen`, `rewards/rejected`, `rewards/margins`, `rewards/accuracies` (a tie counts 1/2),
-- `logps/chosen`, `logps/rejected`, `log_ratios/...` and `lengths/...`; with a column `true_label` also
-- `labels/accuracies`, the share of right labels (a tie counts 1/2). A batch without pairs has `logps`,
-- `log_ratios`, `lengths` and `reward`. A step that is evaluated is logged, with the figures of
-- `align.instruments`; the ledger's are in every row.
return function(given)
  local run = prepare(given)
  if run.options.run then run.job = recorded.open(run, run.options.run) end
  return run:resume()
end
