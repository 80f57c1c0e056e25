--- A judge from a score of one response: the larger wins, equal ones tie.
--
-- It also has `score(rows)`, a list of numbers, and `probability`, sigmoid(first score - second score).
-- Errors: the name is no text, or there is no function. Errors of `prefer`, `probability` and `score`: a
-- score is NaN or no number.
--
--   > local rows = require "perilune.models".rows
--   > local shorter = from_score("shorter", function(prompt, response) return -#response end)
--   > shorter:prefer(rows({ { 1 } }, { { 2 } }), rows({ { 1 } }, { { 3 } }))[1]
--   0.5
--   > from_score("r", function() return 0 / 0 end):score(rows({ { 1 } }, { { 2, 3 } }))
--   judge r: the score of row 1 is nan, expected a number (prompt { 1 }, response { 2 3 })
local judge = require "perilune.align.judge"

return function(name, score)
  judge.check_made("judge.from_score", name, score)
  local made = judge.named { name = name }
  function made:score(rows)
    local prompts, responses, scores = rows:prompts(), rows:responses(), {}
    for i = 1, #rows do
      scores[i] = score(prompts[i], responses[i])
      judge.check_score(name, scores[i], rows, i)
    end
    return scores
  end
  function made:prefer(first, second)
    return judge.by_scores(self:score(first), self:score(second))
  end
  function made:probability(first, second)
    return judge.by_differences(self:score(first), self:score(second))
  end
  return made
end
