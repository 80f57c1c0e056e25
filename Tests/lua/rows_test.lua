local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local T, models = require "perilune.tensor", require "perilune.models"

local model = toy.model(1)
local prompts, responses = { { 1, 5 }, { 1 }, { 2, 3, 4 } }, { { 7, 2 }, {}, { 3, 4, 5 } }
local rows = models.rows(prompts, responses)

TestRows = {}

function TestRows:test_lists_come_back_as_they_went_in()
  lu.assertEquals(rows:prompts(), prompts)
  lu.assertEquals(rows:responses(), responses)
  lu.assertEquals(rows:prompt(3), prompts[3])
  lu.assertEquals(rows:response(2), {})
  lu.assertEquals(#rows, 3)
  lu.assertEquals(rows:lengths():totable(), { 2, 0, 3 })
  lu.assertEquals(rows:prompt_lengths():totable(), { 2, 1, 3 })
end

function TestRows:test_select_and_concat_take_columns_along()
  local with = rows:with("x", T{ 1, 2, 3, 4, 5 })
  local picked = with:select { 3, 1, 3 }
  lu.assertEquals(picked:column("x"):totable(), { 3, 4, 5, 1, 2, 3, 4, 5 })
  lu.assertEquals(picked:responses(), { responses[3], responses[1], responses[3] })
  lu.assertEquals(with:concat(with, picked):column("x"):numel(), 18)
  lu.assertNil(with:concat(rows):column "x")
  lu.assertNil(rows:column "x")
end

function TestRows:test_a_column_is_a_copy()
  local values = T{ 1, 2, 3, 4, 5 }
  local with = rows:with("x", values)
  values:zero_()
  with:column("x"):zero_()
  lu.assertEquals(with:column("x"):totable(), { 1, 2, 3, 4, 5 })
end

function TestRows:test_sums_means_and_spread_by_hand()
  local x = T({ 1, 2, 3, 4, 5 }, { requires_grad = true })
  lu.assertEquals(rows:sums(x):totable(), { 3, 0, 12 })
  lu.assertEquals(rows:means(x):totable(), { 1.5, 0, 4 })
  local y = T({ 10, 20, 30 }, { requires_grad = true })
  lu.assertEquals(rows:spread(y):totable(), { 10, 10, 30, 30, 30 })
  local product = rows:spread(y) * x
  product:sum():backward()
  lu.assertEquals(y:grad():totable(), { 3, 0, 12 })
  lu.assertEquals(x:grad():totable(), { 10, 10, 30, 30, 30 })
end

function TestRows:test_models_read_rows_and_lists_to_the_same_bits()
  local reference = toy.model(2)
  lu.assertTrue((model:logps(rows)):equal((model:logps(prompts, responses))))
  lu.assertTrue((model:kl(reference, rows)):equal((model:kl(reference, prompts, responses))))
  local whole = { { 1, 5, 7, 2 }, { 1 }, { 2, 3, 4, 3, 4, 5 } }
  lu.assertTrue(model:last_logits(rows):equal(model:last_logits(whole)))
  lu.assertTrue(model:logits(rows):equal(model:logits(whole)))
end

function TestRows:test_outputs_of_one_pass_are_those_of_their_own()
  local out = model:outputs(rows, { "logps", "entropy", "logits", "hidden", "prompt_logps", "log_collision" })
  lu.assertTrue(out.logps:equal((model:token_logps(rows))))
  lu.assertEquals(out.hidden:size(), { 5, 16 })
  lu.assertEquals(out.prompt_logps:numel(), 3)
  -- The logits that predict the responses are those after the tokens before them.
  local all = model:logits(rows)
  lu.assertTrue(out.logits:equal(all:index_select(1, T({ 2, 3, 8, 9, 10 }, "i64"))))
  local p = out.logits:to("f64"):softmax(2)
  for i = 1, 5 do
    support.close(out.entropy[i]:item(), -(p[i] * p[i]:log()):sum():item(), 1e-5)
    support.close(out.log_collision[i]:item(), p[i]:square():sum():log():item(), 1e-5)
  end
  local _, entropy = model:kl(model, rows)
  support.close(out.entropy:sum():item(), entropy:sum():item(), 1e-4)
  support.close(out.prompt_logps:sum():item(),
    (model:logps({ { 1 }, { 2 } }, { { 5 }, { 3, 4 } })):sum():item(), 1e-5)
end

function TestRows:test_every_output_has_a_gradient()
  for _, name in ipairs { "logps", "entropy", "logits", "hidden", "prompt_logps", "log_collision" } do
    local own = model:clone()
    own:outputs(rows, { name })[name]:square():sum():backward()
    local norm = require("perilune.optim").clip_grad_norm(own)
    lu.assertTrue(norm > 0 and norm < math.huge, name)
  end
end

function TestRows:test_temperature_divides_the_logits_of_every_output()
  local cold = model:outputs(rows, { "logps", "entropy", "logits" }, { temperature = 0.5 })
  lu.assertTrue(cold.logps:equal((model:token_logps(rows, { temperature = 0.5 }))))
  local p = cold.logits:softmax(2)
  support.close(cold.entropy:sum():item(), -(p * p:log()):sum():item(), 1e-4)
end

function TestRows:test_labelled_rows_are_what_a_judge_reads()
  local other = models.rows(prompts, { { 9 }, { 0 }, { 8, 0 } })
  local read = rows:labelled({ 10, 11 }, 0, other)
  lu.assertEquals(read:prompts(), prompts)
  local expected = { { 10, 7, 2, 0, 11, 9, 0 }, { 10, 0, 11, 0 }, { 10, 3, 4, 5, 0, 11, 8, 0 } }
  lu.assertEquals(read:responses(), expected)
end

TestSampling = {}

local function draw(more)
  return model:sample(prompts, toy.with({ max_new_tokens = 6, stop = { 1 }, seed = 5 }, more))
end

function TestSampling:test_count_draws_what_repeated_prompts_draw()
  local twice = {}
  for i, prompt in ipairs(prompts) do twice[2 * i - 1], twice[2 * i] = prompt, prompt end
  local repeated = model:sample(twice, { max_new_tokens = 6, stop = { 1 }, seed = 5 })
  lu.assertEquals(draw({ count = 2 }):responses(), repeated:responses())
  lu.assertEquals(draw({ count = 2 }):prompts(), twice)
end

function TestSampling:test_stream_s_of_a_seed_is_the_seed_shifted_by_8_with_s()
  lu.assertEquals(draw({ stream = 3 }):responses(), draw({ seed = (5 << 8) ~ 3 }):responses())
  lu.assertNotEquals(draw({ stream = 3 }):responses(), draw({ stream = 4 }):responses())
end

function TestSampling:test_a_response_does_not_depend_on_its_chunk()
  for _, count in ipairs { 1, 3 } do
    local whole = model:sample(toy.prompts, { max_new_tokens = 6, seed = 5, count = count }):responses()
    for first = 1, #toy.prompts, 7 do
      local part = table.move(toy.prompts, first, math.min(first + 6, #toy.prompts), 1, {})
      local drawn = model:sample(part, { max_new_tokens = 6, seed = 5, count = count, first = first })
      local expected = table.move(whole, (first - 1) * count + 1, (first - 1 + #part) * count, 1, {})
      lu.assertEquals(drawn:responses(), expected)
    end
  end
end

function TestSampling:test_the_columns_are_log_probabilities_of_the_tokens()
  local drawn = draw { temperature = 0.7 }
  local own = (model:token_logps(drawn))
  local sampling = (model:token_logps(drawn, { temperature = 0.7 }))
  for i = 1, own:numel() do
    support.close(drawn:column("logps")[i]:item(), own[i]:item(), 1e-4)
    support.close(drawn:column("sampling_logps")[i]:item(), sampling[i]:item(), 1e-4)
  end
end

TestRowsErrors = {}

local function refuses(text, f, ...) lu.assertStrContains(support.message(f, ...), text) end

function TestRowsErrors:test_what_was_given_is_named()
  refuses("2 responses for 1 prompts", models.rows, { { 1 } }, { { 2 }, { 3 } })
  refuses("prompt 2 is empty", models.rows, { { 1 }, {} }, { { 2 }, { 3 } })
  refuses("element [1][2] is 2.5, expected an integer", models.rows, { { 1, 2.5 } }, { { 2 } })
  refuses("write { prompt }", models.rows, { 1, 2 }, { { 2 } })
  refuses("12 at [1,2] is not a token id: expected 0..11", model.logps, model, { { 1 } }, { { 12 } })
  refuses("-1 at [1,1] is not a token id", model.logps, model, models.rows({ { -1 } }, { { 2 } }))
  local long = {}
  for i = 1, 40 do long[i] = 2 end
  refuses("sequence 2 has 41 tokens, the model takes at most 32",
    model.logps, model, { { 1 }, { 1 } }, { { 2 }, long })
  refuses("no output 'entrpy'; did you mean 'entropy'?", model.outputs, model, rows, { "entrpy" })
  refuses("row 4 is out of 1..3", rows.select, rows, { 1, 4 })
  refuses("row 0 is out of 1..3", rows.prompt, rows, 0)
  refuses("expected 5 numbers, one a response token, got a tensor of 2", rows.with, rows, "x", T{ 1, 2 })
  refuses("expected 3 numbers, one a row", rows.spread, rows, T{ 1 })
  refuses("row 1 has another prompt", rows.labelled, rows, { 8, 9 }, 0, rows:select { 3, 2, 1 })
  refuses("1 labels for 2 responses", rows.labelled, rows, { 8 }, 0, rows)
end

function TestRowsErrors:test_sampling_options_out_of_range()
  refuses("option 'count': expected a whole number of at least 1, got 0", draw, { count = 0 })
  refuses("option 'first': expected a whole number of at least 1, got 0", draw, { first = 0 })
  refuses("option 'stream': expected a whole number from 1 to 255, got 256", draw, { stream = 256 })
  refuses("a step has at most 16777216 rows", draw, { first = 1 << 24 })
  refuses("count must be 1 where each prompt has its own seed", draw, { count = 2, seeds = { 1, 2, 3 } })
end

function TestRowsErrors:test_lists_that_lie_about_their_length_are_refused()
  local holes = load "local t = { { 1 }, { 1 } } t[2] = nil t[3] = { 1 } return t" ()
  lu.assertFalse(pcall(models.rows, holes, { { 2 }, { 2 }, { 2 } }))
  local lying = setmetatable({ { 1 } }, { __len = function() return 1 << 60 end })
  lu.assertEquals(#models.rows(lying, { { 2 } }), 1)
end

os.exit(lu.LuaUnit.run())
