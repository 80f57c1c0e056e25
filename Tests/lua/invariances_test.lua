--- What must hold for every loss of the library: one table, invariances.lua, has a row for each.
--
-- A batch has 8 units with outputs of toy models in float64. What the trainer computes of a whole batch is
-- prepared as there. A case of the table says what is known of the loss; where an invariance does not hold,
-- the case has the reason in its place, and the test fails if it holds after all.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local toy = require "toy"
local table_of = require "invariances"
local fixture = require "invariances_batch"
local tensor = require "perilune.tensor"
local loss = require "perilune.align.loss"

--- Calls f(bound, case, name) for each case of each loss and fails with all complaints that it returns.
local function each(f)
  local complaints, ran = {}, 0
  for _, name in ipairs(loss.names()) do
    for i, case in ipairs(table_of[name] or {}) do
      local bound = loss[name](case.with)
      local ok, complaint = pcall(f, bound, case)
      if complaint ~= false then ran = ran + 1 end
      if complaint then
        local text = type(complaint) == "table" and complaint.msg or tostring(complaint)
        complaints[#complaints + 1] = ("%s, case %d: %s%s"):format(name, i, ok and "" or "error: ", text)
      end
    end
  end
  if #complaints > 0 then lu.fail(table.concat(complaints, "\n")) end
  lu.assertTrue(ran > 0)
end

--- Why two numbers are not close; nil where they are.
local function apart(got, expected, tolerance)
  local bound = tolerance * math.max(1, math.abs(expected))
  if not (math.abs(got - expected) <= bound) then return ("%.12g, expected %.12g"):format(got, expected) end
end

--- Why the gradients of two setups differ; nil where they do not.
local function apart_gradients(got, expected)
  for name, leaf in pairs(expected.leaves) do
    local want, have = leaf:grad(), got.leaves[name]:grad()
    if want then
      local largest = math.max(want:abs():amax():item(), 1e-6)
      local difference = have and (want - have):abs():amax():item() or largest
      if not (difference <= 1e-9 * largest) then
        return ("gradient of %s apart by %.3g of %.3g"):format(name, difference, largest)
      end
    end
  end
end

TestInvariances = {}

function TestInvariances:test_every_loss_has_a_row_and_every_row_a_loss()
  local missing, known = {}, {}
  for _, name in ipairs(loss.names()) do
    known[name] = true
    if not table_of[name] then missing[#missing + 1] = name .. " has no row" end
  end
  for name in pairs(table_of) do
    if not known[name] then missing[#missing + 1] = "no loss " .. name end
  end
  lu.assertEquals(missing, {})
end

function TestInvariances:test_every_loss_cites_its_paper()
  local missing = {}
  for _, name in ipairs(loss.names()) do
    if not loss[name].paper:find "%d%d%d%d" then missing[#missing + 1] = name end
    lu.assertEquals(loss[name].name, name)
  end
  lu.assertEquals(missing, {})
end

--- What a loss takes of a batch is a mean of its units, so that any accumulation gives the same step.
function TestInvariances:test_8_pieces_of_1_are_1_piece_of_8()
  each(function(bound)
    local whole, pieces = fixture.setup(bound), fixture.setup(bound)
    local expected = fixture.value(bound, whole)
    expected:backward()
    local total = fixture.piece(bound, pieces, { 1 })
    for i = 2, 8 do total = total + fixture.piece(bound, pieces, { i }) end
    total:backward()
    local complaint = apart(total:item(), expected:item(), 1e-12) or apart_gradients(pieces, whole)
    if bound.splits then return complaint end
    return not complaint and "splits = false, and it is the same in pieces" or nil
  end)
end

function TestInvariances:test_the_order_of_the_batch_does_not_matter()
  each(function(bound, case)
    local whole, turned = fixture.setup(bound), fixture.setup(bound, { order = { 3, 8, 1, 6, 2, 7, 5, 4 } })
    local expected, value = fixture.value(bound, whole), fixture.value(bound, turned)
    expected:backward()
    value:backward()
    local complaint = apart(value:item(), expected:item(), 1e-12) or apart_gradients(turned, whole)
    if not case.order then return complaint end
    return not complaint and "order does not matter after all" or nil
  end)
end

--- L(pair) - L(swapped pair), with the formula in plain Lua on the log-ratios.
function TestInvariances:test_swapping_the_answers_mirrors_the_loss()
  each(function(bound, case)
    if not case.swap then return false end
    local whole, swapped = fixture.setup(bound), fixture.setup(bound, { swap = true })
    local got = fixture.value(bound, whole):item() - fixture.value(bound, swapped):item()
    local x, y = fixture.sides(bound, whole, case.norm)
    local expected = 0
    for i = 1, 8 do expected = expected + case.swap(x[i], y[i], bound.options) / 8 end
    return apart(got, expected, 1e-9)
  end)
end

function TestInvariances:test_where_the_policy_is_the_reference()
  each(function(bound, case)
    if case.same == nil then return false end
    local same = fixture.setup(bound, { same = true })
    if same.view:has_pairs() and same.view.ref_logps and bound.options.norm then
      local c, r = loss.log_ratios(same.view, bound.options)
      if c:abs():amax():item() + r:abs():amax():item() > 0 then return "rewards are not 0" end
    end
    return apart(fixture.value(bound, same):item(), case.same, 1e-9)
  end)
end

--- A constant added to the first token of both models, another one on each side.
function TestInvariances:test_a_shift_of_policy_and_reference_changes_nothing()
  each(function(bound, case)
    local reads = table.concat(bound.reads, " ") .. " "
    if bound.per ~= "pair" or not reads:find "ref_logps " then return false end
    local expected = fixture.value(bound, fixture.setup(bound)):item()
    local shifted = fixture.value(bound, fixture.setup(bound, { shift = true })):item()
    local complaint = apart(shifted, expected, 1e-12)
    if not case.shift then return complaint end
    return not complaint and "a shift changes nothing after all" or nil
  end)
end

function TestInvariances:test_gradients_are_the_slopes()
  each(function(bound, case)
    local setup = fixture.setup(bound)
    fixture.value(bound, setup):backward()
    local complaint
    for name, leaf in pairs(setup.leaves) do
      local grad, numbers = leaf:grad(), leaf:detach():flatten():totable()
      grad = grad and grad:flatten():totable()
      local function at(i, by)
        local own = numbers[i]
        numbers[i] = own + by
        local changed = tensor(numbers, "f64"):reshape(leaf:size())
        numbers[i] = own
        return fixture.value(bound, setup, { [name] = changed }):item()
      end
      for i = 1, #numbers, math.max(1, #numbers // 24) do
        local slope = (at(i, 1e-5) - at(i, -1e-5)) / 2e-5
        complaint = complaint or apart(grad and grad[i] or 0, slope, 1e-6)
          and ("%s at %d: %.9g, slope %.9g"):format(name, i, grad and grad[i] or 0, slope)
      end
    end
    if not case.detached then return complaint end
    return not complaint and "its gradient is the slope after all" or nil
  end)
end

--- One response of log-probability -10,000, under the policy, its state before the updates, or the reference.
function TestInvariances:test_finite_at_huge_margins()
  each(function(bound, case)
    local complaint
    for _, dtype in ipairs { "f32", "f64" } do
      for _, column in ipairs { "logps", "ref_logps", "old_logps" } do
        for _, row in ipairs { "first", "last" } do
          local setup = fixture.setup(bound, { dtype = dtype, huge = { column = column, row = row } })
          local value = fixture.value(bound, setup)
          value:backward()
          local x = value:item()
          local finite = x - x == 0
          for _, leaf in pairs(setup.leaves) do
            local sum = leaf:grad() and leaf:grad():abs():sum():item() or 0
            finite = finite and sum - sum == 0
          end
          if not finite then
            complaint = complaint or ("%s of the %s row in %s: loss %s"):format(column, row, dtype, x)
          end
        end
      end
    end
    if not case.huge then return complaint end
    return not complaint and "finite after all" or nil
  end)
end

--- A few steps on the same pairs lower the loss, so that each of them is one to minimise.
function TestInvariances:test_training_lowers_the_loss_of_pairs()
  local align = require "perilune.align"
  local start = toy.model(5)
  local pairs_of_start = align.sources.sample(start, toy.sampling { count = 64, quiet = true })
  each(function(bound, case)
    if bound.per ~= "pair" or case.falls or case.with then return false end
    local run = align.train {
      policy = start:clone(), reference = toy.model(5), loss = bound, steps = 20, lr = 3e-3, quiet = true,
      source = align.sources.offline(pairs_of_start, { batch = 32 }),
    }
    local first, last = run.log[1].loss + run.log[2].loss, run.log[19].loss + run.log[20].loss
    if not (last < first) then return ("%.6g at first, %.6g at last"):format(first / 2, last / 2) end
  end)
end

os.exit(lu.LuaUnit.run())
