--- Responses shown token by token: letters, colours, HTML, and what is refused.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local align = require "perilune.align"
local models = require "perilune.models"
local report = require "perilune.report"
local tokens = require "perilune.align.show.tokens"

local show = align.show
local reference, policy = toy.model(5), toy.model(6)
local pair = { prompt = { 2, 3 }, chosen = { 7, 7, 1 }, rejected = { 4, 5 } }

local words = { [0] = "", "<end>", "a", "b", "<i>", "\n", "x&y", "\27[31mred", "seven" }
local tokenizer = { decode = function(_, ids) return words[ids[1]] or "?" end }

--- What `pair` looks like with `more` options.
local function of(more, what)
  return show(what or pair, toy.with({
    policy = policy, reference = reference, stop = { 1 }, color = false, width = 80,
  }, more))
end

TestText = {}

function TestText:test_letters_and_sums_are_the_models_log_ratios()
  local lines, letters, sum = {}, {}, 0.0
  for line in (tostring(of()) .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  for i, ratio in ipairs(toy.log_ratios(policy, reference, { 2, 3 }, pair.chosen)) do
    letters[i], sum = tokens.letter(ratio), sum + ratio
  end
  lu.assertEquals({ lines[1], lines[2], lines[3] }, { "pair 1", "  prompt    2  3", "  chosen    7  7  1" })
  lu.assertEquals(lines[4], "            " .. table.concat(letters, "  "))
  lu.assertEquals(lines[5], ("            3 tokens, ended by 1, log pi/pi_ref %+.2f"):format(sum))
  lu.assertStrContains(lines[8], "2 tokens, not ended, log pi/pi_ref")
  lu.assertStrContains(lines[9], "log pi/pi_ref of a token, from nats: A +0.1, B +0.3")
end

function TestText:test_colours_are_the_classes_of_the_ratios()
  local text = tostring(of { color = true })
  for i, ratio in ipairs(toy.log_ratios(policy, reference, { 2, 3 }, pair.chosen)) do
    local class = tokens.class(ratio)
    local palette = class > 0 and { 195, 153, 117, 75, 33 } or { 230, 223, 216, 209, 202 }
    if class ~= 0 then
      local color = palette[math.abs(class)]
      lu.assertStrContains(text, ("\27[48;5;%d;38;5;16m%d\27[0m"):format(color, pair.chosen[i]))
    end
  end
  lu.assertNil(tostring(of()):find "\27", "no colour code without colours")
end

function TestText:test_the_bounds_of_the_letters()
  local letters = {}
  for i, x in ipairs { 0.09, 0.1, 0.3, 1, 3, 10, 1e9, -0.09, -0.1, -2.9, -1e9, 0 / 0 } do
    letters[i] = tokens.letter(x)
  end
  lu.assertEquals(table.concat(letters), ".ABCDEE.ace?")
end

--- Text of a model may hold anything.
function TestText:test_control_characters_of_tokens_do_not_reach_the_terminal()
  local text = tostring(of({ tokenizer = tokenizer },
    { prompt = { 2 }, chosen = { 5, 7, 0 }, rejected = { 4 } }))
  lu.assertStrContains(text, "\\n")
  lu.assertStrContains(text, "\\x1b[31mred")
  lu.assertStrContains(text, "<0>")
  lu.assertNil(text:find "\27")
  lu.assertEquals(tokens.visible "a\xc2\x9bb\x7f\xff", "a\\xc2\\x9bb\\x7f\\xff")
  lu.assertEquals(tokens.visible "\u{9b}é", "\\x9bé")
end

function TestText:test_long_responses_are_broken_at_the_width()
  local long = {}
  for i = 1, 28 do long[i] = 2 + i % 9 end
  for line in (tostring(of({ width = 40 }, { prompt = { 2 }, chosen = long, rejected = {} })) .. "\n")
    :gmatch "(.-)\n" do
    if not line:find "[tl]o" then lu.assertTrue(#line <= 40, line) end
  end
end

TestInputs = {}

function TestInputs:test_a_batch_says_who_wrote_and_what_is_left_out()
  local batch = align.sources.sample(reference, toy.sampling { count = 5, seed = 1, quiet = true })
  local text = tostring(of({ count = 2 }, batch))
  lu.assertStrContains(text, "pair 2")
  lu.assertNil(text:find "pair 3")
  lu.assertStrContains(text, "and 3 more")
  lu.assertStrContains(text, "by a, step 1")
end

function TestInputs:test_without_a_policy_the_writer_s_log_probability_is_shown()
  local rows = reference:sample({ { 2, 3 } }, { max_new_tokens = 3 })
  local sum = rows:sums(rows:column "logps"):item()
  lu.assertStrContains(tostring(show(rows, { color = false })), ("log pi of the writer %+.2f"):format(sum))
  lu.assertStrContains(tostring(show(pair, { color = false, policy = policy })), "log pi -")
end

function TestInputs:test_a_policy_and_prompts()
  local o = { task = toy.task, reference = reference, seed = 4, color = false, count = 2 }
  local shown = show(policy, toy.prompts, o)
  local drawn = align.evaluate.responses(policy, { task = toy.task, prompts = { toy.prompts[1] }, seed = 4 })
  lu.assertStrContains(tostring(shown), "  response  " .. table.concat(drawn:response(1), "  "))
  lu.assertStrContains(tostring(shown), "and 46 more")
end

function TestInputs:test_what_cannot_be_shown_is_refused()
  lu.assertStrContains(support.message(show, 3),
    "align.show: expected a pair, a batch, Rows, or a policy and prompts, got 3")
  lu.assertStrContains(support.message(show, policy, { 1, 2 }), "align.show: expected a list of prompts")
  lu.assertStrContains(support.message(show, pair, { colour = true }), "did you mean 'color'?")
  lu.assertStrContains(support.message(show, { prompt = { 1 } }), "align.show: pair 1 has no list of token")
  lu.assertStrContains(support.message(show, {}), "expected a pair or a list of pairs, got an empty list")
end

TestHTML = {}

function TestHTML:test_it_is_escaped_and_needs_nothing_else()
  local odd = { prompt = { 2 }, chosen = { 4, 6, 7 }, rejected = { 3 } }
  local html = of({ tokenizer = tokenizer }, odd):html()
  lu.assertStrContains(html, "&lt;i&gt;")
  lu.assertStrContains(html, "x&amp;y")
  lu.assertNil(html:find "\27")
  for _, word in ipairs { "<script", "<i>", "http", "<style", "url(" } do
    lu.assertNil(html:find(word, 1, true), word)
  end
  local _, opened = html:gsub("<[a-z]+[ >]", "")
  local _, closed = html:gsub("</[a-z]+>", "")
  local _, void = html:gsub("<wbr>", "")
  lu.assertEquals(opened, closed + void)
end

function TestHTML:test_the_title_of_a_token_is_its_log_ratio()
  local html = of():html()
  for i, ratio in ipairs(toy.log_ratios(policy, reference, { 2, 3 }, pair.chosen)) do
    lu.assertStrContains(html, ('title="id %d, %+.3f nats"'):format(pair.chosen[i], ratio))
  end
end

function TestHTML:test_a_report_holds_it_where_it_was_added()
  local page = report.new { title = "Two" }:text("before"):show(of()):text("after"):show(of { count = 1 })
  local path = os.tmpname()
  page:save(path)
  local file <close> = assert(io.open(path, "rb"))
  local text = file:read "a"
  os.remove(path)
  lu.assertEquals(text, page:html())
  lu.assertStrMatches(text:gsub("\n", " "), '.*before.*class="shown".*after.*class="shown".*')
  local _, count = text:gsub('class="shown"', "")
  lu.assertEquals(count, 2)
  lu.assertStrContains(support.message(page.show, page, 3), "report:show: expected what align.show gives")
end

function TestHTML:test_a_table_of_logits_is_shown_too()
  local coin = align.policy.table { contexts = { { 0 } }, vocab = 2 }
  local rows = models.rows({ { 0 } }, { { 1 } })
  local text = tostring(show(rows, { policy = coin, reference = coin:clone(), color = false }))
  lu.assertStrContains(text, "log pi/pi_ref +0.00")
end

os.exit(lu.LuaUnit.run())
