--- The edit distance of two lists of token ids.
--
-- The least number of tokens that are inserted, removed or replaced to make one list the other (Levenshtein
-- 1966).
--
--   > local edits = require "perilune.align.edits"
--   > edits({ 1, 2, 3 }, { 2, 3, 4 })
--   2
--   > edits({}, { 5, 6 })
--   2
return function(a, b)
  local row = {}  -- row[j]: the distance of the first i ids of a and the first j of b
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local before = row[0]
    row[0] = i
    for j = 1, #b do
      local replaced = before + (a[i] == b[j] and 0 or 1)
      before = row[j]
      row[j] = math.min(replaced, before + 1, row[j - 1] + 1)
    end
  end
  return row[#b]
end
