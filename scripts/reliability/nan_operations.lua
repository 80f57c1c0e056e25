--- The operations of the catalogue for nan.lua, called with the arguments of Tests/Golden/ops_*.json.
--
-- A case is an argument of floating-point numbers of an operation, filled with NaN: `op`, `argument` (its
-- number among the tensors), `place` (of its first element, in words), `loss()` (the sum of the results) and
-- `gives_nan()`.
local formats = require "perilune.formats"
local help = require "perilune.help"
local T = require "perilune.tensor"

local operations = {}

local here = debug.getinfo(1, "S").source:match "^@(.*)scripts/reliability/" .. "."

--- Operations whose golden cases have no floating-point numbers.
operations.without_floats = { bincount = true, nonzero = true, one_hot = true }

--- Where NaN ends, as in PyTorch: operations whose results are no floating-point numbers, or say so of them.
operations.ends = {}
for op in ([[all allclose any argmax argmax_id argmin argsort eq equal ge gt histc isfinite isinf isnan le
  logical_and logical_not logical_or logical_xor lt nan_to_num ne searchsorted sign]]):gmatch "%S+" do
  operations.ends[op] = true
end

--- Operations that refuse a matrix with NaN themselves.
operations.refusing = {
  det = true, eigh = true, inverse = true, logdet = true, slogdet = true, solve = true, svd = true,
}

--- What operations make of finite numbers: what the error says, the numbers, and the loss of them.
operations.made = {
  { "log gave nan at [2] (1 of 3 elements)", { 1, -1, 2 }, function(x) return x:log():sum() end },
  { "sqrt gave nan at [1]", { -1 }, function(x) return x:sqrt():sum() end },
  { "log1p gave nan at [1]", { -2 }, function(x) return x:log1p():sum() end },
  { "acos gave nan at [1]", { 2 }, function(x) return x:acos():sum() end },
  { "pow gave nan at [1]", { -1 }, function(x) return x:pow(0.5):sum() end },
  { "div gave nan at [1]", { 0 }, function(x) return (x / T { 0 }):sum() end },
  { "remainder gave nan at [1]", { 1 }, function(x) return x:remainder(0):sum() end },
  { "sub gave nan at [1] (1 of 1 elements); before it, exp gave inf at [1] (1 of 1 elements)", { 200 },
    function(x) return (x:exp() - x:exp()):sum() end },
  { "exp gave inf at [2] (1 of 2 elements)", { 1, 200 }, function(x) return x:exp():sum() end },
  { "div gave inf at [1]", { 1 }, function(x) return (x / T { 0 }):sum() end },
  { "log gave inf at [1]", { 0 }, function(x) return x:log():sum() end },
  { "norm gave inf", { 1e30, 1e30 }, function(x) return x:norm() end },
  { "the gradient of argument 1 of sqrt is inf at [1]", { 0, 1 }, function(x) return x:sqrt():sum() end },
  { "the gradient of argument 1 of sqrt is nan at [1]", { 0, 1 },
    function(x) return (x:sqrt() * 0):sum() end },
  { "the gradient of argument 1 of pow is inf at [1]", { 0 }, function(x) return x:pow(0.5):sum() end },
}

-- MARK: Arguments from a golden case

--- The parameters of an operation: their names, and what a page says of their type.
local function parameters_of(op)
  local list = {}
  for line in (help.page(op):match "\n\n(.-)\n\n" or ""):gmatch "[^\n]+" do
    local name, kind = line:match "^  ([%w_]+)%s+.*%(([^()]*)%)$"
    if name then list[#list + 1] = { name = name, kind = kind } end
  end
  return list
end

local words <const> = { inf = math.huge, ["-inf"] = -math.huge, nan = 0 / 0 }
local function number_of(value) return words[value] or value end

local function tensor_of(given)
  local values = {}
  for i, value in ipairs(given.v) do values[i] = number_of(value) end
  if given.d == "bool" then
    for i, value in ipairs(values) do values[i] = value == true or value == 1 end
  end
  local dtype = given.d == "f64" and "f32" or given.d
  if #given.s == 0 then return T.full({}, values[1], dtype) end
  return (#values == 0 and T.zeros(table.unpack(given.s)) or T(values, dtype)):reshape(given.s)
end

local function attribute_of(given, parameter)
  if type(given) ~= "table" then return given end
  if given.d then return given.d end
  if given.i == nil and given.n == nil then
    local list, shift = {}, parameter.kind == "list of dimensions" and 1 or 0
    for i, value in ipairs(given) do list[i] = value >= 0 and value + shift or value end
    return list
  end
  local value = number_of(given.i or given.n)
  local is_place = parameter.kind:find "from 1"
  return is_place and value >= 0 and value + 1 or value
end

--- The arguments of a golden case, by name and in order; `tensors` are the places of those of floats.
local function arguments_of(case)
  local parameters, named, floats = parameters_of(case.op), {}, {}
  local tensors, attributes = 0, 0
  for _, parameter in ipairs(parameters) do
    if parameter.kind == "list of Tensors" then
      local list = {}
      for i, given in ipairs(case["in"]) do
        list[i] = tensor_of(given)
        if given.d == "f64" then floats[#floats + 1] = { name = parameter.name, at = i, number = i } end
      end
      named[parameter.name] = list
      tensors = #list
    elseif parameter.kind:find "Tensor" then
      tensors = tensors + 1
      local given = case["in"][tensors]
      if given then
        named[parameter.name] = tensor_of(given)
        if given.d == "f64" then floats[#floats + 1] = { name = parameter.name, number = tensors } end
      end
    else
      attributes = attributes + 1
      local given = case.at[attributes]
      if given ~= nil then
        named[parameter.name] = attribute_of(given, parameter)
      end
    end
  end
  return parameters, named, floats
end

--- Calls an operation with arguments by name; gives a list of its results.
local function call(op, parameters, named)
  local first = named[parameters[1].name]
  local rest = {}
  for i = 2, #parameters do rest[parameters[i].name] = named[parameters[i].name] end
  if next(rest) == nil then return { T[op](first) } end
  return { T[op](first, rest) }
end

local function case_of(op, parameters, named, float)
  local own = {}
  for name, value in pairs(named) do own[name] = value end
  local clean = float.at and named[float.name][float.at] or named[float.name]
  local filled = T.full(clean:size(), 0 / 0):requires_grad_()
  if float.at then
    own[float.name] = table.move(named[float.name], 1, #named[float.name], 1, {})
    own[float.name][float.at] = filled
  else
    own[float.name] = filled
  end
  local function results()
    local sum = T { 0 }
    for _, result in ipairs(call(op, parameters, own)) do
      local dtype = type(result) == "userdata" and result:dtype()
      if dtype == "f32" or dtype == "f64" then sum = sum + result:to("f32"):sum() end
    end
    return sum:sum()
  end
  local ones = {}
  for i = 1, clean:dim() do ones[i] = "1" end
  return {
    op = op, argument = float.number, loss = results,
    place = #ones > 0 and (" at [%s]"):format(table.concat(ones, ", ")) or "",
    gives_nan = function()
      local ok, value = pcall(T.no_grad, results)
      if ok then value = value:item() end
      return not ok or value ~= value
    end,
  }
end

local function golden_cases()
  local list = {}
  for _, name in ipairs { "ops_a", "ops_b", "ops_fused" } do
    for _, case in ipairs(formats.load_json(("%s/Tests/Golden/%s.json"):format(here, name)).cases) do
      if case.out then list[#list + 1] = case end
    end
  end
  return list
end

local tried = {}

--- A case for each argument of floats of each operation, from the first golden case that has elements in it.
function operations.cases()
  local list, done = {}, {}
  for _, case in ipairs(golden_cases()) do
    tried[case.op] = tried[case.op] or "no case"
    local ok, parameters, named, floats = pcall(arguments_of, case)
    local runs, problem = false, parameters
    if ok then runs, problem = pcall(call, case.op, parameters, named) end
    if not runs then tried[case.op] = tried[case.op] == "" and "" or tostring(problem) end
    for _, float in ipairs(runs and floats or {}) do
      local key = case.op .. float.number
      local value = float.at and named[float.name][float.at] or named[float.name]
      if not done[key] and value:numel() > 0 then
        done[key], tried[case.op] = true, ""
        list[#list + 1] = case_of(case.op, parameters, named, float)
      end
    end
  end
  return list
end

--- Operations of which no case could be made.
function operations.left_out()
  local names = {}
  for op, problem in pairs(tried) do
    if problem ~= "" then
      names[#names + 1] = op
    end
  end
  table.sort(names)
  return names
end

return operations
