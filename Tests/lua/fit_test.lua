--- The training loop: what its states mean, and what an error and Ctrl-C leave.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local fit = require "perilune.align.fit"
local optim = require "perilune.optim"
local parallel = require "perilune.parallel"
local plain = require "perilune.plain"
local system = require "perilune.system"
local tensor = require "perilune.tensor"

--- A loop that moves w by -1 each step, with `more` options.
local function loop_of(w, more)
  local given = {
    optimizer = optim.sgd { w }, options = optim.options:fill { lr = 1, max_grad_norm = 0 }, steps = 5,
    quiet = true, label = "toy", loss = function() return w:sum() end,
  }
  for name, value in pairs(more or {}) do given[name] = value end
  return fit.new(given)
end

local function leaf(x) return tensor({ x }, { requires_grad = true }) end

TestLoop = {}

function TestLoop.test_it_takes_its_steps_and_tells_each()
  local w, rows = leaf(10), {}
  local loop = loop_of(w, {
    loss = function(step) return w:sum(), "batch " .. step end,
    after = function(step, row, value) rows[step] = { row.step, row.loss, row.grad_norm, row.lr, value } end,
  })
  lu.assertEquals(loop:run(), "finished")
  lu.assertEquals(rows[2], { 2, 9, 1, 1, "batch 2" })
  lu.assertEquals({ #rows, loop.step, w:item() }, { 5, 5, 5 })
end

function TestLoop.test_after_may_stop_it()
  local loop = loop_of(leaf(10), { after = function(step) return nil, step == 3 end })
  lu.assertEquals({ loop:run(), loop.step, loop.stopped }, { "finished", 3, true })
end

function TestLoop.test_more_steps_continue_with_the_schedule_of_the_longer_run()
  local w, rates = leaf(10), {}
  local loop = loop_of(w, {
    options = optim.options:fill { lr = 1, decay = "linear" }, steps = 2,
    after = function(step, row) rates[step] = row.lr end,
  })
  loop:run()
  loop:set_steps(4, "run:resume")
  loop:run()
  lu.assertEquals(rates, { 1, 0.5, 0.5, 0.25 })
end

function TestLoop.test_steps_that_are_no_count_beyond_the_taken_ones_are_refused()
  local loop = loop_of(leaf(1))
  for value, shown in pairs { [-5] = "-5", [2.5] = "2.5", [0] = "0", x = "'x'" } do
    lu.assertEquals(support.message(loop.set_steps, loop, value, "run:resume"),
      "run:resume: steps must be a whole number of at least 1, got " .. shown)
  end
  loop:run()
  lu.assertEquals(support.message(loop.set_steps, loop, 3, "run:resume"),
    "run:resume: steps must be a whole number of at least 5 (5 are taken), got 3")
end

TestFailures = {}

function TestFailures.test_a_number_that_is_not_finite_fails_the_run_and_steps_before_it_count()
  local w = leaf(10)
  local loop = loop_of(w, { loss = function(step) return w:sum() / (step == 3 and 0 or 1) end })
  local status, problem = loop:run()
  lu.assertEquals({ status, loop.status, loop.step, w:item() }, { "failed", "failed", 2, 8 })
  lu.assertEquals(problem, "step 3: loss inf, gradient norm inf: the step is not applied: div gave inf")
end

function TestFailures.test_one_step_with_a_rate_of_1e300_fails()
  local status, problem = loop_of(leaf(10), { options = optim.options:fill { lr = 1e300 }, steps = 1 }):run()
  lu.assertEquals(status, "failed")
  lu.assertStrContains(tostring(problem), "step 1: parameter 1 (1) holds nan or inf after the update")
end

function TestFailures.test_an_error_of_the_loss_is_given_back_as_it_is()
  local mine = { "mine" }
  local status, problem = loop_of(leaf(1), { loss = function() error(mine) end }):run()
  lu.assertEquals(status, "failed")
  lu.assertTrue(problem == mine)
end

function TestFailures.test_a_text_about_interruption_is_no_interruption()
  local status = loop_of(leaf(1), { loss = function() error "interrupted!" end }):run()
  lu.assertEquals(status, "failed")
end

TestInterrupts = {}

--- What `f()` returns in a process of its own: a second Ctrl-C soon after the first would end this one.
local function in_process(f)
  local job = system.fork(function(send)
    lu.unregisterCurrentSuite()
    send(plain.encode { f() })
  end)
  local lines
  repeat lines = job:lines(1) until lines[1] or job:status()
  return table.unpack(plain.decode(lines[1] or job:lines()[1]))
end

function TestInterrupts.test_finished_steps_count_and_run_continues()
  local before, said, after = in_process(function()
    local w, pressed = leaf(10), false
    local loop = loop_of(w, {
      advice = "continue with run()",
      loss = function(step)
        if step == 3 and not pressed then
          pressed = true
          support.press_ctrl_c()
        end
        return w:sum()
      end,
    })
    local text = support.with_errors(function() loop:run() end)
    local first = { loop.status, loop.step, w:item() }
    return first, text, { loop:run(), loop.step, w:item() }
  end)
  lu.assertEquals(before, { "interrupted", 2, 8 })
  lu.assertEquals(said, "toy: interrupted after step 2; continue with run()\n")
  lu.assertEquals(after, { "finished", 5, 5 })
end

function TestInterrupts.test_a_step_whose_figures_were_not_told_is_told_by_the_next_run()
  local before, told, weight = in_process(function()
    local w, steps, pressed = leaf(10), {}, false
    local loop = loop_of(w, { after = function(step, row)
      if step == 2 and not pressed then
        pressed = true
        support.press_ctrl_c()
      end
      steps[#steps + 1] = row.step
    end })
    support.with_errors(function() loop:run() end)
    local first = { loop.status, loop.step, w:item() }
    loop:run()
    return first, steps, w:item()
  end)
  lu.assertEquals(before, { "interrupted", 2, 8 })
  lu.assertEquals(told, { 1, 2, 3, 4, 5 })
  lu.assertEquals(weight, 5)
end

function TestInterrupts.test_within_whole_it_is_raised()
  local kind, said, after = in_process(function()
    local loop, problem = loop_of(leaf(10), { loss = support.press_ctrl_c }), nil
    local text = support.with_errors(function()
      local _, raised = pcall(fit.whole, function() return loop:run() end)
      problem = raised
    end)
    return problem.kind, text, { fit.whole(function(x) return x + 1, "two" end, 1) }
  end)
  lu.assertEquals({ kind, said, after }, { "interrupted", "", { 2, "two" } })
end

function TestInterrupts.test_a_child_of_parallel_map_says_nothing_and_ends()
  local said
  local message = support.message(parallel.map, { 1 }, function()
    lu.unregisterCurrentSuite()
    said = support.with_errors(function() loop_of(leaf(1), { loss = support.press_ctrl_c }):run() end)
    error("the loop returned and said " .. said, 0)
  end, { quiet = true })
  lu.assertEquals(message, "parallel.map: item 1: interrupted")
end

os.exit(lu.LuaUnit.run())
