--- Prompts that rows share are read once: log-probabilities keep their bits, gradients their values.
local lu = require "luaunit"
local T, models = require "perilune.tensor", require "perilune.models"

--- A model of each kind of position, norm and attention.
local kinds <const> = {
  gpt2 = { style = "gpt2" },
  llama = { style = "llama", kv_heads = 2, qk_norm = true },
  window = { style = "llama", sliding_window = 9 },
}

local function made(kind, given)
  local o = { vocab = 50, dim = 32, layers = 3, heads = 4, max_length = 80, seed = 3 }
  for name, value in pairs(kinds[kind]) do o[name] = value end
  for name, value in pairs(given or {}) do o[name] = value end
  return models.transformer(o)
end

local function tokens(seed, count)
  local ids = {}
  for k = 1, count do ids[k] = (seed * 7 + k * k * 3 + k) % 50 end
  return ids
end

--- Three responses to each of four prompts, which begin alike; one response is there twice, one is empty.
local function groups()
  local prompts, responses = {}, {}
  for i = 1, 4 do
    for k = 1, 3 do
      local n = #prompts + 1
      prompts[n] = table.move(tokens(i, 20), 1, 20, 11, tokens(0, 10))
      responses[n] = tokens(i * 5 + k * 11, 9 + k)
    end
  end
  responses[2], responses[7] = responses[1], {}
  return prompts, responses
end

local function gradients(model, f)
  model:zero_grad()
  f()
  local list = {}
  for i, weight in ipairs((model:parameters())) do list[i] = weight:grad():clone() end
  return list
end

TestSharedPrefixes = {}

function TestSharedPrefixes:test_rows_have_the_bits_that_they_have_alone()
  local prompts, responses = groups()
  for kind in pairs(kinds) do
    local model = made(kind)
    local together = model:logps(prompts, responses):totable()
    local last = model:last_logits(models.rows(prompts, responses))
    for i = 1, #prompts do
      lu.assertEquals(together[i], model:logps({ prompts[i] }, { responses[i] }):item(), kind)
      lu.assertTrue(last[i]:equal(model:last_logits(models.rows({ prompts[i] }, { responses[i] }))[1]), kind)
    end
  end
end

function TestSharedPrefixes:test_the_gradient_of_a_prompt_is_the_sum_over_its_rows()
  local prompts, responses = groups()
  for kind in pairs(kinds) do
    local model = made(kind)
    local together = gradients(model, function() model:logps(prompts, responses):sum():backward() end)
    local alone = gradients(model, function()
      for i = 1, #prompts do model:logps({ prompts[i] }, { responses[i] }):sum():backward() end
    end)
    for i, g in ipairs(together) do
      local scale = alone[i]:abs():max():item()
      lu.assertTrue((g - alone[i]):abs():max():item() <= 5e-6 * scale, kind)
    end
  end
end

function TestSharedPrefixes:test_checkpointed_layers_have_the_same_gradients()
  local prompts, responses = groups()
  local model = made "llama"
  local function run() model:logps(prompts, responses):sum():backward() end
  local plain = gradients(model, run)
  local checkpointed = gradients(model, function() T.gradient_checkpointing(run) end)
  for i, g in ipairs(plain) do lu.assertTrue(g:equal(checkpointed[i])) end
end

function TestSharedPrefixes:test_logits_of_every_position_stand_where_its_tokens_are()
  local model, first = made "gpt2", tokens(2, 30)
  local second = table.move(first, 1, 25, 1, {})
  second[26], second[27] = 4, 9
  local both = model:logits { first, second }
  local one, two = model:logits { first }, model:logits { second }
  lu.assertTrue(both:narrow(1, 1, 30):equal(one))
  lu.assertTrue(both:narrow(1, 31, 27):equal(two))
end

os.exit(lu.LuaUnit.run())
