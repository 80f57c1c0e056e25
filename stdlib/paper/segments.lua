--- The same text in other tokens, for `appF_tandem`.
--
-- A token of which the text is that of two others in a row is written as these two.
local options = require "perilune.options"

local segments = {}

--- A function(id) that gives the two tokens, { first, second }, whose texts in a row are that of a token; nil
-- where there are none, and for those of no text: `stop`, a list of ids, and the tokenizer's own. Of several
-- the one with the shortest first part is given. A tokenizer of whole words has none at all.
--
--   > local formats, segments = require "perilune.formats", require "perilune.paper.segments"
--   > local bpe = formats.train_bpe({ "abab abab abab" }, { vocab_size = 262 })
--   > local ids = bpe:encode "abab"
--   > local two = segments.splitter(bpe)(ids[1])
--   > #ids, bpe:decode { two[1] } .. bpe:decode { two[2] } == bpe:decode { ids[1] }
--   1	true
--   > local words = require "perilune.tasks.words".tokenizer { "a", "b", "ab" }
--   > segments.splitter(words)(words:id "ab")
--   nil
function segments.splitter(tokenizer, stop)
  local of_text, found = {}, {}
  for _, id in ipairs(stop or {}) do found[id] = false end
  for _, name in ipairs { "eos", "bos", "pad", "unk" } do
    if tokenizer[name] then found[tokenizer[name]] = false end
  end
  for id = 0, tokenizer.vocab_size - 1 do
    local text = tokenizer:decode { id }
    if text ~= "" and found[id] == nil then of_text[text] = of_text[text] or id end
  end
  local function is_same(id, a, b)
    return tokenizer:decode { id } == tokenizer:decode { a, b }
      and tokenizer:decode { a, id, a } == tokenizer:decode { a, a, b, a }
  end
  return function(id)
    if found[id] == nil then
      local text = tokenizer:decode { id }
      found[id] = false
      for i = 1, #text - 1 do
        local a, b = of_text[text:sub(1, i)], of_text[text:sub(i + 1)]
        if a and b and is_same(id, a, b) then
          found[id] = { a, b }
          break
        end
      end
    end
    return found[id] or nil
  end
end

--- Whether some text has two sequences of tokens.
--
--   > segments.are_several(require "perilune.tasks.words".tokenizer { "a", "b", "ab" })
--   false
function segments.are_several(tokenizer)
  local split = segments.splitter(tokenizer)
  for id = 0, tokenizer.vocab_size - 1 do
    if split(id) then return true end
  end
  return false
end

--- The ids of a response with the first token that can be written as two: one token more. The same list where
-- there is none, or where it has `most` ids already.
--
--   > local function split(id) return id == 7 and { 3, 4 } or nil end
--   > table.concat(segments.retold({ 5, 7, 7 }, split, 8), " "), #segments.retold({ 5, 7, 7 }, split, 3)
--   5 3 4 7	3
function segments.retold(ids, split, most)
  for i, id in ipairs(ids) do
    local two = #ids < most and split(id)
    if two then
      local list = table.move(ids, 1, i - 1, 1, {})
      list[i], list[i + 1] = two[1], two[2]
      return table.move(ids, i + 1, #ids, i + 2, list)
    end
  end
  return ids
end

--- The batches of a stream with every response in other tokens: lists of pairs.
--
--   > local function split(id) return id == 7 and { 3, 4 } or nil end
--   > local stream = { { { prompt = { 1 }, chosen = { 7 }, rejected = { 5 } } } }
--   > #segments.stream(stream, split, 8)[1][1].chosen
--   2
function segments.stream(stream, split, most)
  local list = {}
  for step, batch in ipairs(stream) do
    list[step] = {}
    for i = 1, #batch do
      local pair = batch[i]
      list[step][i] = { prompt = pair.prompt, chosen = segments.retold(pair.chosen, split, most),
        rejected = segments.retold(pair.rejected, split, most) }
    end
  end
  return list
end

return options.strict("paper.segments", segments)
