--- The win rate without what goes with length: the value at equal length of the line through the outcomes.
--
-- The outcome w of a prompt, 1 for a win, is fitted by least squares as a + b d, where d is how many tokens
-- the response is longer than the one it is compared with; a = mean(w) - b mean(d) is the win rate at d = 0.
-- Dubois et al. 2024, arXiv:2404.04475, fit a logistic curve with terms of the prompt and the model instead.
-- Where nearly all responses are longer, a is extrapolated: it may lie outside of 0 to 1, and says little.
--
-- nil where all differences are the same one, other than 0.
--
--   > local equal_length = require "perilune.align.evaluate.equal_length"
--   > ("%.4f"):format(equal_length({ 0, 1, 1 }, { 0, 2, 4 }))
--   0.1667
--   > equal_length({ 0, 1 }, { 0, 0 }), equal_length({ 0, 1 }, { 3, 3 })
--   0.5	nil
--
-- Errors: the lists are empty or of different lengths; an element is no finite number.
--
--   > equal_length({ 1, 0 }, { 1, 2, 3 })
--   evaluate.equal_length: 3 differences of length for 2 outcomes
local stats = require "perilune.align.evaluate.stats"

return function(wins, longer)
  stats.check(wins, "evaluate.equal_length: outcomes")
  stats.check(longer, "evaluate.equal_length: differences of length")
  if #wins ~= #longer then
    error(("evaluate.equal_length: %d differences of length for %d outcomes"):format(#longer, #wins), 2)
  end
  local win = stats.moments(wins)
  local mean, variance = stats.moments(longer)
  if variance == 0 then return mean == 0 and win or nil end
  local covariance = 0.0
  for i, w in ipairs(wins) do covariance = covariance + (w - win) * (longer[i] - mean) / #wins end
  return win - covariance / variance * mean
end
