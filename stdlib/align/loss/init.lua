--- Losses, and how to write one: a name, what it reads of a batch, and a function of the batch.
--
--   > local half = loss.define { name = "half", options = { { "beta", 1.0, "factor", above = 0 } },
--   >>   loss = function(batch, o) return o.beta * loss.margin(batch, o.norm) end }
--   > half { beta = 2 }.options.beta
--   2.0
--   > half { beta = 0 }
--   loss.half: option 'beta' must be a number above 0, not 0
--
-- A loss is called with a batch; a plain table of tensors does as well:
--
--   > local same = { chosen = T{-1}, rejected = T{-1}, ref_chosen = T{-1}, ref_rejected = T{-1} }
--   > print(loss.ipo { beta = 0.1 }(same))
--   [25]
--   [Tensor f32 1]
--
-- The losses are the files of the folder: `align.loss.ipo`, `align.loss.dpo` and so on.
local attempt = require "perilune.attempt"
local options = require "perilune.options"
local rule = require "perilune.options.rule"
local tensor = require "perilune.tensor"
local batches = require "perilune.align.batch"
local folder = require "perilune.folder"
local pair_losses = require "perilune.align.loss_pair"
local placed = require "perilune.align.loss_place"

local loss = {
  log_ratios = pair_losses.log_ratios, margin = pair_losses.margin, normed = pair_losses.normed,
  sums = pair_losses.sums, shared = pair_losses,
}

--- What one pass of a model gives, by the names that losses read; with `ref_` before it, of the reference.
loss.outputs = {
  logps = true, entropy = true, log_collision = true, logits = true, hidden = true, prompt_logps = true,
  gold_logps = true,
}

local definition = options.spec("loss.define", {
  { "name", options.required "string", "name in messages and logs" },
  { "loss", options.required "function",
    "function(batch, o, parameters): one loss a unit, as a tensor; and figures to log" },
  { "mean", false, "true where it gives the mean over the units of the batch, one number, in their place" },
  { "reads", options.optional "table|function",
    "what it reads: a list (logps and ref_logps unless given), or a function of its options that gives one",
  },
  { "per", "pair", "unit of the returned losses", choices = { "pair", "row", "group", "token" } },
  { "options", {}, "entries of its options, as for options.spec" },
  { "check", options.optional "function", "function(o): raises an error where options do not fit together" },
  { "splits", true, "false where the loss of a batch is no mean over its units" },
  { "parameters", options.optional "function",
    "function(o, policy): a table of tensors by name, trained with the policy" },
  { "prepare", options.optional "function",
    "function(batch, o, models): sets columns of a whole batch before the first update, without gradient" },
  { "prepare_reads", options.optional "table|function",
    "what `prepare` reads: a list (none unless given), or a function of its options that gives one" },
  { "state", options.optional "function",
    "function(o): a table of numbers, statistics of a run; `prepare` sets them in models.state" },
  { "source", { name = "online" }, "the source that an online run reads, with options of it" },
  { "offline", "", "name of the loss that stands for it offline, where it has no offline form" },
  { "teacher", false, "true where the reference is a teacher, another model than the start" },
  { "norm", true, "false where a loss on pairs has no option norm" },
  { "paper", "", "authors, year, arXiv id, equation" },
  { "trl", "", "TRL's name of it, and where TRL differs" },
})

local f32_max <const> = 0x1.fffffep127

local Loss = { __name = "Loss" }
Loss.__index = Loss

local function computed(self, batch, parameters)
  local compute, written = self.definition.loss, self.definition.written
  if not self.options.use_weighting then
    return placed(written, compute, batch, self.options, parameters)
  end
  local losses, figures = placed(written, compute, batch, self.options, parameters)
  losses = losses * pair_losses.weights(batch)
  if figures == nil then return losses end
  return losses, figures
end

--- The names that the loss reads and a table has not: of pairs the sums stand for the log-probabilities.
local function missing(self, batch)
  local names, absent = {}, {}
  if self.per ~= "pair" then names[1] = "lengths" end
  for _, name in ipairs(self.reads) do
    local of = self.per == "pair" and name:match "^(.*)logps$"
    for _, read in ipairs(of and { of .. "chosen", of .. "rejected" } or { name }) do
      names[#names + 1] = read
    end
  end
  for _, name in ipairs(names) do
    local value = batch[name]
    local is_tensor = name:find "logps$" or name:find "chosen$" or name:find "rejected$"
    if value == nil then
      absent[#absent + 1] = name
    elseif is_tensor and type(value) ~= "userdata" then
      absent[#absent + 1] = ("tensor '%s', it is %s"):format(name, options.show(value))
    end
  end
  return absent
end

--- Refuses a table whose tensors of the responses of pairs have different lengths: an operation would repeat
-- one of length 1.
local function check_lengths(self, batch)
  if getmetatable(batch) then return end
  local first, count
  local names = {}
  for name, value in pairs(batch) do
    local is_of_pairs = type(name) == "string" and (name:find "chosen" or name:find "rejected")
    if is_of_pairs and rule.class(value) == "Tensor" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local length = batch[name]:dim() > 0 and batch[name]:size(1) or 1
    first, count = first or name, count or length
    if length ~= count then
      error(("loss.%s: '%s' has length %d and '%s' has length %d, expected one number a pair in each"):format(
        self.name, first, count, name, length), 3)
    end
  end
end

--- The losses of a batch, one a unit, and what the loss has to log.
--
-- Errors: a table lacks what the loss reads; its tensors have different lengths. An error in a loss of your
-- own names file and line.
--
--   > loss.ipo {} { chosen = T{-1}, rejected = T{-1} }
--   loss.ipo: the batch has no ref_chosen, ref_rejected
--   > loss.cpo {} { chosen = T{-1, -1}, rejected = T{-1} }
--   loss.cpo: 'chosen' has length 2 and 'rejected' has length 1, expected one number a pair in each
function Loss:__call(given, parameters)
  if type(given) ~= "table" then
    error(("loss.%s: expected a batch or a table of tensors, got %s"):format(
      self.name, options.show(given)), 2)
  end
  if getmetatable(given) then return computed(self, given, parameters) end
  local batch = batches.plain(given)
  check_lengths(self, batch)
  local found = table.pack(pcall(computed, self, batch, parameters))
  if found[1] then return table.unpack(found, 2, found.n) end
  -- A refusal of the loss's own says more.
  local problem = tostring(found[2])
  local is_internal = problem:find "attempt to" or problem:find "bad argument"
  local absent = is_internal and missing(self, batch) or {}
  if #absent == 0 then error(found[2], 0) end
  error(("loss.%s: the batch has no %s"):format(self.name, table.concat(absent, ", ")), 2)
end

function Loss:__tostring()
  local parts = {}
  for _, name in ipairs(self.spec:names()) do
    parts[#parts + 1] = ("%s = %s"):format(name, tostring(self.options[name]))
  end
  return ("loss.%s { %s }"):format(self.name, table.concat(parts, ", "))
end

--- Sets the columns that the loss computes from a whole batch. `models` has `policy`, `reference`,
-- `parameters` and `state`.
function Loss:prepare(batch, models)
  if not self.definition.prepare then return end
  tensor.no_grad(self.definition.prepare, batch, self.options, models)
end

--- The running statistics of a new run: a table of numbers.
function Loss:new_state()
  local make = self.definition.state
  return make and make(self.options) or {}
end

--- The parameters of the loss itself for a new run, by name.
function Loss:new_parameters(policy)
  local make = self.definition.parameters
  return make and make(self.options, policy) or {}
end

--- How many losses a batch has.
function Loss:count(batch)
  if self.per == "pair" then return #batch end
  if self.per == "row" then return #batch.segments end
  if self.per == "group" then return #batch:units() end
  return math.tointeger(batch.lengths:sum():item())
end

--- The losses that are added, each with its weight.
function Loss:terms() return { { loss = self, weight = 1 } } end

local function call_before_options(name, given)
  if type(given) == "table" and (given.chosen or given.lengths or given.rows) then
    error(("loss.%s: got a batch before its options: call it first, as in %s {}"):format(name, name), 3)
  end
end

--- Refuses numbers that are infinite as f32, the type of the log-probabilities.
local function check_range(name, o)
  for option, value in pairs(o) do
    if type(value) == "number" and math.abs(value) > f32_max then
      error(("loss.%s: option '%s' must be a number that f32 can hold, up to %.2g, not %s"):format(
        name, option, f32_max, value), 3)
    end
  end
end

local function listed(names, o, default)
  if type(names) == "function" then return names(o) end
  return names or default
end

--- Makes a loss. A loss on pairs also has the option `norm`. The result is called with options and gives the
-- loss for `align.train`.
--
-- `reads` are names of a batch: what a pass of a model gives (`logps`, `entropy`, `log_collision`, `logits`,
-- `hidden`, `prompt_logps`, `gold_logps` of the gold responses of pairs, the same with `ref_` of the
-- reference), and columns (`label`, `group`, `reward`, `old_logps`, `gold`). The trainer computes the former,
-- in one pass of each model, and refuses a batch without the latter.
--
-- `loss.shared` has the options that losses on pairs share, as specs: `beta`, `divergence`, `ld_alpha`,
-- `weighting`; `plain` are these without the divergence, `all` with it. `loss.margin(pair, o)` and
-- `loss.log_ratios(pair, o)` read them, and `use_weighting` multiplies what the loss returns.
--
--   > local cubed = loss.define { name = "cubed", options = { loss.shared.all },
--   >>   loss = function(pair, o) return -(o.beta * loss.margin(pair, o)):pow(3) end }
--   > cubed { f_divergence_type = "js_divergence", use_weighting = true }.reads[1]
--   log_collision
--
--   > loss.define { name = "x" }
--   loss.define: option 'loss' is missing; expected a function
--   > loss.define { name = "x", loss = print, opions = {} }
--   loss.define: unknown option 'opions'; did you mean 'options'?
function loss.define(given)
  local d = definition:fill(given)
  d.written = d.loss
  local entries = d.options
  if d.per == "pair" and d.norm then entries = { pair_losses.norm, table.unpack(d.options) } end
  local spec = options.spec("loss." .. d.name, entries)
  local maker = {
    name = d.name, definition = d, spec = spec, source = d.source, paper = d.paper, trl = d.trl,
    offline = d.offline,
  }
  function maker.help_page() return require "perilune.align.loss_table".page(maker) end
  return setmetatable(maker, {
    __name = "LossDefinition",
    __tostring = function() return ("[Loss %s, to be called with its options]"):format(d.name) end,
    __call = function(_, settings)
      call_before_options(d.name, settings)
      local o = spec:fill(settings)
      check_range(d.name, o)
      if d.check then d.check(o) end
      local reads = listed(d.reads, o, { "logps", "ref_logps" })
      if o.use_weighting then reads = { "log_collision", table.unpack(reads) } end
      return setmetatable({
        name = d.name, options = o, spec = spec, definition = d, per = d.per, splits = d.splits,
        reads = reads, prepare_reads = listed(d.prepare_reads, o, {}), source = d.source,
        teacher = d.teacher,
      }, Loss)
    end,
  })
end

--- Whether a value is a loss that was not called with its options yet.
function loss.is_definition(value)
  return type(value) == "table" and (getmetatable(value) or {}).__name == "LossDefinition"
end

--- A function of a batch as a loss: one number a pair. It reads the reference where there is one.
function loss.from_function(f, has_reference)
  local made = loss.define {
    name = "function", loss = function(batch) return f(batch) end,
    reads = has_reference and { "logps", "ref_logps" } or { "logps" },
  } {}
  made.definition.written = f
  return made
end

--- The loss of a name with its own options.
--
--   > loss.named("ipo").name
--   ipo
--   > loss.named "ipoo"
--   there is no loss 'ipoo'; did you mean 'ipo'?
function loss.named(name)
  local ok, make = attempt.call(function() return loss[name] end)
  if ok and loss.is_definition(make) then return make {} end
  error(("there is no loss '%s'; %s"):format(name, options.suggest(name, loss.names())), 0)
end

--- The mean of a column over all units of the optimiser step, not only over the piece at hand: a scalar
-- tensor [] of dtype f64, without gradient.
--
--   > print(loss.step_mean({ chosen_lengths = T{ 2, 4 } }, "chosen_lengths"))
--   3
--   [Tensor f64 scalar]
--   > loss.step_mean({}, "chosen_lengths")
--   loss.step_mean: the batch has no 'chosen_lengths'
function loss.step_mean(batch, name)
  local column = (rawget(batch, "part") or batch)[name]
  if column == nil then error(("loss.step_mean: the batch has no '%s'"):format(name), 2) end
  return column:detach():to("f64"):mean()
end

--- Each unit's share of the mean over all tokens of the optimiser step: its sum over the mean of the column
-- `name`, the numbers of tokens. The mean of the shares is the sum of all sums over the number of tokens, and
-- 0 where there are none, for any number of pieces of a step.
--
--   > print(loss.over_tokens(T{ 3, 1 }, { chosen_lengths = T{ 3, 1 } }, "chosen_lengths"))
--   [1.5, 0.5]
--   [Tensor f32 2]
function loss.over_tokens(sums, batch, name)
  return sums / loss.step_mean(batch, name):clamp(1e-9):to(sums:dtype())
end

--- The weighted sum of losses: of each the mean over its own units. `weights` are 1 unless given.
--
-- Mixed preference optimisation (Wang et al. 2024, arXiv:2411.10442; weights as in TRL's example):
--
--   local mpo = loss.sum {
--     loss.dpo {}, loss.bco_pair { shift = "none" }, loss.sft {}, weights = { 0.8, 0.2, 1 },
--   }
--
--   > loss.sum { loss.dpo {}, loss.bo2 {} }.name
--   dpo + bo2
--   > #loss.sum { loss.dpo {}, loss.bo2 {} }.reads
--   2
function loss.sum(given)
  return require "perilune.align.loss_sum"(given, Loss)
end

local names = folder.modules()

--- What `help "align.loss"` shows besides: the table of all losses.
function loss.help_page() return require "perilune.align.loss_table".text() end

--- The names of the losses.
--
--   > local loss = require "perilune.align.loss"
--   > table.concat(loss.names(), " "):match "dpo"
--   dpo
--   > loss.is_definition(loss.dpo), loss.is_definition(loss.dpo {})
--   true	false
--   > local margin = loss.from_function(function(pair) return -(pair.chosen - pair.rejected) end, false)
--   > local batch = require "perilune.align.batch"
--   > margin:count(batch.of_pairs { { prompt = { 1 }, chosen = { 2 }, rejected = { 3 } } })
--   1
--   > #loss.dpo {}:terms()
--   1
--   > next(loss.dpo {}:new_state()), next(loss.dpo {}:new_parameters())
--   nil	nil
function loss.names() return table.move(names, 1, #names, 1, {}) end

return options.strict("align.loss", loss, names, function(name)
  return require("perilune.align.loss." .. name)
end)
