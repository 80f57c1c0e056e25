--- A judge from a function of one prompt and two responses that returns 1, 0, 0.5, or true and false.
--
-- Errors: the name is no text, or there is no function. Errors of `prefer`: the function returns
-- something else.
--
--   > local rows = require "perilune.models".rows
--   > local shorter = from_function("shorter", function(prompt, a, b) return #a < #b end)
--   > shorter:prefer(rows({ { 1 } }, { { 2 } }), rows({ { 1 } }, { { 2, 3 } }))[1]
--   1
local judge = require "perilune.align.judge"

return function(name, prefers)
  judge.check_made("judge.from_function", name, prefers)
  local made = judge.named { name = name }
  function made:prefer(first, second)
    local prompts, a, b, outcomes = first:prompts(), first:responses(), second:responses(), {}
    for i = 1, #first do
      local outcome = prefers(prompts[i], a[i], b[i])
      if type(outcome) == "boolean" then outcome = outcome and 1 or 0 end
      if outcome ~= outcome then judge.check_score(name, outcome, first, i) end
      outcomes[i] = outcome == nil and "nil" or outcome
    end
    return outcomes
  end
  return made
end
