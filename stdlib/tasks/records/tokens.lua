--- The tokens of a task of records: a vocabulary that is learnt from its training part, and two labels.
local attempt = require "perilune.attempt"
local system = require "perilune.system"
local task = require "perilune.tasks.task"

local tokens = {}

local specials <const> = { "<pad>", "<bos>", "<eos>", "<a>", "<b>" }
local recipe <const> = "bpe-1"

--- The tokenizer, trained on the training part or read from the cache, and its key.
function tokens.tokenizer(name, pairs_of_text, o)
  if o.tokenizer then return o.tokenizer, task.tokenizer_hash(o.tokenizer) end
  local formats = require "perilune.formats"
  local texts = {}
  for _, pair in ipairs(pairs_of_text) do
    if pair.split == "train" then
      texts[#texts + 1] = pair.prompt .. pair.chosen
      texts[#texts + 1] = pair.rejected
    end
  end
  local hash = system.sha256(table.concat(texts, "\0"))
  local key = system.sha256(("%s %d %s %s"):format(recipe, o.vocab_size, table.concat(specials, " "), hash))
  local path = o.cache and ("%s/%s-%s.json"):format(system.cache_folder(), recipe, key:sub(1, 24))
  if path and system.exists(path) then
    local ok, tokenizer = attempt.call(require "perilune.tokenizer".load, path)
    if ok then return tokenizer, key end
    io.stderr:write(("tasks.%s: %s cannot be read (%s); training again\n"):format(
      name, path, tostring(tokenizer)))
  end
  local tokenizer = formats.train_bpe(texts, { vocab_size = o.vocab_size, specials = specials })
  if path then tokenizer:save(path) end
  return tokenizer, key
end

--- Two ids that a text hardly has: <a> and <b> where the tokenizer has them.
function tokens.labels(tokenizer)
  local labels, n = {}, tokenizer.vocab_size
  local function named(name) return tokenizer.id and tokenizer:id(name) end
  for _, id in pairs { named "<a>", named "<b>", tokenizer.pad or -1, tokenizer.bos or -1, n - 1, n - 2,
    n - 3 } do
    if #labels < 2 and id >= 0 and id ~= tokenizer.eos and id ~= labels[1] then labels[#labels + 1] = id end
  end
  return labels
end

return tokens
