--- A pairwise preference model, trained to name the better of two responses and asked in both orders.
--
--   r(x, y1, y2) = sigmoid(logit);  loss = -1/2 log r(x, y_w, y_l) - 1/2 log(1 - r(x, y_l, y_w))
--   prefer y1 iff r(x, y1, y2) > r(x, y2, y1)
--
-- It reads: prompt <a> response <eos> <b> response <eos>. Tang et al. 2024, arXiv:2405.08448, eq. 5 and sec.
-- 4: asking in both orders removes what is left of a bias for a position, which online training would
-- exploit.
--
--   judge.preference_model {
--     init = sft, data = pairs, validation = held_out, labels = task.labels, eos = task.tokenizer.eos,
--   }
--
-- `probability` is the mean of r(x, y1, y2) and 1 - r(x, y2, y1).
--
-- The judge also has `model`, `trained_on`, `log` (a row an evaluation), `validation_accuracy` and `status`.
-- Errors: an option is missing, unknown or out of range; there are no pairs; labels are not two; a loss or
-- gradient is not finite.
--
--   > local judges = require "perilune.align.judge"
--   > judges.preference_model {}
--   judge.preference_model: option 'init' is missing; expected a Model
local options = require "perilune.options"
local system = require "perilune.system"
local tensor = require "perilune.tensor"
local judges = require "perilune.align.judge"
local learned = require "perilune.align.learned"

local spec = options.spec("judge.preference_model", { learned.options })

return function(given)
  local o = learned.checked(spec:fill(given), "judge.preference_model")
  if learned.has_score_head(o.init) then
    error("judge.preference_model: init has a score head; it names the better response by a head over the "
      .. "vocabulary: judge.reward_model trains a score head", 2)
  end
  local name = "preference model"
  local function logit(model, first, second)
    return learned.label_logit(model, o.labels, first:labelled(o.labels, o.eos, second))
  end
  local function as_judge(model)
    return judges.named {
      name = name,
      prefer = function(_, first, second)
        local difference = tensor.no_grad(function()
          return logit(model, first, second) - logit(model, second, first)
        end)
        return learned.outcomes(name, difference:totable())
      end,
      probability = function(_, first, second)
        return tensor.no_grad(function()
          local forward, backward = logit(model, first, second), logit(model, second, first)
          return ((forward:sigmoid() + (-backward):sigmoid()) / 2):totable()
        end)
      end,
    }
  end
  local function loss(model, batch, step)
    local n, first, second, signs = #batch, {}, {}, {}
    for i = 1, n do
      local is_swapped = system.uniform(o.seed, "judge/order", step * o.batch + i) < 0.5
      first[i], second[i] = is_swapped and n + i or i, is_swapped and i or n + i
      signs[i] = is_swapped and -1 or 1
    end
    local rows = batch.rows
    return -(logit(model, rows:select(first), rows:select(second)) * tensor(signs)):log_sigmoid()
  end
  return learned.train(o, name, loss, as_judge)
end
