--- R16: NaN that comes into a training step is found in that step, and by the right name.
--
--     bin/perilune scripts/reliability/nan.lua
--     bin/perilune scripts/reliability/nan.lua --losses dpo,grpo
--
-- NaN is put into each argument of each operation of the catalogue: `optim.step` names operation, argument
-- and place where the result is NaN; that it is not, as of a comparison, is right where `ends` says so.
-- Operations whose results are NaN or infinite for finite arguments, forward or backward, are named
-- themselves. In the second step of a training with every loss, NaN and infinity are put into an entry of
-- each column of the batch, one after the other: the error names step, column, and row. So it is with each
-- weight of the policy and of the reference.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
package.path = common.root .. "/Tests/lua/?.lua;" .. package.path
local operations = require "nan_operations"
local perilune = require "perilune"
local toy = require "toy"
local align, optim, T = perilune.align, perilune.optim, perilune.tensor

local o = common.options { losses = "all" }
local nan <const> = 0 / 0

local function note(what, ...) io.stderr:write("nan: ", what:format(...), "\n") end

--- The error of a step with this loss of x; a weight of its own is trained as well.
local function problem_of(compute, x)
  local weight = T({ 1 }, { requires_grad = true })
  local ok, problem = pcall(optim.step, optim.sgd { weight, x }, function()
    local loss = compute(x) * weight:sum()
    loss:backward()
    return loss:item()
  end)
  return not ok and tostring(problem) or nil
end

--- NaN in each argument of each operation.
local function arguments()
  local count, bad, ended, names = 0, 0, {}, {}
  for _, case in ipairs(operations.cases()) do
    names[case.op] = true
    local problem, is_nan = problem_of(case.loss), case.gives_nan()
    local words = ("argument %d of %s is nan%s"):format(case.argument, case.op, case.place)
    if case.argument == 1 and operations.refusing[case.op] then
      words = "the matrix has elements that are not finite"
    end
    count = count + 1
    local is_named = problem and problem:find(words, 1, true)
    if is_nan and not is_named or is_nan == (operations.ends[case.op] == true) then
      bad = bad + 1
      note("%s, argument %d: %s; the result is %s", case.op, case.argument, problem or "no error",
        is_nan and "nan" or "finite")
    end
    if not is_nan then ended[case.op] = true end
  end
  local all, finite = 0, 0
  for _ in pairs(names) do all = all + 1 end
  for _ in pairs(ended) do finite = finite + 1 end
  for _, op in ipairs(operations.left_out()) do
    if not operations.without_floats[op] then
      bad = bad + 1
      note("%s has no case", op)
    end
  end
  local said <const> = "NaN in %d arguments of %d operations, %d of which give finite results: not named"
  common.row("R16", said:format(count, all, finite), bad, bad == 0 and count > 0)
end

--- Results that are NaN or infinite, and gradients, of finite arguments.
local function results()
  local count, bad = 0, 0
  for _, made in ipairs(operations.made) do
    local words, values, compute = table.unpack(made)
    local problem = problem_of(compute, T(values, { requires_grad = true }))
    count = count + 1
    if not (problem and problem:find(words, 1, true)) then
      bad = bad + 1
      note("expected '%s', got: %s", words, problem or "no error")
    end
  end
  local said <const> = "%d operations that make NaN or an infinity, forward or backward: not named"
  common.row("R16", said:format(count), bad, bad == 0)
end

-- MARK: Training

local reference = toy.model(5)

local function source_of(loss)
  local source = toy.source_of(loss, { batch = 4, seed = 3 })
  return align.sources.reweighted { of = source, weight = function() return 1 end }
end

--- Two steps; `change` is called for the batch of the second.
local function train(loss, change, more)
  local source = source_of(loss)
  local changed = setmetatable({ name = "changed", batch = function(_, step, ...)
    local batch = source:batch(step, ...)
    if step == 2 then change(batch) end
    return batch
  end }, { __index = source })
  return align.train(toy.with({
    policy = reference:clone(), reference = reference, source = changed, loss = loss, steps = 2, quiet = true,
    instruments = false,
  }, more))
end

--- Puts a number into entry `at` of a column: of the rows, of tokens, a tensor, or a list of lists.
local function put(batch, name, at, number)
  local of_rows = name == "old_logps" and "logps" or name
  local column = batch.token_columns[name] or batch.columns[name]
  if not column then
    local values = batch.rows:column(of_rows):totable()
    values[at] = number
    rawset(batch, "rows", batch.rows:with(of_rows, T(values)))
    rawset(batch, "segments", batch.rows)
    rawset(batch, "cache", {})
  elseif type(column) == "userdata" then
    local values = column:to("f64"):totable()
    values[at] = number
    local set = batch.token_columns[name] and batch.set_tokens or batch.set
    set(batch, name, T(values))
  else
    column = table.move(column, 1, #column, 1, {})
    if type(column[at]) == "table" then
      column[at] = table.move(column[at], 1, #column[at], 1, {})
      column[at][1] = number
    else
      column[at] = number
    end
    batch:set(name, column)
  end
end

--- Columns of numbers: a batch also has lists of names.
local function columns_of(batch)
  local names = {}
  for name in batch:column_names():gmatch "[%w_]+" do
    local column = batch.token_columns[name] or batch.columns[name]
    local entry = type(column) == "table" and column[1]
    if not entry or type(entry) == "number" or type(entry) == "table" then names[#names + 1] = name end
  end
  return names
end

local function columns()
  local count, bad, losses, names = 0, 0, 0, {}
  for _, name in ipairs(align.loss.names()) do
    if common.chosen(o.losses, name) then
      losses = losses + 1
      local loss, found = align.loss[name] {}, nil
      train(loss, function(batch) found = columns_of(batch) end)
      for i, column in ipairs(found) do
        for k, number in ipairs { nan, math.huge } do
          local function change(batch) put(batch, column, (i + k) % 3 + 1, number) end
          local ok, problem = pcall(train, loss, change)
          local is, text = k == 1 and "nan" or "inf", tostring(problem)
          local words = ("column '%s' is %s"):format(column, is)
          count, names[column] = count + 1, true
          if ok or not text:find(words, 1, true) or not text:find("^step 2: ") then
            bad = bad + 1
            note("%s, %s in column '%s': %s", name, number, column, ok and "no error" or text)
          end
        end
      end
    end
  end
  local kinds = 0
  for _ in pairs(names) do kinds = kinds + 1 end
  local said <const> = "NaN and infinity in %d columns of the batches of %d losses, %d cases: not named"
  common.row("R16", said:format(kinds, losses, count), bad, bad == 0 and count > 0)
end

local function weights()
  local count, bad, loss = 0, 0, align.loss.dpo {}
  local _, names = reference:parameters()
  for i, name in ipairs(names) do
    for _, which in ipairs { "policy", "reference" } do
      local damaged = reference:clone()
      T.no_grad(function() damaged:parameters()[i]:flatten():narrow(1, 1, 1):fill_(nan) end)
      local ok, problem = pcall(train, loss, function() end, { [which] = damaged })
      count = count + 1
      local words = ("weight '%s' of the %s is not finite"):format(name, which)
      if ok or not tostring(problem):find(words, 1, true) then
        bad = bad + 1
        note("NaN in %s of the %s: %s", name, which, ok and "no error" or tostring(problem))
      end
    end
  end
  common.row("R16", ("NaN in %d weights of policy and reference: not named"):format(count), bad, bad == 0)
end

arguments()
results()
columns()
weights()
common.exit()
