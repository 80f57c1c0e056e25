--- The instruments of a run: when they measure, and what they share.
local tensor = require "perilune.tensor"
local instruments = require "perilune.align.instruments"
local new_ledger = require "perilune.align.ledger"
local system = require "perilune.system"
local shards = require "perilune.align.shards"
local sampling = require "perilune.align.sampling"
local sources = require "perilune.align.source"
local stats = require "perilune.align.evaluate.stats"

local Measured = {}
Measured.__index = Measured

--- The instruments of filled options of align.train.
local function new(o)
  local list, own = instruments.chosen(o.instruments)
  local self = setmetatable({
    list = list, own = own, pieces = {}, ledger = new_ledger(o.source), found = stats.sums(),
  }, Measured)
  for _, one in ipairs(list) do
    one.state = one.definition.state and one.definition.state() or nil
    self.reads_steps = self.reads_steps or one.definition.step ~= nil
  end
  return self
end

--- The id that ends more than half of some responses and is within none; nil if there is none.
local function stop_of(responses)
  local ends, within, best = {}, {}, nil
  for _, ids in ipairs(responses) do
    local last = ids[#ids]
    if last then ends[last] = (ends[last] or 0) + 1 end
    for i = 1, #ids - 1 do within[ids[i]] = true end
  end
  for id, count in pairs(ends) do
    if count * 2 > #responses and not within[id] then best = id end
  end
  return best
end

--- How the policy draws its own responses: the given options, then those of the source, then what the batch
-- shows.
local function drawing(given, context, prompts)
  local own, of_source = sampling.given(given), sampling.given(sources.drawing(context.source))
  local o = { temperature = own.temperature, seed = own.seed, top_k = 0, top_p = 1.0, min_p = 0.0 }
  o.max_new_tokens, o.stop = own.max_new_tokens or of_source.max_new_tokens, own.stop or of_source.stop
  if not (o.max_new_tokens and o.stop) then
    local responses, longest = context.batch.rows:responses(), 1
    for _, ids in ipairs(responses) do longest = math.max(longest, #ids) end
    o.max_new_tokens, o.stop = o.max_new_tokens or longest, o.stop or { stop_of(responses) }
  end
  local limit = context.policy:config().max_length
  for _, prompt in ipairs(limit and prompts or {}) do
    o.max_new_tokens = math.max(0, math.min(o.max_new_tokens, limit - #prompt))
  end
  return o
end

--- The prompts of the first units of a batch.
local function some_prompts(batch, count)
  local prompts = {}
  for i, unit in ipairs(batch:units()) do
    if i > count then break end
    prompts[i] = batch.rows:prompt(unit[1])
  end
  return prompts
end

--- What a context computes when it is first read.
local shared = {}

function shared.drawing(context)
  return drawing(context.measured.own, context, some_prompts(context.batch, context.measured.own.prompts))
end

function shared.own(context)
  local prompts = some_prompts(context.batch, context.measured.own.prompts)
  local policy = context.policy
  return sampling.draw(policy, policy, prompts, context.drawing, "instruments", context.step, 2)
end

--- A function of a source that gives its batch for this step, and what the batch is called in messages.
function shared.batch_of(context)
  return function(source) return context.run:draw(context.step, source) end
end

function shared.own_logps(context)
  local logps = context.own:column "logps"
  return logps and context.own:sums(logps) or shards.logps(context.policy, context.own)
end

function shared.own_ref_logps(context) return shards.logps(context.reference, context.own) end

function shared.data(context)
  local places, batch = {}, context.batch
  for i, unit in ipairs(batch:units()) do
    if i <= context.measured.own.prompts then table.move(unit, 1, #unit, #places + 1, places) end
  end
  return batch.rows:select(places)
end

local Context = {
  __index = function(self, name)
    local value = shared[name] and shared[name](self)
    rawset(self, name, value)
    return value
  end,
}

local function failed(name, problem)
  if type(problem) ~= "string" or system.is_interrupt(problem) then error(problem, 0) end
  error(("instrument '%s': %s (align.train takes instruments = false)"):format(name, problem), 0)
end

--- Calls the function `which` of every instrument; gives the sums of their figures.
local function measure(self, run, step, which)
  local m, o, current = stats.sums(), run.options, run.current
  local context = setmetatable({
    run = run, policy = run.policy, reference = run.reference, loss = o.loss, source = o.source, step = step,
    batch = current.batch, view = current.view, where = current.where, measured = self, ledger = self.ledger,
    update = (step - 1) % run.updates_a_batch + 1, pieces = self.pieces,
  }, Context)
  for _, one in ipairs(self.list) do
    local f = one.definition[which]
    if f then
      context.state = one.state
      local ok, problem = pcall(f, context, one.options, m)
      -- A gradient that fails is that of the step, whose error it is.
      if not ok and which == "gradient" then error(problem, 0) end
      if not ok then failed(one.definition.name, problem) end
    end
  end
  return m
end

--- Whether anything is measured.
function Measured:is_on() return #self.list > 0 end

--- What a saved run keeps of its instruments, as plain data; `restore` takes it back.
function Measured:plain()
  local states = {}
  for _, one in ipairs(self.list) do states[one.definition.name] = one.state end
  return { states = states, ledger = self.ledger:plain() }
end

function Measured:restore(data)
  for _, one in ipairs(self.list) do one.state = data.states[one.definition.name] or one.state end
  self.ledger:restore(data.ledger)
end

--- Begins a step; `due` says whether it will be evaluated.
function Measured:before(run, step, due)
  self.pieces = {}
  self.found = due and measure(self, run, step, "gradient") or stats.sums()
end

--- Keeps of a piece of a step what instruments read.
function Measured:piece(piece)
  if not self.reads_steps then return end
  local now = piece.logps and piece:sums("logps"):detach()
  self.pieces[#self.pieces + 1] = { batch = piece, now = now }
end

--- The pieces of a step in shards as one, so that figures do not depend on the number of processes.
local function joined(pieces)
  local part = pieces[1] and pieces[1].batch.part
  if not (part and pieces[1].now) then return pieces end
  local of_piece, units, now = {}, part:units(), {}
  for i, piece in ipairs(pieces) do
    local found, units_of_piece = piece.now:totable(), piece.batch:units()
    of_piece[i] = { places = piece.batch.places_in_part, values = {} }
    for k, unit in ipairs(units_of_piece) do
      local values = {}
      for j, row in ipairs(unit) do values[j] = found[row] end
      of_piece[i].values[k] = values
    end
  end
  for _, piece in ipairs(shards.lists(of_piece)) do
    for k, place in ipairs(piece.places) do
      for j, row in ipairs(units[place]) do now[row] = piece.values[k][j] end
    end
  end
  return { { batch = part, now = tensor(now) } }
end

--- Ends a step: the figures of the step and its gradients, and those of the policy after it where it is
-- `due`. Called again after Ctrl-C, it gives the same.
function Measured:after(run, step, due)
  if self.reads_steps and run.options.shards > 0 then self.pieces = joined(self.pieces) end
  local m = measure(self, run, step, "step")
  m:merge(self.found)
  if due then m:merge(measure(self, run, step, "evaluation")) end
  return m
end

return { new = new }
