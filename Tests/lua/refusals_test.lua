--- What functions of Swift refuse, one row a refusal: a call and the whole of its error.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local perilune = require "perilune"
local T, formats, models, optim = perilune.tensor, perilune.formats, perilune.models, perilune.optim
local plot, system = perilune.plot, perilune.system

--- Each row raises its error, with no more before it than the place in this file.
local function all_refuse(rows)
  for text, call in pairs(rows) do
    local ok, problem = pcall(call)
    lu.assertFalse(ok, text)
    lu.assertEquals((tostring(problem):gsub("^[^:]*refusals_test%.lua:%d+: ", "")), text)
  end
end

local function figure() return plot.figure {} end
local function report() return perilune.report.new { title = "a" } end
local function weight() return { T({ 1 }, { requires_grad = true }) } end

TestRefusals = {}

function TestRefusals:test_elements_and_assignments()
  all_refuse {
    ["a scalar has no length"] = function() return #T.full({}, 1) end,
    ["a mask must be the only index: t[mask]"] = function()
      return T { { 1, 2 } }[{ T { 1, 0 }:gt(0), 1 }]
    end,
    ["a range has two ends, got 4 numbers"] = function() return T { 1, 2 }[{ { 1, 2, 3, 4 } }] end,
    ["3 indices for a 1-d tensor"] = function() T { 1, 2 }[{ 1, 2, 3 }] = 1 end,
    ["assignment takes one tensor of positions, got two"] = function()
      T.zeros(3, 3)[{ T({ 1 }):long(), T({ 2 }):long() }] = 1
    end,
    ["expected a 1-d tensor of positions, got 1x2"] = function()
      T.zeros(3)[T({ { 1, 2 } }):long()] = 1
    end,
    ["assignment: 3 slices for 2 positions"] = function()
      T.zeros(3, 2)[T({ 1, 2 }):long()] = T.zeros(3, 2)
    end,
    ["assignment: a value of 3 does not fit into 2"] = function() T.zeros(3, 2)[1] = T.zeros(3) end,
    ["assignment: 2 values for 3 true elements of the mask"] = function()
      local t = T.zeros(3)
      t[t:eq(0)] = T { 1, 2 }
    end,
    ["assignment: a tensor of i64 cannot hold a result of f32"] = function()
      T.zeros(3):long()[{ { 1, 2 } }] = T { 1.5, 2 }
    end,
    ["bad argument #3 to 'newindex' (number has no integer representation)"] = function()
      T.zeros(3):long()[1] = 1.5
    end,
    ["a Tensor has no field 'exp' to assign to"] = function() T { 1 }.exp = 3 end,
    ["bad argument #1 to 'fill_' (one number expected, got a tensor of 2)"] = function()
      return T { 1, 2 }:fill_(T { 1, 2 })
    end,
    ["item: expected one element, got a tensor of 2"] = function() return T { 1, 2 }:item() end,
  }
end

function TestRefusals:test_arguments_of_operations()
  all_refuse {
    ["bad argument #1 to 'sum' (dimension 0: positions start at 1)"] = function() return T { 1 }:sum(0) end,
    ["bad argument #1 to 'sum' (dimension 1 is given twice)"] = function()
      return T { { 1 } }:sum { 1, 1 }
    end,
    ["bad argument #1 to 'sum' (element [1] is a string, expected an integer)"] = function()
      return T { 1 }:sum { "a" }
    end,
    ["bad argument #1 to 'to' (unknown element type 'f16x': expected 'f32', 'f64', 'i64', 'bool')"] =
      function() return T { 1 }:to "f16x" end,
    ["bad argument #2 to 'add' (Tensor or number expected, got string)"] = function()
      return T { 1 } + "x"
    end,
    ["bad argument #1 to 'cat' (table of Tensors expected, got number)"] = function() return T.cat(3) end,
    ["bad argument #2 to 'randint' (no whole number is in 3..1)"] = function()
      return T.randint(3, 1, { 2 })
    end,
    ["bad argument #2 to 'categorical' (categorical: a negative number of draws: -1)"] = function()
      return T.categorical(T { 1, 1 }, -1)
    end,
    ["bad argument #1 to 'categorical' (categorical: row 1 holds -1.0, expected a finite weight of at "
      .. "least 0)"] = function() return T.categorical(T { -1, 1 }, 1) end,
    ["bad argument #2 to 'histc' (intervals from -1e+308 to 1e+308 are too wide)"] = function()
      return T { 1, 2 }:histc(10, -1e308, 1e308)
    end,
    ["bad argument #1 to 'conv1d' (a kernel has at least one element, got 1x1x0)"] = function()
      return T.zeros(1, 1, 3):conv1d(T.zeros(1, 1, 0))
    end,
    ["bad argument #1 to 'einsum' (1 group of letters for 0 tensors)"] = function()
      return T.einsum("i->i", {})
    end,
    ["no range from 1.0 to 2.0 by 0.0"] = function() return T.arange(1, 2, 0) end,
    ["a range from 1.0 to 1e+18 by 1.0 has too many numbers"] = function() return T.arange(1, 1e18) end,
    ["requires_grad can be set on leaves only: this tensor was computed; detach it first"] = function()
      return (weight()[1] * 2):requires_grad_(false)
    end,
    ["calling 'backward' on bad self (backward: gradient f32 3 does not match f32 1)"] = function()
      return (weight()[1] * 2):backward(T { 1, 2, 3 })
    end,
  }
end

function TestRefusals:test_json_and_names_of_files()
  all_refuse {
    ["tables nested deeper than 200, or one that holds itself"] = function()
      local t = {}
      t[1] = t
      return formats.json_encode(t)
    end,
    ["a string that is not UTF-8 cannot be written as JSON"] = function()
      return formats.json_encode "\xFF"
    end,
    ["a function cannot be written as JSON"] = function() return formats.json_encode { print } end,
    ["a table with both positions and names cannot be written as JSON"] = function()
      return formats.json_encode { 1, a = 2 }
    end,
    ['not a file name: ""'] = function() return T.load "" end,
    ['not a file name: "a\\0b"'] = function() return formats.load_json "a\0b" end,
  }
end

function TestRefusals:test_optimizers_and_rows()
  all_refuse {
    ["bad argument #1 to 'adamw' (expected a Model or a list of Models and Tensors, got number)"] = function()
      return optim.adamw(3)
    end,
    ["bad argument #2 to 'adamw' (option 'lr': expected a number of at least 0, got -1)"] = function()
      return optim.adamw(weight(), { lr = -1 })
    end,
    ["bad argument #2 to 'adafactor' (option 'eps1': expected a number above 0, got 0)"] = function()
      return optim.adafactor(weight(), { eps1 = 0 })
    end,
    ["nesterov needs a momentum above 0"] = function() return optim.sgd(weight(), { nesterov = true }) end,
    ["bad argument #1 to 'rows' (prompts: expected a list of lists of token ids, got number)"] = function()
      return models.rows(3, {})
    end,
    ["bad argument #1 to 'rows' (prompt 2 is empty: a prompt has at least one token, such as bos)"] =
      function() return models.rows({ { 1 }, {} }, { { 1 }, { 2 } }) end,
    ["bad argument #2 to 'rows' (2 responses for 1 prompts)"] = function()
      return models.rows({ { 1 } }, { { 1 }, { 2 } })
    end,
    ["column 'logps': expected 1 numbers, one a response token, got a tensor of 2"] = function()
      return models.rows({ { 1 } }, { { 1 } }):with("logps", T { 1, 2 })
    end,
  }
end

function TestRefusals:test_figures_and_reports()
  all_refuse {
    ["bad argument #1 to 'line' (option 'y': expected a list of numbers or a Tensor, got 3)"] = function()
      return figure():line { y = 3 }
    end,
    ["bad argument #1 to 'line' (option 'y': expected a Tensor of one dimension, got 1x1)"] = function()
      return figure():line { y = T { { 1 } } }
    end,
    ["bad argument #1 to 'heatmap' (option 'matrix': expected a list of rows or a Tensor of two dimensions, "
      .. "got 3)"] = function() return figure():heatmap { matrix = 3 } end,
    ["bad argument #1 to 'heatmap' (option 'matrix': expected a list of rows or a Tensor of two dimensions, "
      .. "got Tensor)"] = function() return figure():heatmap { matrix = T { 1 } } end,
    ["bad argument #1 to 'heatmap' (option 'matrix': element [2] is a string, expected a number)"] =
      function() return figure():heatmap { matrix = { { 1, "a" } } } end,
    ["bad argument #1 to 'bars' (option 'labels': expected a list of strings, got 3)"] = function()
      return figure():bars { labels = 3, values = { 1 } }
    end,
    ["plot.figure: option 'title': expected a string, got table"] = function()
      return plot.figure { title = {} }
    end,
    ["plot.figure: option 'width': expected a whole number, got 1.5"] = function()
      return plot.figure { width = 1.5 }
    end,
    ["plot.figure: option 'grid': expected true or false, got 3"] = function()
      return plot.figure { grid = 3 }
    end,
    ["row 1 is a number, expected a list of cells"] = function()
      return report():table { header = { "a" }, rows = { 3 } }
    end,
    ["bad argument #1 to 'table' (option 'align': expected left, center or right, got \"nope\")"] = function()
      return report():table { header = { "a" }, rows = { { 1 } }, align = { "nope" } }
    end,
    ["table: the header has 1 cells, alignment has 2"] = function()
      return report():table { header = { "a" }, rows = { { 1 } }, align = { "left", "left" } }
    end,
  }
end

local function small(more)
  local options = { vocab = 12, dim = 8, layers = 1, heads = 4, max_length = 8 }
  for name, value in pairs(more or {}) do options[name] = value end
  return models.transformer(options)
end

function TestRefusals:test_models()
  local model, other = small(), small { vocab = 13 }
  all_refuse {
    ["kv_heads 3 does not divide heads 4"] = function() return small { style = "llama", kv_heads = 3 } end,
    ["layer_pattern must be a text of the letters f, s, got full"] = function()
      return small { style = "llama", layer_pattern = "full" }
    end,
    ["layer_pattern fs has sliding layers, but sliding_window is 0"] = function()
      return small { style = "llama", layers = 2, layer_pattern = "fs" }
    end,
    ["sequence 1 has 10 tokens, the model takes at most 8"] = function()
      return model:logps(models.rows({ { 1, 2, 3, 4, 5 } }, { { 1, 2, 3, 4, 5 } }))
    end,
    ["count must be 1 where each prompt has its own seed, got 2"] = function()
      return model:sample({ { 1 } }, { seeds = { 1 }, count = 2 })
    end,
    ["bad argument #2 to 'sample' (option 'mixture': expected a Model, got 3)"] = function()
      return model:sample({ { 1 } }, { mixture = 3 })
    end,
    ["a mixture of vocabularies of 12 and 13 tokens"] = function()
      return model:sample({ { 1 } }, { mixture = other })
    end,
    ["bad argument #1 to 'kl' (the vocabularies differ: 12 and 13 tokens)"] = function()
      return model:kl(other, models.rows({ { 1 } }, { { 1 } }))
    end,
    ["bad argument #1 to 'lora' (option 'rank_pattern': expected a table of numbers by names of modules, "
      .. "got 3)"] = function() return model:lora { r = 2, rank_pattern = 3 } end,
    ["bad argument #1 to 'lora' (option 'rank_pattern': expected a table of numbers above 0 by names of "
      .. "modules, got table)"] = function() return model:lora { r = 2, rank_pattern = { a = -1 } } end,
    ["the model has adapters: model:merged() has weights of its own"] = function()
      return model:lora({ r = 2 }):score_head()
    end,
    ["bad argument #2 to 'narrow' (positions 3..4 are outside dimension 1 of size 2)"] = function()
      return T { 1, 2 }:narrow(1, 3, 2)
    end,
    ["bad argument #2 to 'load_parquet' (expected a number of rows from 1, got 0)"] = function()
      return formats.load_parquet(arg[0], 0)
    end,
  }
end

--- The functions below run.lua, which checks most of what it gives them.
function TestRefusals:test_stores_of_runs()
  local native = require "perilune.native.run"
  local folder = os.tmpname() .. ".runs"
  local function create(params)
    return native.create { folder = folder, name = "a", config = "{}", params = params, hash = "h" }
  end
  local writer = create {}
  all_refuse {
    ["bad argument #3 to 'value' (expected max, min or mean, got 'most')"] = function()
      return native.value(writer.folder, "loss", "most")
    end,
    ["bad argument #1 to 'finish' (expected finished, failed or interrupted, got 'gone')"] = function()
      return writer:finish "gone"
    end,
    ["bad argument #1 to 'create' (option 'params': expected numbers, texts and booleans by name, got "
      .. "table)"] = function() return create { a = {} } end,
    ["bad argument #3 to 'curve' (expected at least 2 points, got 1)"] = function()
      return native.curve(writer.folder, "loss", 1)
    end,
    ["/nowhere/a: there is no such run"] = function() return native.open "/nowhere/a" end,
    ["/nowhere: there is no such folder of runs"] = function() return native.list "/nowhere" end,
  }
  writer:finish "finished"
  os.execute(("rm -rf '%s' '%s'"):format(folder, folder:gsub("%.runs$", "")))
end

function TestRefusals:test_options_of_the_program()
  for text, options in pairs {
    ["'-e' needs argument"] = "-e",
    ["unrecognized option '-x'"] = "-x",
    ["unrecognized option '--nonsense'"] = "--nonsense",
    ["'--root' needs '--sandbox'"] = "--root=.",
    ["'--max-output' needs '--sandbox'"] = "--max-output=1K",
    ["'--install-kernel' writes outside of every root, which '--sandbox' refuses"] =
      "--sandbox --install-kernel",
    ["'--threads' needs a value"] = "--threads",
    ["invalid value in '--threads=x'"] = "--threads=x",
  } do
    local pipe = assert(io.popen(("'%s' %s </dev/null 2>&1"):format(system.program(), options)))
    local said = pipe:read "a"
    local ok, _, status = pipe:close()
    lu.assertStrContains(said, ": " .. text)
    lu.assertEquals({ ok, status }, { nil, 1 }, options)
  end
end

function TestRefusals:test_system()
  all_refuse {
    ["bad argument #1 to 'sleep' (expected 0 to 86,400 seconds, got -1.0)"] = function()
      return system.sleep(-1)
    end,
    ["bad argument #1 to 'exec' (expected a program and its arguments, got an empty list)"] = function()
      return system.exec {}
    end,
    ["bad argument #4 to 'refuse_memory' (expected lua, tensors or all, got 'some')"] = function()
      return system.refuse_memory(print, 1, 1, "some")
    end,
  }
end

os.exit(lu.LuaUnit.run())
