--- What ends a template or a conversation in an error beyond template_refusals_test.lua: arguments of calls,
-- loops, sizes and clocks; messages that have no mask or cannot be continued; files of templates.
local lu = require "luaunit"
local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."
local support = dofile(here .. "/support.lua")
local formats = require "perilune.formats"
local system = require "perilune.system"
local tokenizer = require "perilune.tokenizer"

TestTemplateFaults = {}

-- A template, and what its error says before "(line 1)".
local rows <const> = {
  -- Every square of 2 that is taken fits, their product does not.
  { "{{ 2 ** 63 }}", "a whole number beyond 64 bits" },
  { "{% for i in [1] %}{{ loop([1]) }}{% endfor %}",
    "The loop must have the 'recursive' marker to be called recursively." },
  { "{% set n = namespace() %}{% for i in [1] recursive %}{% set n.l = loop %}{% endfor %}{{ n.l([1]) }}",
    "a loop that has ended is not called" },
  { "{{ [1] | map('upper') | last }}", "'generator' object is not reversible" },
  { "{{ 'a\\", "a string without its closing quote" },
  { "{{ 'a'.partition('') }}", "empty separator" },
  { "{{ 'a'.split(' ', 1, 2) }}", "split() takes 2 arguments but 3 were given" },
  { "{{ 'a' | indent(nope=1) }}", "indent() got an unexpected keyword argument 'nope'" },
  { "{{ 'a' | indent(1, width=1) }}", "indent() got multiple values for argument 'width'" },
}

function TestTemplateFaults:test_each_says_what_is_wrong()
  for _, row in ipairs(rows) do
    lu.assertEquals(support.message(formats.render_template, row[1], {}),
      ("template: %s (line 1)"):format(row[2]), row[1])
  end
end

function TestTemplateFaults:test_a_template_of_more_than_a_megabyte()
  lu.assertEquals(support.message(formats.render_template, ("a"):rep((1 << 20) + 1), {}),
    "template: 1048577 bytes, more than the limit of 1048576")
end

function TestTemplateFaults:test_a_time_beyond_the_calendar()
  lu.assertEquals(
    support.message(formats.render_template, "{{ strftime_now('%Y') }}", {}, { now = math.maxinteger }),
    "template: the time is out of range (line 1)")
end

TestConversationFaults = {}

local data <const> = support.root .. "/Tests/Golden/data"
local plain <const> = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
  .. "{% if add_generation_prompt %}assistant: {% endif %}"
local question <const> = { role = "user", content = "Is it?" }
local answer <const> = { role = "assistant", content = "It is." }

function TestConversationFaults:test_a_message_that_cannot_be_continued()
  local tok = tokenizer.load(data)
  local function refusal(message, template)
    return support.message(tok.chat, tok, { message },
      { continue_final_message = true, tokenize = false, template = template })
  end
  local none = "continue_final_message: the final message has no content to continue"
  lu.assertEquals(refusal({ role = "assistant" }, plain), none)
  lu.assertEquals(refusal({ role = "assistant", content = { { type = "image" } } }, plain), none)
  lu.assertEquals(refusal(answer, "{{ messages[0].content[:3] }}"),
    "continue_final_message: the template leaves out the end of the final message")
end

--- The ids are there without the mask, so that what fails is told as a third value.
function TestConversationFaults:test_messages_whose_tokens_are_not_known()
  local tok = tokenizer.load(data)
  local function reason(messages, template, adds)
    local ids, mask, why = tok:chat(messages,
      { return_assistant_tokens_mask = true, template = template, add_generation_prompt = adds })
    lu.assertTrue(#ids > 0)
    lu.assertNil(mask)
    return why
  end
  local function text(number, problem)
    return ("message %d: %s, so the assistant's tokens are not known; the template needs {%% generation %%} "
      .. "marks"):format(number, problem)
  end
  lu.assertEquals(reason({ answer }, plain), text(1, "no prompt comes before it"))
  lu.assertEquals(reason({ question, answer }, plain, true), text(2, "a generation prompt follows it"))
  lu.assertEquals(reason({ question, answer }, "{{ messages | length }}" .. plain),
    text(2, "its prompt does not begin the whole"))
end

TestTemplateFiles = {}

local folder

function TestTemplateFiles:setUp()
  folder = support.new_path()
  system.make_folder(folder)
  system.write_file(folder .. "/tokenizer.json",
    formats.json_encode { model = { type = "WordPiece", unk_token = "a", continuing_subword_prefix = "##",
      max_input_chars_per_word = 100, vocab = { a = 0 } } })
end

function TestTemplateFiles:tearDown()
  for _, name in ipairs(system.list_folder(folder)) do os.remove(folder .. "/" .. name) end
  os.remove(folder)
end

function TestTemplateFiles:test_a_template_that_is_no_text()
  local path = folder .. "/chat_template.jinja"
  system.write_file(path, "\xFF\xFE")
  lu.assertEquals(support.message(tokenizer.load, folder), path .. ": text is not UTF-8")
end

function TestTemplateFiles:test_a_template_of_more_bytes_than_are_read()
  local path = folder .. "/chat_template.jinja"
  system.write_file(path, ("a"):rep((1 << 20) + 1))
  lu.assertEquals(support.message(tokenizer.load, folder),
    path .. ": 1048577 bytes, more than the limit of 1048576")
end

function TestTemplateFiles:test_a_list_of_templates_without_their_names()
  local path = folder .. "/tokenizer_config.json"
  for _, list in ipairs { { { template = "x" } }, { { name = "default" } }, { "x" } } do
    system.write_file(path, formats.json_encode { chat_template = list })
    lu.assertEquals(support.message(tokenizer.load, folder),
      path .. ": chat_template is a list, but not of { name, template }")
  end
end

function TestTemplateFiles:test_a_control_token_that_is_no_token()
  local path = folder .. "/tokenizer_config.json"
  system.write_file(path, '{"bos_token": 3}')
  local message = support.message(tokenizer.load, folder)
  lu.assertEquals(message, path .. ": bos_token: expected a token, got 3")
end

os.exit(lu.LuaUnit.run())
