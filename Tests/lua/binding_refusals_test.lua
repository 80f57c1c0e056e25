--- What the modules refuse of an argument: its type, its range, its words, with the position in the call.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local perilune = require "perilune"
local T, system, formats, optim = perilune.tensor, perilune.system, perilune.formats, perilune.optim

local names = setmetatable({
  mpi = require "perilune.mpi", nb = require "perilune.native.notebook", runs = require "perilune.native.run",
  screen = require "perilune.native.plot",
}, { __index = perilune })
names.T = T

local function optimizer() return optim.adamw({ T({ 1, 2 }, { requires_grad = true }) }, { lr = 0.5 }) end

--- The sum of a step over `count` shards.
function names.sum(count) return names.mpi.shard_sum(optimizer(), count) end

function names.restored(state) return optimizer():restore(state) end

--- A tensor of i64 with a value assigned at an index.
function names.assigned(index, value)
  local x = T({ 1, 2 }, "i64")
  x[index] = value
end

-- What is evaluated, and the message without its place.
local cases = {
  -- Tensors.
  { "assigned(T { true, false }, T { 1.5 })", "assignment: a tensor of i64 cannot hold f32" },
  { "assigned(T { 1.5 }, 0)", "number 1.5 has no integer representation" },
  { "assigned({ T { true, false } }, 0)", "a mask must be the only index: t[mask]" },
  { "T { 1, 2 }:fill_ { { 1, 2 }, { 3 } }",
    "bad argument #1 to 'fill_' (element [2] has 1 elements, expected 2: all rows must be as long)" },
  { "T { 1 }:size(0)", "bad argument #1 to 'size' (dimension 0: positions start at 1)" },
  { "T.from_list(3)", "bad argument #1 to 'from_list' (table expected, got number)" },
  { "T { 1 }:div(T { 2 }, 'ceil')",
    "bad argument #2 to 'div' (invalid option 'ceil': expected 'none', 'floor', 'trunc')" },
  { "T { 1 }:div(T { 2 }, { rounding_mode = 'ceil' })",
    "bad argument 'rounding_mode' to 'div' (invalid option 'ceil': expected 'none', 'floor', 'trunc')" },
  { "T.attention(T { { 1, 2, 3 } }, { 1 }, 1, 1, 0, 0, 0, -1)",
    "bad argument #8 to 'attention' (window must be at least 0, got -1)" },
  { "T.attention(T { { 1, 2, 3 } }, { 1 }, 1, { window = -1 })",
    "bad argument 'window' to 'attention' (window must be at least 0, got -1)" },
  { "T.attention(T { { 1, 2, 3 } }, { 1 }, 1, { rope_divisors = { 1 } })",
    "bad argument 'rope_divisors' to 'attention' (rope_divisors are of rotary positions, which need "
      .. "rope_base)" },
  { "T.attention(T { { 1, 2, 3 } }, { 1 }, 1, { rope_divisors = { 'a' } })",
    "bad argument 'rope_divisors' to 'attention' (element [1] is a string, expected a number)" },
  { "T { 1 }:narrow(1, 2, 5)",
    "bad argument #2 to 'narrow' (positions 2..6 are outside dimension 1 of size 1)" },
  { "T { 1 }:backward { gradient = 3 }",
    "bad argument #1 to 'backward' (option 'gradient': expected a Tensor, got 3)" },
  { "T.randint_like(T { 1 }, 3, 1)", "bad argument #3 to 'randint_like' (no whole number is in 3..1)" },
  { "T.randn(2, { generator = T.generator { seed = 1 }, seed = 3 })",
    "bad argument #2 to 'randn' (a generator has its own seed, stream and step)" },
  { "T.randn(2, { generator = 3 })",
    "bad argument #2 to 'randn' (option 'generator': expected a Generator, got 3)" },
  -- The system.
  { "system.on_stop 'now'", "bad argument #1 to 'on_stop' (expected end, raise or wait, got 'now')" },
  { "system.permutation(-1, 1, 's', 0)",
    "bad argument #1 to 'permutation' (expected 0..268435456, got -1)" },
  { "system.permutation((1 << 28) + 1, 1, 's', 0)",
    "bad argument #1 to 'permutation' (expected 0..268435456, got 268435457)" },
  { "system.uniform(1, '\\xff', 0)", "bad argument #2 to 'uniform' (string is not valid UTF-8)" },
  { "screen.keep_output(1)", "bad argument #1 to 'keep_output' (boolean expected, got number)" },
  -- Several processes.
  { "mpi.all_gather { a = 1 }",
    "bad argument #1 to 'all_gather' (expected Tensors by name, got a number as 'a')" },
  { "mpi.all_gather { T { 1 } }",
    "bad argument #1 to 'all_gather' (expected Tensors by name, got one by a number)" },
  { "sum(0)", "shards must be from 1 to 1073741824, got 0" },
  { "sum(3):add(2)", "shard 2 is not the next one: that is 1 of 3" },
  -- The state of an optimizer.
  { "restored { optimizer = 'adamw', steps = 1.5 }",
    "bad argument #1 to 'restore' (the state has no whole number 'steps')" },
  { "restored { optimizer = 'adamw', steps = 1 }",
    "bad argument #1 to 'restore' (the state has no table 'tensors')" },
  { "restored { optimizer = 'adamw', steps = 1, tensors = { a = 1 } }",
    "bad argument #1 to 'restore' (the state's tensors must be Tensors by name, got a number as 'a')" },
  -- Notebooks.
  { "nb.page(0)", "bad argument #1 to 'page' (expected 1 to 8, got 0)" },
  { "nb.page(9)", "bad argument #1 to 'page' (expected 1 to 8, got 9)" },
  { "nb.escape('a', 'xml')", "bad argument #2 to 'escape' (expected html, json or text, got 'xml')" },
  { "nb.escape(1, 'html')", "bad argument #1 to 'escape' (string expected, got number)" },
}

TestBindingRefusals = {}

function TestBindingRefusals.test_every_message()
  local environment = setmetatable({ T = T }, { __index = names })
  for _, case in ipairs(cases) do
    local run = assert(load("return " .. case[1], "=case", "t", environment))
    lu.assertEquals(support.message(run), case[2], case[1])
  end
end

--- The format of llama2.c is read and not written; a tokenizer that was padded is still of that format.
function TestBindingRefusals.test_a_tokenizer_of_llama2_c_is_not_saved()
  local parts = { string.pack("<i4", 6) }
  for id = 0, 258 do
    local token = ({ [0] = "<unk>", "<s>", "</s>" })[id] or ("<0x%02X>"):format(id - 3)
    parts[#parts + 1] = string.pack("<fs4", 0, token)
  end
  local path = os.tmpname()
  system.write_file(path, table.concat(parts))
  local tok = formats.llama2c_tokenizer(path)
  lu.assertEquals(tok.vocab_size, 259)
  for _, one in ipairs { tok, tok:padded(300) } do
    lu.assertEquals(support.message(one.save, one, path),
      "a tokenizer with the format of llama2.c cannot be saved")
  end
  os.remove(path)
end

--- An interrupt ends what tries allocations one by one; any other error is a result of it.
function TestBindingRefusals.test_an_interrupt_passes_through_refused_memory()
  local ok, problem = pcall(system.refuse_memory, function() system.interrupt "enough" end, 1 << 40)
  lu.assertFalse(ok)
  lu.assertTrue(system.is_interrupt(problem))
  lu.assertEquals(problem.message, "enough")
  local refused, ended_well, other = system.refuse_memory(function() error "no" end, 1 << 40)
  lu.assertEquals({ refused, ended_well }, { 0, false })
  lu.assertStrContains(tostring(other), "no")
end

--- A schedule is a function, which Lua has to make room for.
function TestBindingRefusals.test_a_schedule_without_memory()
  local options <const> = { lr = 1, steps = 10, decay = "cosine" }
  local function make() return optim.schedule(options) end
  local failures, rate, has_ended = 0, make()(5), false
  for first = 1, 1000 do
    local refused, ok, result = system.refuse_memory(make, first, 2, "lua")
    if refused == 0 then
      lu.assertTrue(ok)
      lu.assertEquals(result(5), rate)
      has_ended = true
      break
    end
    failures = failures + 1
    if not ok then lu.assertTrue(system.is_out_of_memory(result), tostring(result)) end
  end
  lu.assertTrue(failures > 0)
  lu.assertTrue(has_ended)
end

os.exit(lu.LuaUnit.run())
