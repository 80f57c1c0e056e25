--- Sentences from templates: "{name} sold {food} ." with a word, or words, for each slot.
--
-- Templates are texts of words and slots with spaces between. `fill` appends to a list of words; `words`
-- gives the words of templates and lists, for vocabularies.
--
--   > local slots = require "perilune.tasks.slots"
--   > local words = { name = "Tom", food = "pie" }
--   > table.concat(slots.fill({}, "{name} sold {food} .", function(slot) return words[slot] end), " ")
--   Tom sold pie .
local slots = {}

--- The words of a text with spaces between.
--
--   > #slots.list "tea and soup"
--   3
function slots.list(text)
  local out = {}
  for word in text:gmatch "%S+" do out[#out + 1] = word end
  return out
end

--- Appends the words of a template to `out`; `value(slot)` gives the text of a slot.
function slots.fill(out, template, value)
  for token in template:gmatch "%S+" do
    local slot = token:match "^{(.+)}$"
    if slot then
      for word in tostring(value(slot)):gmatch "%S+" do out[#out + 1] = word end
    else
      out[#out + 1] = token
    end
  end
  return out
end

--- An item of a list, by a function draw(n) that gives a whole number from 1 to n.
--
--   > local slots = require "perilune.tasks.slots"
--   > slots.pick(function(n) return n end, { "tea", "soup" })
--   soup
function slots.pick(draw, list) return list[draw(#list)] end

--- The sorted distinct words of nested lists of texts, without slots.
--
--   > table.concat(slots.words { "{name} sold pie .", { "Tom", "sold" } }, " ")
--   . Tom pie sold
function slots.words(nested)
  local seen, out = {}, {}
  local function add(value)
    if type(value) == "table" then
      for _, one in pairs(value) do add(one) end
    elseif type(value) == "string" then
      for word in value:gmatch "%S+" do
        if not seen[word] and not word:match "^{.+}$" then seen[word], out[#out + 1] = true, word end
      end
    end
  end
  add(nested)
  table.sort(out)
  return out
end

return slots
