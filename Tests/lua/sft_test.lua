--- Supervised fine-tuning: what the cache serves, and what is left of a run that did not finish.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local perilune = require "perilune"
local align, models, system = perilune.align, perilune.models, perilune.system
local words = require "perilune.tasks.words"

--- A task of `texts`, lists of words; settings and shape never differ.
local function task_of(texts, vocabulary)
  local tokenizer = words.tokenizer(vocabulary or { "a", "b", "c", "d" })
  return {
    name = "mine", tokenizer = tokenizer, model = { dim = 8, layers = 1, heads = 2, max_length = 16 },
    sft = { steps = 3, batch = 2, lr = 1e-2 },
    settings = function() return {} end,
    text = function(_, _, i)
      local ids = tokenizer:encode(texts[(i - 1) % #texts + 1])
      table.insert(ids, 1, tokenizer.bos)
      return ids
    end,
  }
end

local mine = { "a b c d", "b c d a", "a c" }

local function tune(task, more)
  local o = { quiet = true }
  for name, value in pairs(more or {}) do o[name] = value end
  return align.sft(task, o)
end

local own = system.cache_folder
local folder

local function set_up()
  folder = os.tmpname()
  os.remove(folder)
  system.make_folder(folder)
  system.cache_folder = function() return folder end
end

local function tear_down()
  system.cache_folder = own
  os.execute(("rm -r '%s'"):format(folder))
end

TestCache = { setUp = set_up, tearDown = tear_down }

function TestCache.test_equal_texts_tokenizer_and_options_are_trained_once()
  local first, info = tune(task_of(mine))
  local second, again = tune(task_of(mine))
  lu.assertEquals({ info.cached, again.cached, again.status }, { false, true, "finished" })
  lu.assertEquals({ second:hash(), again.hash, again.loss }, { first:hash(), info.hash, info.loss })
end

function TestCache.test_other_texts_tokenizers_and_options_are_other_models()
  tune(task_of(mine))
  for _, other in ipairs {
    function() return tune(task_of { "a b c d", "b c d a", "a d" }) end,
    function() return tune(task_of(mine, { "a", "b", "d", "c" })) end,
    function() return tune(task_of({ "a b c d", "b c d a", "a c" }, { "a", "b", "c", "e" })) end,
    function() return tune(task_of(mine), { steps = 4 }) end,
    function() return tune(task_of(mine), { lr = 1e-3 }) end,
    function() return tune(task_of(mine), { beta2 = 0.9 }) end,
    function() return tune(task_of(mine), { weight_decay = 0 }) end,
    function() return tune(task_of(mine), { optimizer = "sgd" }) end,
    function() return tune(task_of(mine), { decay = "linear" }) end,
    function() return tune(task_of(mine), { model = { layers = 2 } }) end,
    function() return tune(task_of(mine), { seed = 1 }) end,
  } do
    local _, info = other()
    lu.assertFalse(info.cached)
  end
end

function TestCache.test_the_size_of_the_model_is_an_option()
  local model = tune(task_of(mine), { model = { dim = 12, layers = 2, style = "llama" } })
  local config = model:config()
  lu.assertEquals({ config.dim, config.layers, config.heads, config.norm }, { 12, 2, 2, "rms" })
end

function TestCache.test_a_file_that_is_not_the_model_is_reported_and_not_used()
  local task = task_of(mine)
  local _, first = tune(task)
  local file = assert(io.open(first.path, "rb"))
  local good = file:read "a"
  file:close()
  local other = models.transformer { vocab = 10, dim = 8, layers = 1, heads = 2, max_length = 16, seed = 9 }
  local name = os.tmpname()
  other:save(name)
  file = assert(io.open(name, "rb"))
  local foreign = file:read "a"
  file:close()
  os.remove(name)
  for why, damaged in pairs {
    ["cannot be read"] = good:sub(1, 1000),
    ["cannot be read "] = "",
    ["cannot be read ("] = good:sub(1, #good - 4) .. "\1\2\3\4",
    ["is not the model that its record names"] = foreign,
  } do
    system.write_file(first.path, damaged)
    local info
    local said = support.with_errors(function() _, info = tune(task) end)
    lu.assertStrContains(said, why)
    lu.assertStrContains(said, "; training again\n")
    lu.assertEquals({ info.cached, info.hash }, { false, first.hash })
  end
  os.remove(first.path:gsub("safetensors$", "json"), nil)
  local said = support.with_errors(function() tune(task) end)
  lu.assertStrContains(said, "is not the model that its record names")
end

function TestCache.test_a_model_that_cannot_be_cached_is_still_returned()
  local model, info
  local function run() model, info = tune(task_of(mine)) end
  system.cache_folder = function() return "/proc/self/nowhere" end
  local said = support.with_errors(run)
  system.cache_folder = function() error("no folder", 0) end
  said = said .. support.with_errors(run)
  lu.assertStrContains(said, "align.sft: the model is not cached: cannot")
  lu.assertStrContains(said, "no folder; the model is not cached")
  lu.assertEquals(info.path, nil)
  lu.assertEquals(#model:hash(), 64)
end

function TestCache.test_a_run_that_diverges_is_an_error_and_caches_nothing()
  lu.assertStrContains(support.message(tune, task_of(mine), { lr = 1e300, warmup = 0 }),
    "step 1: parameter 1 (embedding.weight, 10x8) holds nan or inf after the update")
  local listing = assert(io.popen(("ls '%s'"):format(folder)))
  lu.assertEquals(listing:read "a", "")
  listing:close()
end

function TestCache.test_after_ctrl_c_the_model_of_the_finished_steps_is_returned_and_not_cached()
  local task = task_of(mine)
  local text, pressed = task.text, false
  function task.text(...)
    local _, _, index = ...
    if index == 5 and not pressed then
      pressed = true
      support.press_ctrl_c()
    end
    return text(...)
  end
  local model, info
  local said = support.with_errors(function() model, info = tune(task, { cache = false }) end)
  lu.assertStrContains(said, "sft mine: interrupted after step 2; the model is returned, not cached")
  lu.assertEquals({ info.status, info.steps, info.cached, info.path }, { "interrupted", 2, false, nil })
  lu.assertEquals(model:hash(), info.hash)
end

TestOptions = {}

function TestOptions.test_useless_settings_are_errors()
  local task = task_of(mine)
  lu.assertStrContains(support.message(tune, task, { steps = 0 }), "align.sft: option 'steps' must be")
  lu.assertStrContains(support.message(tune, task, { batch = -1 }), "align.sft: option 'batch' must be")
  lu.assertStrContains(support.message(tune, task, { model = { layer = 2 } }), "unknown option 'layer'")
  for _, name in ipairs { "vocab", "seed" } do
    lu.assertStrContains(support.message(tune, task, { model = { [name] = 3 } }),
      ("align.sft: option 'model' cannot set '%s'"):format(name))
  end
  lu.assertEquals(support.message(tune, {}), "align.sft: expected a task, see tasks.open, got a table")
  task.sft = nil
  lu.assertEquals(support.message(tune, task),
    "align.sft: option 'steps' is missing: the task has no task.sft.steps")
end

function TestOptions.test_a_text_that_the_model_cannot_read_is_named_by_its_number()
  local task = task_of(mine)
  local text = task.text
  task.text = function(_, split, i) return i == 4 and { 0, 99999 } or text(task, split, i) end
  lu.assertStrContains(support.message(tune, task), "align.sft: text 4 of the task: token 2 is 99999")
end

function TestOptions.test_a_text_too_short_to_learn_from_is_named()
  local task = task_of { "a b", "" }
  lu.assertStrContains(support.message(tune, task, { cache = false }),
    "text 2 of the task must be a list of at least 2 token ids, got 1")
end

os.exit(lu.LuaUnit.run())
