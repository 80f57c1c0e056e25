--- A run of `align.train`: what it was given, what it has measured, and how it continues.
--
--   policy, reference      the models; `reference_hash`, `policy_hash_at_start` are their content hashes at
--                          the start, `reference_hashes` a list of { step, hash } of a reference that moves
--   parameters             the loss's own parameters, a table of tensors by name for each part of the loss
--   states                 the loss's running statistics, a table of numbers for each part of the loss
--   optimizer              of all parameters
--   step                   optimiser steps taken
--   status, problem        "running", "finished", "interrupted" or "failed", and then the error
--   log                    a row of figures for each logged step
--   points                 what `evaluate` returned, each with its `step`, its `instruments` (sums, counts),
--                          and what is `spent` by then
--   spent                  batches drawn, labels of the judge used, response tokens of the batches
--   checkpoints            copies of the policy, by step
--   stream                 the batches, when `record` is set
--   job                    what it is recorded by where `run` is given, see `perilune.run`
--   ledger                 every response that a step read: who wrote it, how likely it was, is; see
--                          `align.ledger`
--
--   > local align, worlds = require "perilune.align", require "perilune.worlds"
--   > local w = worlds.bandit { answers = 4, seed = 1 }
--   > local source = align.sources.online { task = w, prompts = w.prompts, judge = w:judge {}, batch = 1 }
--   > local run = align.train { policy = w:policy(), reference = w.reference, source = source,
--   >>   loss = align.loss.ipo {}, steps = 2, quiet = true }
--   > run:resume(4).step
--   4
--   > local batch = run:draw(5)
--   > #batch
--   1
local errors = require "perilune.errors"
local fit = require "perilune.align.fit"
local optim = require "perilune.optim"
local stats = require "perilune.align.evaluate.stats"
local batches = require "perilune.align.batch"
local policies = require "perilune.align.policy"
local gradient = require "perilune.align.train.gradient"
local measured = require "perilune.align.measured"
local recorded = require "perilune.align.runs.recorded"
local reference = require "perilune.align.train.reference"
local shards = require "perilune.align.shards"

local Run = { __name = "Run" }
Run.__index = Run

--- The error of a run that failed, with the run.
local Failure = { __name = "RunError" }
Failure.__index = Failure
function Failure:__tostring() return self.message end

--- A run of filled options of `align.train`.
local function new(o)
  local parameters, states, trained = {}, {}, policies.trained(o.policy)
  for i, term in ipairs(o.loss:terms()) do
    states[i] = term.loss:new_state()
    parameters[i] = term.loss:new_parameters(o.policy)
    local names = {}
    for name in pairs(parameters[i]) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do trained[#trained + 1] = parameters[i][name] end
  end
  local hash, instruments = o.policy:hash(), measured.new(o)
  return setmetatable({
    options = o, policy = o.policy, reference = reference.of(o), parameters = parameters, states = states,
    reference_hash = o.reference and o.reference:hash(), policy_hash_at_start = hash, reference_hashes = {},
    updates_a_batch = o.epochs * o.mini_batches,
    optimizer = optim.from_options(#trained == 1 and trained[1] == o.policy and o.policy or trained, o),
    label = o.label ~= "" and o.label or tostring(o.source.kind or o.source.name or "train"),
    measured = instruments, ledger = instruments.ledger,
    log = {}, points = {}, checkpoints = {}, stream = {}, step = 0, status = "new",
    spent = { batches = 0, labels = 0, tokens = 0 },
  }, Run)
end

--- The batch of a step, checked: a source may be the user's own and give a list of pairs. `other` is another
-- source than the run's.
function Run:draw(step, other)
  local source = other or self.options.source
  local name = tostring(source.kind or source.name or "the source")
  local where = ("step %d: %s"):format(step, name)
  local origin = ("%s@%d"):format((self.reference_hash or self.policy_hash_at_start):sub(1, 12), step - 1)
  local ok, batch = pcall(source.batch, source, step, self.policy, origin, self.reference)
  if not ok then error(type(batch) == "string" and ("%s: %s"):format(where, batch) or batch, 0) end
  if type(batch) ~= "table" then error(("%s must give a batch, got %s"):format(where, type(batch)), 0) end
  if #batch == 0 then error(("%s gave an empty batch"):format(where), 0) end
  if getmetatable(batch) == nil then batch = batches.of_pairs(batch, where) end
  if not batch.rows then error(("%s gave a batch without token ids"):format(where), 0) end
  batch:check(self.policy, where)
  batch:check_finite(where)
  return batch, where
end

--- Draws a batch and computes what belongs to all of it: the reference's columns, and the loss's own.
function Run:begin(step)
  local batch, where = self:draw(step)
  local view, states = gradient.prepared(self, batch, where)
  self.current, self.states = { step = step, batch = batch, view = view, where = where }, states
end

--- Whether `evaluate` is called after a step: at the multiples of evaluate_every, the steps it lists or
-- chooses, and the last. A function is asked once, before the step.
local function is_evaluated(self, step)
  local o = self.options
  if step == o.steps then return true end
  local every = o.evaluate_every
  if type(every) == "function" then
    if self.asked ~= step then self.asked, self.chosen = step, every(o.policy, step, self) end
    return self.chosen
  end
  if type(every) ~= "table" then return step % every == 0 end
  for _, listed in ipairs(every) do
    if listed == step then return true end
  end
  return false
end

--- Counts a new batch: its response tokens, and its labels, one a pair or one a rewarded response. A source
-- that repeats labels, or asks for more than it gives, has a method `labels(batches)`.
local function count_batch(spent, source, number, batch)
  if number <= spent.batches then return end
  spent.batches, spent.tokens = number, spent.tokens + math.tointeger(batch.lengths:sum():item())
  local labels = (batch:has_pairs() or batch.reward) and #batch or 0
  spent.labels = source.labels and source:labels(number) or spent.labels + labels
end

--- What a step reads, and a function that computes its gradients and returns the loss.
function Run:update(step)
  local o, count = self.options, self.updates_a_batch
  local number, within = (step - 1) // count + 1, (step - 1) % count
  if not self.current or self.current.step ~= number then self:begin(number) end
  local current = self.current
  local due = is_evaluated(self, step) and self.measured:is_on()
  local logged = (due or step % o.log_every == 0 or step == o.steps) and stats.sums() or nil
  self.measured:before(self, step, due)
  return function()
    local function seen(piece) self.measured:piece(piece) end
    return gradient.of_part(self, current.view, within + 1, current.where, logged, seen)
  end, { batch = current.batch, metrics = logged, drawn = within == 0 and number }
end

--- Records, logs and evaluates a step; called again after Ctrl-C, it does what is not done.
function Run:after_step(step, row, value)
  local o = self.options
  self.step = step
  if reference.is_moved(o, step) then reference.move(self, step) end
  if value.drawn then count_batch(self.spent, o.source, value.drawn, value.batch) end
  if o.record and value.drawn then self.stream[value.drawn] = value.batch end
  local m = value.metrics
  local due = is_evaluated(self, step)
  local found = self.measured:after(self, step, due)
  if m and not (self.log[#self.log] and self.log[#self.log].step == step) then
    m:merge(found)
    local logged = m:means()
    logged.step, logged.grad_norm, logged.lr = step, row.grad_norm, row.lr
    logged.loss = logged.loss or row.loss
    self.log[#self.log + 1] = logged
    if o.live then o.live:log(logged) end
  end
  if o.checkpoint_every > 0 and step % o.checkpoint_every == 0 then
    self.checkpoints[step] = o.policy:clone()
  end
  local last = self.points[#self.points]
  if o.evaluate and due and not (last and last.step == step) then
    local point = o.evaluate(o.policy, step, self)
    if type(point) ~= "table" then
      error("evaluate must return a table of figures, got " .. type(point), 0)
    end
    point.instruments = self.measured:is_on() and found:list() or nil
    point.step, point.labels, point.tokens = step, self.spent.labels, self.spent.tokens
    self.points[#self.points + 1] = point
  end
  return { loss = row.loss, margin = m and m:mean "rewards/margins" }
end

--- Trains from the step after the last finished one to `steps`; more steps can be given. Errors: the run is
-- within a step; `steps` is no whole number, or less than are taken; what align.train raises.
function Run:resume(steps)
  local o = self.options
  if self.status == "running" then
    error("run:resume: the run is within a step; it goes on when `evaluate` returns", 2)
  end
  if not self.loop then
    self.loop = fit.new {
      optimizer = self.optimizer, options = o, steps = o.steps, label = self.label,
      quiet = o.quiet or o.live ~= nil, live = o.live,
      loss = function(step) return self:update(step) end,
      after = function(step, row, value) return self:after_step(step, row, value) end,
      job = self.job, figures = function(step) return recorded.figures(self, step) end,
      advice = "run:resume() continues it",
    }
  end
  if steps then
    self.loop:set_steps(steps, "run:resume", 2)
    o.steps = steps
  end
  self.status = "running"
  local leave <close> = setmetatable({}, { __close = function()  -- luacheck: ignore 211
    if self.status == "running" then self.status = "interrupted" end
  end })
  local status, problem = shards.within(o.shards, self.loop.run, self.loop)
  self.step, self.status, self.problem = self.loop.step, status, nil
  if status == "failed" then
    self.problem = errors.message(problem)
    error(setmetatable({ run = self, message = self.problem, cause = problem }, Failure), 0)
  end
  return self
end

--- Saves the run to a folder, from which `align.runs.load` continues it in another process. See `align.runs`.
function Run:save(folder) require "perilune.align.runs".save(self, folder) end

--- The last row of the log, and its curves.
function Run:__mime() return require "perilune.display.runs".of_training(self) end

function Run:__tostring()
  return ("[Run %s: step %d of %d, %s]"):format(self.label, self.step, self.options.steps, self.status)
end

return new
