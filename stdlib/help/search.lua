--- The pages that have the words of a search: native ones, those of Lua and those of the library.
--
--   > require "perilune.help.search".entries("yield whether")[1].name
--   coroutine.isyieldable
local native = require "perilune.native.help"
local index = require "perilune.help.index"
local lua = require "perilune.help.lua"

local search = {}

-- The words of a search in lower case, without the s of a plural.
local function words_of(text)
  local words = {}
  for word in text:lower():gsub("_", " "):gmatch "%S+" do
    words[#words + 1] = #word > 4 and word:gsub("s$", "") or word
  end
  return words
end

-- How well a page fits: 0 where a word is missing; more where the words follow each other, and where they are
-- in the name or the summary.
local function fit(words, phrase, name, summary, text)
  name, summary = name:lower():gsub("_", " "), summary:lower():gsub("_", " ")
  text = name .. " " .. summary .. " " .. text:lower():gsub("_", " ")
  local in_name, in_summary = true, true
  for _, word in ipairs(words) do
    if not text:find(word, 1, true) then return 0 end
    in_name = in_name and name:find(word, 1, true)
    in_summary = in_summary and summary:find(word, 1, true)
  end
  return 1 + (text:find(phrase, 1, true) and 1 or 0) + (in_summary and 2 or 0) + (in_name and 4 or 0)
end

--- The entries whose pages have all words of a text, in any case and order, the nearest first. Names,
-- signatures, sentences, formulas and options are searched.
--
--   > #search.entries "zzzz"
--   0
--   > #search.entries "figure redrawn while numbers arrive"
--   1
function search.entries(text)
  local words = words_of(text)
  local phrase, found = table.concat(words, " "), {}
  local function look(entry, summary, searched)
    local points = fit(words, phrase, entry.name, summary, searched)
    if points > 0 then found[#found + 1] = { entry = entry, points = points, place = #found } end
  end
  for _, entry in ipairs(native.summaries()) do
    look(entry, entry.summary, entry.group .. " " .. entry.text)
  end
  for _, entry in ipairs(lua.list()) do look(entry, entry.summary, "") end
  index.load_all()
  for _, entry in ipairs(index.entries()) do
    local spec = index.spec(entry.name)
    local prose = ("\n" .. entry.text .. "\n\n"):gsub("\n%s*> .-\n\n", "\n\n")  -- without examples
    look(entry, entry.summary, table.concat({ entry.title, prose, spec and spec:text() }, " "))
  end
  table.sort(found, function(a, b)
    if a.points ~= b.points then return a.points > b.points end
    return a.place < b.place
  end)
  local entries, known = {}, {}
  for _, one in ipairs(found) do
    -- A module and its function of one name have one page.
    if not known[one.entry.name] then entries[#entries + 1] = one.entry end
    known[one.entry.name] = true
  end
  return entries
end

return search
