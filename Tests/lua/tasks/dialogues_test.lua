--- Pairs of dialogues: where prompt and response part, what a long one loses, and which split owns it.
local support = dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/support.lua")
local lu = require "luaunit"
local dialogues = require "perilune.tasks.dialogues"

local two <const> = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Bye\n\nAssistant:"
local function record(prompt, chosen, rejected) return { chosen = prompt .. chosen, rejected = prompt .. rejected } end

TestDialogues = {}

function TestDialogues:test_the_response_is_all_after_the_last_assistant()
  lu.assertEquals({ dialogues.split(two .. " See you.\n\nSoon.") }, { two, " See you.\n\nSoon." })
  lu.assertEquals({ dialogues.split(two) }, { two, "" })
  lu.assertNil(dialogues.split "Human: Hi Assistant: no blank line")
  lu.assertNil(dialogues.split "")
end

function TestDialogues:test_ends_are_whole_turns_from_the_longest_to_the_last_question()
  lu.assertEquals(dialogues.ends(two), { two, "\n\nHuman: Bye\n\nAssistant:" })
  lu.assertEquals(dialogues.last_turn(two), "\n\nHuman: Bye\n\nAssistant:")
  lu.assertEquals(dialogues.ends "\n\nAssistant:", { "\n\nAssistant:" })
end

function TestDialogues:test_a_question_belongs_to_one_split_whatever_came_before()
  local counts = { train = 0, validation = 0, test = 0 }
  for i = 1, 2000 do
    local question = ("\n\nHuman: question %d?\n\nAssistant:"):format(i)
    local owner = dialogues.owner(question)
    lu.assertEquals(dialogues.owner("\n\nHuman: Hi\n\nAssistant: Yes?" .. question), owner)
    counts[owner] = counts[owner] + 1
  end
  lu.assertTrue(counts.train > 1500 and counts.train < 1700, counts.train)
  lu.assertTrue(counts.validation > 140 and counts.test > 140)
end

function TestDialogues:test_pairs_without_one_prompt_or_without_a_difference_are_counted()
  local made, dropped = dialogues.pairs({
    record(two, " Bye.", " No."),
    record(two, " Bye.", " Bye."),
    { chosen = two .. " Bye.", rejected = "\n\nHuman: Bye\n\nAssistant: Bye." },
  }, "here")
  lu.assertEquals(#made, 1)
  lu.assertEquals({ made[1].prompt, made[1].chosen, made[1].rejected }, { two, " Bye.", " No." })
  lu.assertEquals(dropped, { prompts_differ = 1, responses_equal = 1 })
end

function TestDialogues:test_a_record_of_another_form_is_named()
  local function message(second) return support.message(dialogues.pairs, { record(two, "a", "b"), second }, "x.jsonl") end
  lu.assertEquals(message { chosen = two }, "x.jsonl: record 2 has no text 'rejected' (it is nil)")
  lu.assertEquals(message { prompt = "a", chosen = 5 }, "x.jsonl: record 2 has no text 'chosen' (it is 5)")
  lu.assertEquals(message(7), "x.jsonl: record 2 has no text 'chosen' (it is 7)")
  lu.assertEquals(message(record("Hi", "a", "b")),
    "x.jsonl: record 2, 'chosen', has no turn that starts with a blank line and \"Assistant:\"")
end

os.exit(lu.LuaUnit.run())
