--- Pairs of dialogues that differ in the last answer alone, and how a long one is shortened.
--
-- A dialogue is text of turns, each opened by "\n\nHuman:" or "\n\nAssistant:" (Bai et al. 2022, arXiv:2204.05862).
-- Its prompt is all up to and with the last "\n\nAssistant:", its response the rest.
--
--   > prompt, response = dialogues.split("\n\nHuman: Hi\n\nAssistant: Hello")
--   > #response
--   6
--   > dialogues.last_turn("\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Bye\n\nAssistant:") == "\n\nHuman: Bye\n\nAssistant:"
--   true
local counter = require "perilune.tasks.counter"
local options = require "perilune.options"

local dialogues = {}

local human <const>, assistant <const> = "\n\nHuman:", "\n\nAssistant:"

--- Where `mark` starts in `text`, all places in order.
local function places(text, mark)
  local out, at = {}, text:find(mark, 1, true)
  while at do
    out[#out + 1] = at
    at = text:find(mark, at + 1, true)
  end
  return out
end

--- Prompt and response of a dialogue; nil when nobody answers in it.
function dialogues.split(text)
  local at = places(text, assistant)
  if #at == 0 then return nil end
  local last = at[#at] + #assistant - 1
  return text:sub(1, last), text:sub(last + 1)
end

--- The ends of a prompt that begin with a human's turn, from the longest to the shortest; the whole prompt is first.
function dialogues.ends(prompt)
  local out = { prompt }
  for _, at in ipairs(places(prompt, human)) do
    if at > 1 then out[#out + 1] = prompt:sub(at) end
  end
  return out
end

--- The shortest of them: the last question, to which the response is the answer.
function dialogues.last_turn(prompt)
  local ends = dialogues.ends(prompt)
  return ends[#ends]
end

--- Of every ten last turns a split owns so many, by a hash: equal ones never fall to two splits, whatever is left of
-- the turns before, and whatever the seed.
--
--   > dialogues.owner("\n\nHuman: Hi\n\nAssistant:") == dialogues.owner("\n\nHuman: Well\n\nAssistant: Yes?\n\nHuman: Hi\n\nAssistant:")
--   true
function dialogues.owner(prompt)
  local bucket = counter.hash(dialogues.last_turn(prompt)) % 10
  return bucket < 8 and "train" or bucket == 8 and "validation" or "test"
end

--- Pairs { prompt, chosen, rejected, split } as texts from records { chosen, rejected }, and why others were left out:
-- { prompts_differ, responses_equal }.
function dialogues.pairs(records, source)
  local out, dropped = {}, { prompts_differ = 0, responses_equal = 0 }
  for i, record in ipairs(records) do
    local found = {}
    for _, key in ipairs { "chosen", "rejected" } do
      local text = type(record) == "table" and record[key]
      if type(text) ~= "string" then
        error(("%s: record %d has no text '%s' (it is %s)"):format(source, i, key,
          type(record) == "table" and options.show(record[key]) or options.show(record)), 0)
      end
      found[key] = table.pack(dialogues.split(text))
      if not found[key][1] then
        error(("%s: record %d, '%s', has no turn that starts with a blank line and \"Assistant:\""):format(source, i, key), 0)
      end
    end
    local prompt, chosen, rejected = found.chosen[1], found.chosen[2], found.rejected[2]
    if prompt ~= found.rejected[1] then
      dropped.prompts_differ = dropped.prompts_differ + 1
    elseif chosen == rejected then
      dropped.responses_equal = dropped.responses_equal + 1
    else
      out[#out + 1] = { prompt = prompt, chosen = chosen, rejected = rejected, split = dialogues.owner(prompt) }
    end
  end
  return out, dropped
end

return dialogues
