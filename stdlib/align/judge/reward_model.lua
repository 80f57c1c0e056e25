--- A Bradley-Terry reward model: one number a response, and the larger wins.
--
--   loss = -log sigmoid(r(x, y_w) - r(x, y_l))
--
-- Christiano et al. 2017, arXiv:1706.03741, eq. 1; Ouyang et al. 2022, arXiv:2203.02155, eq. 1.
--
--   judge.reward_model { init = sft, data = pairs, labels = task.labels, eos = task.tokenizer.eos }
--
-- The judge also has `score(rows)`, a list of numbers, `model`, `log` (a row an evaluation),
-- `validation_accuracy` and `status`. Errors: as judge.preference_model.
local options = require "perilune.options"
local tensor = require "perilune.tensor"
local learned = require "perilune.align.learned"

local spec = options.spec("judge.reward_model", { learned.options })

return function(given)
  local o = learned.checked(spec:fill(given), "judge.reward_model")
  local name, mark = "reward model", { o.labels[1] }
  local function rewards(model, rows)
    return learned.label_logit(model, o.labels, rows:labelled(mark, o.eos))
  end
  local function as_judge(model)
    return {
      name = name,
      score = function(_, rows)
        return tensor.no_grad(function() return rewards(model, rows):totable() end)
      end,
      prefer = function(self, first, second)
        local differences, other = self:score(first), self:score(second)
        for i, score in ipairs(other) do differences[i] = differences[i] - score end
        return learned.outcomes(name, differences)
      end,
    }
  end
  local function loss(model, batch)
    -- Two passes: the gradients are those of chosen and rejected responses one after another.
    local n, chosen, rejected = #batch, {}, {}
    for i = 1, n do chosen[i], rejected[i] = i, n + i end
    local rows = batch.rows
    return -(rewards(model, rows:select(chosen)) - rewards(model, rows:select(rejected))):log_sigmoid()
  end
  return learned.train(o, name, loss, as_judge)
end
