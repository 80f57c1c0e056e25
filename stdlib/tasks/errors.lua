--- Errors of a text as text: three neighbouring word classes that no text of a corpus has.
--
-- A word belongs to the class of the words that can stand in its place; a word of no class is a class of its
-- own. The text before (of a prompt) is context: its last two words count as neighbours. The end of a
-- finished text is a class too, so a text that ends within a sentence has an error.
--
--   > local class = errors.classes { name = { "Lily", "Tom" }, feeling = { "glad", "sad" } }
--   > local corpus = { { "Lily", "was", "glad", "." } }
--   > local count = errors.counter { class = class, size = 1, text = function(i) return corpus[i] end }
--   > count({}, { "Tom", "was", "sad", "." }, true), count({}, { "Tom", "sad", "." }, true)
--   0	2
local limits = require "perilune.options.limits"
local options = require "perilune.options"

local errors = {}

--- A function that gives the class of a word: a name of `lists`, several names where it is in several lists,
-- or the word itself.
--
--   > local class = errors.classes { weather = { "cold" }, sky = { "cold", "grey" } }
--   > class "cold", class "grey", class "the"
--   {sky weather}	{sky}	the
function errors.classes(lists)
  local names, of = {}, {}
  for name in pairs(lists) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    for _, word in ipairs(lists[name]) do of[word] = (of[word] and of[word] .. " " or "") .. name end
  end
  for word, name in pairs(of) do of[word] = "{" .. name .. "}" end
  return function(word) return of[word] or word end
end

local spec = options.spec("tasks.errors", {
  { "class", options.required "function", "class(word): a text" },
  { "text", options.required "function", "text(i): text i of the corpus, a list of words" },
  { "size", 4000, "texts of the corpus", least = 1, most = limits.rows },
})

--- Calls `visit` with each three neighbouring classes, the last of them one of `words` or the end.
local function each(class, before, words, finished, visit)
  local first, second = class(before[#before - 1] or "<start>"), class(before[#before] or "<start>")
  for i = 1, #words + (finished and 1 or 0) do
    local third = words[i] and class(words[i]) or "<end>"
    visit(first .. "\0" .. second .. "\0" .. third)
    first, second = second, third
  end
end

--- A function count(before, words, finished): the errors of a text.
-- The corpus is read at the first call.
function errors.counter(given)
  local o = spec:fill(given)
  local known
  local function learn()
    known = {}
    for i = 1, o.size do
      each(o.class, {}, o.text(i), true, function(three) known[three] = true end)
    end
  end
  return function(before, words, finished)
    if not known then learn() end
    local count = 0
    each(o.class, before, words, finished, function(three)
      if not known[three] then count = count + 1 end
    end)
    return count
  end
end

return options.strict("tasks.errors", errors)
