--- Dialogues: where prompt and response part, and which turns of a long prompt stay.
local lu = require "luaunit"
local dialogues = require "perilune.tasks.harmless.dialogues"

local two <const> = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Bye\n\nAssistant:"

TestDialogues = {}

function TestDialogues:test_the_response_is_all_after_the_last_assistant()
  lu.assertEquals({ dialogues.split(two .. " See you.\n\nSoon.") }, { two, " See you.\n\nSoon.", false })
  lu.assertEquals({ dialogues.split(two) }, { two, "", false })
  lu.assertNil(dialogues.split "Human: Hi Assistant: no blank line")
  lu.assertNil(dialogues.split "")
end

function TestDialogues:test_a_response_ends_where_a_human_turn_begins()
  lu.assertEquals({ dialogues.split(two .. " Bye.\n\nHuman: Wait") }, { two, " Bye.", true })
  lu.assertEquals({ dialogues.split(two .. " Bye.") }, { two, " Bye.", false })
end

--- A letter is a token.
local function encode(text) return { text:byte(1, -1) } end

function TestDialogues:test_the_longest_end_has_whole_turns_and_fewer_tokens_than_the_limit()
  local last = "\n\nHuman: Bye\n\nAssistant:"
  lu.assertEquals({ dialogues.longest_end(two, #two + 1, encode) }, { encode(two), false })
  lu.assertEquals({ dialogues.longest_end(two, #two, encode) }, { encode(last), true })
  lu.assertEquals({ dialogues.longest_end(two, #last + 1, encode) }, { encode(last), true })
  lu.assertNil((dialogues.longest_end(two, #last, encode)))
  lu.assertEquals((dialogues.longest_end("\n\nAssistant:", 20, encode)), encode "\n\nAssistant:")
end

function TestDialogues:test_the_last_turn_is_the_last_question()
  lu.assertEquals(dialogues.last_turn(two), "\n\nHuman: Bye\n\nAssistant:")
  lu.assertEquals(dialogues.last_turn "\n\nAssistant:", "\n\nAssistant:")
end

os.exit(lu.LuaUnit.run())
