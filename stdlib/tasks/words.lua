--- A tokenizer of whole words: one id for each word and mark; decoding gives the same text again.
--
-- Ids are values: 0 <pad>, 1 <bos>, 2 <eos>, 3 <unk>, then <a> and <b>, which a preference model answers with
-- and no text encodes to, then the words in the order given. Decoding closes up punctuation and opens
-- sentences with a capital; encoding undoes both. So a word list must not hold two words that differ only in
-- capitals.
--
--   > small = words.tokenizer { "a", "dog", "Lily", "saw", ".", "," }
--   > small:decode(small:encode("Lily saw a dog."))
--   Lily saw a dog.
--   > table.concat(small:encode("A cat."), " ")
--   6 3 10
local options = require "perilune.options"

local words = { pad = 0, bos = 1, eos = 2, unk = 3, labels = { 4, 5 } }

local specials <const> = { [0] = "<pad>", "<bos>", "<eos>", "<unk>", "<a>", "<b>" }
local closing <const> = { ["."] = true, [","] = true, ["!"] = true, ["?"] = true }
local ending <const> = { ["."] = true, ["!"] = true, ["?"] = true }

local Tokenizer = {}
Tokenizer.__index = Tokenizer

--- A whole number that is an id of this vocabulary, or an error that names what was given.
local function known_id(self, id, level)
  local whole = math.type(id) and math.tointeger(id)
  if not whole or whole < 0 or whole >= self.vocab_size then
    error(("words: id %s is not in the vocabulary of %d words (ids 0 to %d)"):format(
      options.show(id), self.vocab_size, self.vocab_size - 1), level + 1)
  end
  return whole
end

--- The word of an id: `<eos>` and the like for the special ones.
function Tokenizer:word(id) return self.words[known_id(self, id, 2)] end

--- The id of a word, `<unk>` when it is not in the vocabulary.
function Tokenizer:id(word)
  return self.ids[word] or self.ids[word:lower()] or self.unk
end

--- The ids of a text, without <bos> and <eos>.
function Tokenizer:encode(text)
  if type(text) ~= "string" then error("words: encode takes a string, not " .. options.show(text), 2) end
  local ids = {}
  for chunk in text:gmatch("%S+") do
    local head, marks = chunk:match("^(.-)([%.,!%?]*)$")
    if head ~= "" then ids[#ids + 1] = self:id(head) end
    for mark in marks:gmatch(".") do ids[#ids + 1] = self:id(mark) end
  end
  return ids
end

--- The text of ids: stops at the first <eos>, leaves <bos> and <pad> out, shows <unk>.
function Tokenizer:decode(ids)
  if type(ids) ~= "table" then error("words: decode takes a list of ids, not " .. options.show(ids), 2) end
  local out, opens = {}, true
  for i = 1, #ids do
    local id = known_id(self, ids[i], 2)
    if id == self.eos then break end
    if id ~= self.bos and id ~= self.pad then
      local word = self.words[id]
      if closing[word] then
        out[#out + 1] = word
      else
        if #out > 0 then out[#out + 1] = " " end
        out[#out + 1] = opens and id ~= self.unk and word:gsub("^%l", string.upper) or word
      end
      opens = ending[word] or opens and closing[word] or false
    end
  end
  return table.concat(out)
end

--- A tokenizer over a list of distinct words.
--
--   > local words = require "perilune.tasks.words"
--   > local tok = words.tokenizer { "tea", "soup" }
--   > tok:word(tok:id "tea"), tok:id "cake" == tok:id "<unk>"
--   tea	true
function words.tokenizer(list)
  local self = setmetatable({ pad = words.pad, bos = words.bos, eos = words.eos, unk = words.unk, words = {},
    ids = {} }, Tokenizer)
  for id, word in pairs(specials) do self.words[id] = word end
  local folded = {}
  for i, word in ipairs(list) do
    local same = folded[word:lower()]
    if same then error(("words: '%s' and '%s' would decode to the same text"):format(same, word), 2) end
    folded[word:lower()] = word
    local id = #specials + i
    self.words[id], self.ids[word] = word, id
  end
  self.vocab_size = #specials + 1 + #list
  return self
end

return words
