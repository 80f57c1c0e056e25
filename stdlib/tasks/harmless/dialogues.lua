--- Dialogues of hh-rlhf: prompt and response, and the last turns of a long prompt.
--
-- A dialogue is a text of turns, each opened by "\n\nHuman:" or "\n\nAssistant:" (Bai et al. 2022,
-- arXiv:2204.05862). Its prompt ends with the last "\n\nAssistant:", its response is the rest.
--
--   > prompt, response = dialogues.split("\n\nHuman: Hi\n\nAssistant: Hello")
--   > #response
--   6
--   > dialogues.last_turn("\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Bye"):match "%a+: (%a+)"
--   Bye
local trimmed = require "perilune.trimmed"

local dialogues = {}

local human <const>, assistant <const> = "\n\nHuman:", "\n\nAssistant:"

--- Where `mark` starts in `text`, all positions in order.
local function positions(text, mark)
  local out, at = {}, text:find(mark, 1, true)
  while at do
    out[#out + 1] = at
    at = text:find(mark, at + 1, true)
  end
  return out
end

--- Prompt and response of a dialogue, and whether the response ran on into a human turn, where it is cut. nil
-- for a dialogue without a response.
function dialogues.split(text)
  local at = positions(text, assistant)
  if #at == 0 then return nil end
  local last = at[#at] + #assistant - 1
  local turn = text:find(human, last + 1, true)
  return text:sub(1, last), text:sub(last + 1, turn and turn - 1), turn ~= nil
end

--- The turns of a prompt as messages { role, content }. Empty turns are left out, turns of one role that
-- follow each other are one message, and text before the first turn is the system's.
--
--   > #dialogues.messages("\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Bye\n\nAssistant:")
--   3
function dialogues.messages(prompt)
  local marks, list = {}, {}
  for role, mark in pairs { user = human, assistant = assistant } do
    for _, at in ipairs(positions(prompt, mark)) do
      marks[#marks + 1] = { at = at, role = role, mark = mark }
    end
  end
  table.sort(marks, function(a, b) return a.at < b.at end)
  local function add(role, text)
    text = trimmed(text)
    if text == "" then return end
    local last = list[#list]
    if last and last.role == role then
      last.content = last.content .. "\n\n" .. text
    else
      list[#list + 1] = { role = role, content = text }
    end
  end
  add("system", prompt:sub(1, (marks[1] and marks[1].at or #prompt + 1) - 1))
  for i, turn in ipairs(marks) do
    add(turn.role, prompt:sub(turn.at + #turn.mark, (marks[i + 1] and marks[i + 1].at or #prompt + 1) - 1))
  end
  return list
end

--- The last human turn of a prompt with what follows it: the question that the response answers.
function dialogues.last_turn(prompt)
  local at = positions(prompt, human)
  return #at > 0 and prompt:sub(at[#at]) or prompt
end

--- The longest end of a prompt, in whole turns, whose tokens are fewer than `limit`, and whether turns were
-- left out; nil when the last turn alone does not fit. Every end starts with a human turn, except the whole
-- prompt.
--
-- `encode(text)` gives the list of ids. Ends are tried from the shortest: each has at most `limit` tokens, so
-- the work does not grow with the length of the prompt.
function dialogues.longest_end(prompt, limit, encode)
  local at = positions(prompt, human)
  if at[1] ~= 1 then table.insert(at, 1, 1) end
  local best, first
  for i = #at, 1, -1 do
    local ids = encode(prompt:sub(at[i]))
    if #ids >= limit then break end
    best, first = ids, i
  end
  return best, best and first > 1
end

return dialogues
