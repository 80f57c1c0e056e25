--- The best of n responses to each prompt, by a judge: by its scores, or by a knock-out where it has none.
--
-- `drawn` are Rows of n adjacent responses to each prompt, as `model:sample` gives them. Gives Rows, one a
-- prompt.
--
--   > local models = require "perilune.models"
--   > local drawn = models.rows({ { 1 }, { 1 }, { 2 }, { 2 } }, { { 5 }, { 6 }, { 7 }, { 4 } })
--   > local judge = require "perilune.align.judge".from_score("first token", function(_, response)
--   >>   return response[1] end)
--   > local best = best_of(drawn, 2, judge)
--   > best:prompt(1)[1], best:response(1)[1], best:prompt(2)[1], best:response(2)[1]
--   1	6	2	7
return function(drawn, n, judge)
  local best, scores = {}, {}
  for k = 1, n do
    local at = {}
    for i = 1, #drawn // n do at[i] = (i - 1) * n + k end
    local rows = drawn:select(at)
    local new = judge.score and judge:score(rows)
    local wins = k > 1 and not new and judge:prefer(rows, drawn:select(best))
    for i, row in ipairs(at) do
      if k == 1 or new and new[i] > scores[i] or wins and wins[i] == 1 then
        best[i], scores[i] = row, new and new[i]
      end
    end
  end
  return drawn:select(best)
end
