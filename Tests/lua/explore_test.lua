--- Answers side by side: what is drawn, what judges say, and what is refused.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local align = require "perilune.align"
local answers = require "perilune.explore.answers"
local display = require "perilune.display"
local explore = require "perilune.explore"
local native = require "perilune.native.plot"
local tokens = require "perilune.align.show.tokens"

local reference, first, second = toy.model(5), toy.model(6), toy.model(7)
local words = { [0] = "zero", "end", "two", "three", "<b>", "\n", "\27[31m", "seven" }
local tokenizer = {
  decode = function(_, ids) return words[ids[1]] or "w" .. ids[1] end,
  encode = function(_, text) return text == "" and {} or { 2, 3 } end,
}

local function new(more, policies, prompts)
  policies, prompts = policies or { online = first, offline = second }, prompts or { { 2, 3 }, { 4, 5 } }
  return explore.new(policies, prompts, toy.with({
    reference = reference, stop = { 1 }, max_new_tokens = 6, seed = 3, color = false, width = 80,
  }, more))
end

TestAnswers = {}

function TestAnswers:test_log_ratios_are_those_of_the_models()
  local block = new():block(1)
  lu.assertEquals({ block.sides[1].name, block.sides[2].name }, { "offline", "online" })
  for s, policy in ipairs { second, first } do
    local line = block.sides[s].lines[1]
    local wanted = toy.log_ratios(policy, reference, { 2, 3 }, line.ids)
    for i, ratio in ipairs(wanted) do support.close(line.values[i], ratio, 1e-4) end
  end
end

function TestAnswers:test_the_same_seed_gives_the_same_answers_and_another_draw_others()
  local a, b = new { k = 8 }, new { k = 8 }
  local before = tostring(a)
  lu.assertEquals(before, tostring(b))
  a:draw_again(1)
  lu.assertNotEquals(tostring(a), before)
  lu.assertEquals(tostring(new({ k = 8, count = 1 })), tostring(new({ k = 8, count = 1 })))
end

function TestAnswers:test_equal_policies_answer_independently()
  local block = new({ k = 16 }, { first, first }):block(1)
  local equal = 0
  for i = 1, 16 do
    local function text(s) return table.concat(block.sides[s].lines[i].ids, " ") end
    if text(1) == text(2) then equal = equal + 1 end
  end
  lu.assertTrue(equal < 8, "the answers of two policies are coupled")
end

function TestAnswers:test_verdicts_are_the_judges()
  local by_length = align.judge.from_score("length", function(_, response) return #response end)
  local block = new { k = 5, judge = { gold = toy.more_sevens, proxy = by_length } }:block(1)
  lu.assertEquals(#block.verdicts, 2)
  local sums = { gold = 0.0, proxy = 0.0 }
  for i = 1, 5 do
    local a, b = block.sides[1].lines[i].ids, block.sides[2].lines[i].ids
    sums.gold = sums.gold + toy.more_sevens(nil, a, b) / 5
    sums.proxy = sums.proxy + 1 / (1 + math.exp(#b - #a)) / 5
  end
  for _, v in ipairs(block.verdicts) do support.close(v.p, sums[v.judge], 1e-9) end
  lu.assertEquals(answers.sentences(block),
    { ("offline over online: gold %.2f, proxy %.2f"):format(sums.gold, sums.proxy) })
  lu.assertStrContains(block.sides[1].lines[1].note, ", proxy ")
end

TestText = {}

function TestText:test_letters_stand_under_their_tokens()
  local block = new({}, { only = first }):block(1)
  local letters, line = {}, block.sides[1].lines[1]
  for i, id in ipairs(line.ids) do letters[i] = tokens.letter(line.values[i]) .. (" "):rep(#tostring(id)) end
  lu.assertStrContains(tostring(new({}, { only = first })), table.concat(letters):gsub("%s+$", "") .. "\n")
end

function TestText:test_lines_fit_and_columns_stand_beside_one_another()
  for _, width in ipairs { 20, 33, 60, 100 } do
    local text = tostring(new { width = width, tokenizer = tokenizer, k = 3, judge = toy.more_sevens })
    for line in (text .. "\n"):gmatch "(.-)\n" do
      if not line:find "from nats" then lu.assertTrue(native.text_width(line) <= width, line) end
    end
  end
  lu.assertStrMatches(tostring(new()):gsub("\n", " "), ".*offline +[^ ]+ online.*")
end

function TestText:test_control_characters_of_tokens_do_not_reach_the_terminal()
  local text = tostring(new({ tokenizer = tokenizer, k = 20 }))
  lu.assertNil(text:find "\27")
  lu.assertStrContains(text, "\\x1b[31m")
end

function TestText:test_colours_replace_letters()
  local text = tostring(new { color = true, k = 4 })
  lu.assertStrContains(text, "\27[48;5;")
  lu.assertNotStrContains(text, "A +0.1")
end

function TestText:test_without_a_reference_log_pi_is_shown_and_count_cuts()
  local o = { max_new_tokens = 3, count = 2, color = false }
  local text = tostring(explore.new(first, { { 2 }, { 3 }, { 4 } }, o))
  lu.assertStrContains(text, "log pi of a token")
  lu.assertStrContains(text, "prompt 2: 3")
  lu.assertStrContains(text, "and 1 more")
end

function TestText:test_html_is_escaped_and_closed()
  local html = new({ tokenizer = tokenizer, k = 20, judge = toy.more_sevens }):html()
  lu.assertStrContains(html, "&lt;b&gt;")
  lu.assertNil(html:find "\27")
  lu.assertNil(html:find "<b>")
  local _, opened = html:gsub("<[a-z]+[ >]", "")
  local _, closed = html:gsub("</[a-z]+>", "")
  local _, void = html:gsub("<wbr>", "")
  lu.assertEquals(opened, closed + void)
end

function TestText:test_without_a_terminal_it_is_printed_and_a_front_end_gets_html()
  local shown
  display.front = { show = function(bundle) shown = bundle end }
  local ok, problem = pcall(explore, { first }, { { 2, 3 } }, { max_new_tokens = 3, seed = 1 })
  display.front = nil
  lu.assertTrue(ok, problem)
  lu.assertStrContains(shown["text/html"], 'class="explored"')
  lu.assertStrContains(shown["text/plain"], "prompt 1: 2 3")
end

TestInputs = {}

function TestInputs:test_runs_labels_and_texts_are_taken()
  local made = new({ tokenizer = tokenizer }, { { label = "mine", policy = first }, second }, { "a text" })
  lu.assertEquals({ made.policies[1].name, made.policies[2].name }, { "mine", "policy 2" })
  lu.assertEquals(made.prompts, { { 2, 3 } })
end

function TestInputs:test_wrong_calls_are_refused()
  local function told(...) return support.message(explore.new, ...) end
  local prompts = { { 2 } }
  lu.assertStrContains(told(3, prompts), "explore: expected a policy, a list, or policies by name, got 3")
  lu.assertStrContains(told({}, prompts), "explore: there is no policy")
  lu.assertStrContains(told({ a = 3 }, prompts), "explore: a is no policy and no run, but 3")
  lu.assertStrContains(told(first, {}), "lists of token ids or texts, got an empty one")
  lu.assertStrContains(told(first, nil), "expected a list of prompts")
  lu.assertStrContains(told(first, { "text" }), "a list of token ids, or a text beside a tokenizer")
  lu.assertStrContains(told(first, { {} }), "prompt 1 is empty")
  lu.assertStrContains(told(first, prompts, { judge = { gold = 3 } }), "explore: gold is no judge, but 3")
  lu.assertStrContains(told(first, prompts, { jugde = 3 }), "did you mean 'judge'?")
  lu.assertStrContains(told(first, prompts, { k = 0 }), "option 'k'")
  lu.assertStrContains(told(first, prompts, { temperature = -1 }), "option 'temperature'")
end

os.exit(lu.LuaUnit.run())
