--- The training loop: the same for every loss and every source of pairs.
--
--   local run = align.train {
--     policy = sft:clone(), reference = sft, pairs = align.pairs.online { judge = proxy, prompts = prompts },
--     loss = align.loss.ipo { beta = 0.1 }, steps = 400,
--   }
--   run.log[#run.log]["rewards/margins"]
--
-- The policy is trained in place. The run has `policy`, `reference`, `reference_hash`, `log` (one row of figures a
-- logged step), `checkpoints` (copies of the policy by step), `stream` (the batches, when recorded), `step` and
-- `status` ("finished", "interrupted" or "failed"). After Ctrl-C everything up to the last finished step is kept, and
-- `run:resume()` goes on; a program without a prompt goes on too, and ends with 130 as one that Ctrl-C stopped.
local options = require "perilune.options"
local optim = require "perilune.optim"
local system = require "perilune.system"
local tensor = require "perilune.tensor"
local stats = require "perilune.align.evaluate.stats"
local progress = require "perilune.progress"

local defaults = {
  policy = options.required("userdata"),
  reference = options.required("userdata"),
  pairs = options.required("table"),
  loss = options.required("function"),
  steps = options.integer(nil, 1),
  lr = options.number(3e-4, 0),
  warmup = options.integer(0, 0),
  decay = options.choice("constant", { "constant", "linear", "cosine" }),
  beta1 = options.number(0.9, 0, 1),
  beta2 = options.number(0.999, 0, 1),
  weight_decay = options.number(0.0, 0),
  max_grad_norm = options.number(1.0, 0),
  evaluate = options.optional("function"),
  evaluate_every = options.optional "integer|table",
  checkpoint_every = options.integer(0, 0),
  log_every = options.integer(1, 1),
  record = false,
  keep_reference_logps = true,
  label = options.optional("string"),
  quiet = false,
}

local Run = {}
Run.__index = Run

local function columns(batch)
  local prompts, chosen, rejected = {}, {}, {}
  for i, pair in ipairs(batch) do
    prompts[i], chosen[i], rejected[i] = pair.prompt, pair.chosen, pair.rejected
  end
  return prompts, chosen, rejected
end

local function is_a(class, value)
  return type(value) == "userdata" and (getmetatable(value) or {}).__name == class
end

--- The pairs of a step, checked: a source may be the user's own.
local function checked_batch(source, step, batch)
  local name = tostring(source.name or "the source of pairs")
  if type(batch) ~= "table" or #batch == 0 then
    local got = type(batch) == "table" and "none" or tostring(batch)
    error(("step %d: %s must give a list of pairs, got %s"):format(step, name, got), 0)
  end
  for i, pair in ipairs(batch) do
    for _, part in ipairs { "prompt", "chosen", "rejected" } do
      if type(pair) ~= "table" or type(pair[part]) ~= "table" then
        error(("step %d: pair %d of %s has no list of token ids '%s'"):format(step, i, name, part), 0)
      end
    end
  end
  return batch
end

--- The losses of a batch, checked: one a pair, or their mean.
local function checked_losses(losses, count)
  if not is_a("Tensor", losses) then
    error(("the loss must give a tensor of %d losses, one a pair, got %s"):format(count, tostring(losses)), 0)
  elseif losses:numel() ~= count and losses:numel() ~= 1 then
    error(("the loss must give %d losses, one a pair, got %d"):format(count, losses:numel()), 0)
  end
  return losses
end

--- Log-probabilities of all answers of a batch in one pass: the chosen ones, then the rejected ones.
local function both(model, prompts, chosen, rejected)
  local n = #prompts
  local all_prompts, answers = {}, {}
  for i = 1, n do
    all_prompts[i], all_prompts[n + i] = prompts[i], prompts[i]
    answers[i], answers[n + i] = chosen[i], rejected[i]
  end
  local logps, lengths = model:logps(all_prompts, answers)
  return logps:narrow(1, 1, n), logps:narrow(1, n + 1, n), lengths:narrow(1, 1, n), lengths:narrow(1, n + 1, n)
end

--- The reference's log-probabilities: computed once for a pair that will come again, and kept with it. They are the same
-- bits whatever other pairs are in the batch.
local function reference_logps(self, batch, prompts, chosen, rejected)
  local keep = self.options.keep_reference_logps and self.options.pairs.is_fixed
  local held = self.reference_held
  if keep then
    local w, l = {}, {}
    for i, pair in ipairs(batch) do
      local known = held[pair]
      if not known then break end
      w[i], l[i] = known[1], known[2]
    end
    if #w == #batch then return tensor(w), tensor(l) end
  end
  local ref_chosen, ref_rejected = tensor.no_grad(both, self.options.reference, prompts, chosen, rejected)
  if keep then
    local w, l = ref_chosen:totable(), ref_rejected:totable()
    for i, pair in ipairs(batch) do held[pair] = { w[i], l[i] } end
  end
  return ref_chosen, ref_rejected
end

--- Figures of a batch under TRL's names, each a sum and a count. `rewards/accuracies` counts a tie as 1/2.
local function figures(pair, beta, losses)
  local m = stats.sums()
  local chosen, rejected = pair.chosen:detach(), pair.rejected:detach()
  m:add_all("loss", losses:detach())
  m:add_all("logps/chosen", chosen)
  m:add_all("logps/rejected", rejected)
  if pair.ref_chosen then
    local c, r = chosen - pair.ref_chosen, rejected - pair.ref_rejected
    m:add_all("rewards/chosen", c * beta)
    m:add_all("rewards/rejected", r * beta)
    m:add_all("rewards/margins", (c - r) * beta)
    m:add_all("rewards/accuracies", (c:gt(r):to("f32") + c:ge(r):to("f32")) / 2)
    m:add_all("log_ratios/chosen", c)
    m:add_all("log_ratios/rejected", r)
  end
  m:add("lengths/chosen", pair.chosen_lengths:sum():item(), pair.chosen_lengths:numel())
  m:add("lengths/rejected", pair.rejected_lengths:sum():item(), pair.rejected_lengths:numel())
  return m
end

--- One optimiser step on one batch; the policy changes only in the last line. What remains to be done about the step is
-- put aside before, as Ctrl-C may come while the optimiser works.
function Run:train_step(step)
  local o = self.options
  local origin = ("%s@%d"):format(self.reference_hash:sub(1, 12), step - 1)
  local batch = checked_batch(o.pairs, step, o.pairs:batch(step, o.policy, origin))
  local prompts, chosen, rejected = columns(batch)
  local pair = {}
  if self.needs_reference then pair.ref_chosen, pair.ref_rejected = reference_logps(self, batch, prompts, chosen, rejected) end
  pair.chosen, pair.rejected, pair.chosen_lengths, pair.rejected_lengths = both(o.policy, prompts, chosen, rejected)
  local losses = checked_losses(o.loss(pair), #batch)
  if type(losses) ~= "userdata" then
    error(("step %d: the loss gave %s, expected a Tensor of one number a pair"):format(step, options.show(losses)), 0)
  end
  local loss = losses:mean()
  self.optimizer:zero_grad()
  loss:backward()
  local norm = optim.clip_grad_norm(o.policy, o.max_grad_norm > 0 and o.max_grad_norm or nil)
  local value = loss:item()
  if value ~= value or norm ~= norm or norm == math.huge then
    error(("step %d: loss %s, gradient norm %s: the step is not applied"):format(step, value, norm), 0)
  end
  local settings = type(o.loss) == "table" and o.loss.options
  local m = figures(pair, type(settings) == "table" and tonumber(settings.beta) or 1, losses)
  m:add("grad_norm", norm, 1)
  local rate = optim.schedule { lr = o.lr, warmup = o.warmup, decay = o.decay, steps = o.steps }(step)
  m:add("lr", rate, 1)
  self.taken = { step = step, batch = batch, metrics = m }
  self.optimizer:step { lr = rate }
end

--- True when the optimiser took a step about which not everything has been done.
function Run:is_behind() return self.taken ~= nil and self.taken.step == self.optimizer:steps() end

--- Whether `evaluate` is called after a step: at multiples of evaluate_every or at the steps it lists, and at the last one.
local function is_measured(o, step)
  if step == o.steps then return true end
  if type(o.evaluate_every) ~= "table" then return step % (o.evaluate_every or 50) == 0 end
  for _, listed in ipairs(o.evaluate_every) do
    if listed == step then return true end
  end
  return false
end

--- Records, logs and evaluates the step that was taken. Done twice, it gives what it gives when done once.
function Run:after_step()
  local o, step, m = self.options, self.taken.step, self.taken.metrics
  self.step = step
  if o.record then self.stream[step] = self.taken.batch end
  local last = self.log[#self.log]
  if (step % o.log_every == 0 or step == o.steps) and not (last and last.step == step) then
    local row = m:means()
    row.step = step
    self.log[#self.log + 1] = row
  end
  if o.checkpoint_every > 0 and step % o.checkpoint_every == 0 then self.checkpoints[step] = o.policy:clone() end
  last = self.points[#self.points]
  if o.evaluate and is_measured(o, step) and not (last and last.step == step) then
    local point = o.evaluate(o.policy, step, self)
    if type(point) ~= "table" then error("train: evaluate must return a table of figures, got " .. type(point), 0) end
    point.step = step
    self.points[#self.points + 1] = point
  end
  self.taken = nil
  return m
end

local function is_interrupt(problem) return tostring(problem):find("interrupted!", 1, true) ~= nil end

--- Trains from the step after the last finished one to `steps`; more steps can be given.
function Run:resume(steps)
  if steps then self.options.steps = steps end
  local o = self.options
  local bar = progress.start { label = o.label or o.pairs.name, total = o.steps, done = self.step, quiet = o.quiet }
  self.status = "running"
  local ok, problem = pcall(function()
    while self.step < o.steps or self:is_behind() do
      if not self:is_behind() then self:train_step(self.step + 1) end
      local m = self:after_step()
      bar:update(self.step, { loss = m:mean("loss"), margin = m:mean("rewards/margins") })
    end
  end)
  bar:finish()
  if not ok and not is_interrupt(problem) then
    self.status, self.problem = "failed", tostring(problem)
    error(problem, 0)
  end
  self.step = self.optimizer:steps()
  self.status = ok and "finished" or "interrupted"
  if not ok then
    io.stderr:write(("interrupted at step %d (state kept; go on with run:resume())\n"):format(self.step))
    system.ended_by_interrupt()
  end
  return self
end

Run.__tostring = function(self)
  return ("[Run %s: step %d of %d, %s]"):format(self.options.label or self.options.pairs.name, self.step, self.options.steps, self.status)
end

--- Trains a policy on the batches of a source of pairs; gives the run. Options, needed or with their defaults:
--
--   policy                  a Model, needed: it is trained in place
--   reference               a Model, needed: frozen; not the policy itself
--   pairs                   needed: a source, such as align.pairs.online{...} or align.pairs.offline(dataset)
--   loss                    needed: of align.loss, or a function of a pair of batches that gives one number a pair
--   steps                   needed: optimiser steps
--   lr = 3e-4               learning rate after warm-up
--   warmup = 0              steps of linear rise
--   decay = "constant"      "constant", "linear" or "cosine", to 0 at `steps`
--   beta1 = 0.9             AdamW's decay of the mean of gradients
--   beta2 = 0.999           and of the mean of their squares
--   weight_decay = 0.0      times the rate, taken off each weight a step
--   max_grad_norm = 1.0     the gradient is scaled to at most this norm; 0 leaves it
--   evaluate = nil          a function(policy, step, run) that gives a table of figures, kept in run.points
--   evaluate_every = 50     steps between its calls, or a list of steps; it is also called after the last step
--   checkpoint_every = 0    steps between copies of the policy in run.checkpoints; 0 keeps none
--   log_every = 1           steps between rows of run.log
--   record = false          keeps every batch in run.stream, for align.pairs.replay
--   keep_reference_logps = true   the reference reads a pair of a fixed list once only
--   label = nil             words of the progress bar; the source's name unless given
--   quiet = false           no progress bar
--
-- Errors: a needed option is missing, one is unknown, of another type or out of range; policy and reference are one
-- model; a loss or gradient is not finite (the step is not applied, and the run's status is "failed").
--
-- A row of run.log has `step`, `loss`, `grad_norm`, `lr`, and under TRL's names `rewards/chosen`, `rewards/rejected`,
-- `rewards/margins`, `rewards/accuracies`, `logps/chosen`, `logps/rejected`, `log_ratios/...` and `lengths/...`.
return function(given)
  local o = options.fill(defaults, given or {}, "align.train")
  if type(o.pairs.batch) ~= "function" then error("align.train: pairs must be a source of pairs, see align.pairs", 2) end
  for _, role in ipairs { "policy", "reference" } do
    if not is_a("Model", o[role]) then error(("align.train: %s must be a model, got %s"):format(role, tostring(o[role])), 2) end
  end
  local vocab, reference_vocab = o.policy:config().vocab, o.reference:config().vocab
  if vocab ~= reference_vocab then
    error(("align.train: the policy has %d tokens, its reference %d"):format(vocab, reference_vocab), 2)
  end
  if o.policy == o.reference then
    error("align.train: policy and reference are one model: give policy = reference:clone()", 2)
  end
  local run = setmetatable({
    options = o,
    policy = o.policy,
    reference = o.reference,
    reference_hash = o.reference:hash(),
    policy_hash_at_start = o.policy:hash(),
    needs_reference = not (type(o.loss) == "table" and o.loss.needs_reference == false),
    reference_held = setmetatable({}, { __mode = "k" }),
    optimizer = optim.adamw(o.policy, { lr = o.lr, beta1 = o.beta1, beta2 = o.beta2, weight_decay = o.weight_decay }),
    log = {}, points = {}, checkpoints = {}, stream = {}, step = 0, status = "new",
  }, Run)
  return run:resume()
end
