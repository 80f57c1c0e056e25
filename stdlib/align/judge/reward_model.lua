--- A Bradley-Terry reward model: one number a response, and the larger wins.
--
--   loss = -log sigmoid(r(x, y_w) - r(x, y_l) - m) + center_rewards_coefficient (r(x, y_w) + r(x, y_l))^2
--   p(y1 > y2 | x) = sigmoid(r(x, y1) - r(x, y2))
--
-- m is the column `margin` of the pairs, how much better the chosen response is, and 0 where there is none
-- (Touvron et al. 2023, arXiv:2307.09288, eq. 2). The second term keeps rewards around 0 (Eisenstein et al.
-- 2023, arXiv:2312.09244, sec. 3). Christiano et al. 2017, arXiv:1706.03741, eq. 1; Ouyang et al. 2022,
-- arXiv:2203.02155, eq. 1. The names are those of TRL's RewardTrainer.
--
--   judge.reward_model { init = sft, data = pairs, labels = task.labels, eos = task.tokenizer.eos }
--   judge.reward_model { init = sft:score_head(), data = pairs, eos = task.tokenizer.eos }
--
-- Of a model with a score head the reward is its score of prompt, response and eos, as in TRL; `models.save`
-- writes it as transformers' AutoModelForSequenceClassification opens it, and `judge.from_model` reads it
-- again. Of another model the reward is the logit of the first label less that of the second, after prompt,
-- first label, response and eos.
--
-- The judge also has `score(rows)`, a list of numbers, `probability`, `model`, `trained_on`, `log` (a row an
-- evaluation), `validation_accuracy` and `status`. Errors: as judge.preference_model.
--
--   > local judges = require "perilune.align.judge"
--   > judges.reward_model {}
--   judge.reward_model: option 'init' is missing; expected a Model
local options = require "perilune.options"
local learned = require "perilune.align.learned"
local reward_loss = require "perilune.align.reward_loss"

local spec = options.spec("judge.reward_model", { learned.options, reward_loss.options })

return function(given)
  local o = learned.checked(spec:fill(given), "judge.reward_model")
  local name, has_head = "reward model", learned.has_score_head(o.init)
  local mark = not has_head and { o.labels[1] }
  local function rewards(model, rows)
    if has_head then return model:scores(learned.closed(rows, o.eos)) end
    return learned.label_logit(model, o.labels, rows:labelled(mark, o.eos))
  end
  local function as_judge(model)
    return learned.of_rewards(name, function(rows) return rewards(model, rows) end)
  end
  local function loss(model, batch)
    -- Two passes: the gradients are those of chosen and rejected responses one after another.
    local chosen, rejected = batch:pair_rows()
    local margin = batch.margin and batch.margin:narrow(1, 1, #batch)
    return reward_loss.of(rewards(model, chosen), rewards(model, rejected), margin, o)
  end
  return learned.train(o, name, loss, as_judge)
end
