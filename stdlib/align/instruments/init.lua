--- Instruments: what every run of align.train measures besides its loss.
--
--   align.train { ..., instruments = false }                              -- none
--   align.train { ..., instruments = { "ledger", "kl" } }                 -- these two
--   align.train { ..., instruments = { own = { prompts = 64 }, regret = { gold = gold, best = 1 } } }
--
-- The files of the folder are the instruments. Those that need nothing are on; an entry by name has the
-- options of an instrument and turns it on; a list of names turns all others off. `own` has the options of
-- the responses that the policy draws for the instruments. An instrument changes nothing of a run: its draws
-- have random numbers of their own, and what it computes is discarded.
--
-- Figures are sums and counts, and the row of run.log has their means. `step` measures at every step from
-- what the step has computed; `gradient` and `evaluation` measure at the steps of `evaluate_every` and the
-- last, before and after the update. `run.ledger` has every response of the run, see `?align.ledger`.
--
--   > table.concat(instruments.names(), " ")
--   classifier cosine coverage gradients kl ledger mass regret text
--   > instruments.chosen { "lodger" }
--   align.train: instruments: there is no 'lodger'; did you mean 'ledger'?
local options = require "perilune.options"
local sampling = require "perilune.align.sampling"
local folder = require "perilune.folder"

local instruments = {}

local names, is_name = folder.modules(), {}
for _, name in ipairs(names) do is_name[name] = true end

local definition = options.spec("instruments.define", {
  { "name", options.required "string", "name in messages, and before the names of its figures" },
  { "default", true, "whether it measures where `instruments` is not given" },
  { "options", {}, "entries of its options, as for options.spec" },
  { "step", options.optional "function",
    "function(context, o, m), at every step; adds figures to the sums m" },
  { "gradient", options.optional "function",
    "function(context, o, m), before the update of an evaluated step; it may leave gradients behind" },
  { "evaluation", options.optional "function", "function(context, o, m), after an evaluated step" },
  { "state", options.optional "function",
    "function(): plain data that a run keeps and saves, as context.state" },
})

--- An instrument: of its functions at least one is given. A context has `policy`, `reference` (or nil),
-- `loss`, `source`, `step`, `batch`, and what is computed when it is first read:
--
--   pieces             of a step: { batch =, now = } of each piece, `now` the policy's log-probabilities [n]
--   own, own_logps     two responses of the policy to each of some prompts of the batch, 2i - 1 and 2i:
--                      Rows, [n]
--   own_ref_logps      the reference's log-probabilities of them, [n]
--   data               rows of the batch, as many
--
--   > instruments.define { name = "mine" }
--   instruments.define: 'mine' measures nothing: give step, gradient or evaluation
function instruments.define(given)
  local d = definition:fill(given)
  if not (d.step or d.gradient or d.evaluation) then
    error(("instruments.define: '%s' measures nothing: give step, gradient or evaluation"):format(d.name), 2)
  end
  d.spec = options.spec("instruments." .. d.name, d.options)
  return d
end

--- Options of the responses that the policy draws for the instruments.
local own = options.spec("instruments.own", {
  { "prompts", 16, "prompts of the batch, two responses to each", least = 1 },
  { "task", options.optional "table", "gives max_new_tokens and stop where they are not given" },
  { "max_new_tokens", options.optional "integer",
    "tokens of a response; by default the source's, or those of the longest response of the batch",
    least = 1 },
  { "stop", options.optional "table",
    "ids that end a response; by default the source's, or the id that ends most responses of the batch and "
      .. "is within none" },
  sampling.options:only { "temperature", "seed" },
})

local function refuse(message, ...) error("align.train: instruments: " .. message:format(...), 0) end

local function module(name) return require("perilune.align.instruments." .. name) end

--- The names of the instruments.
function instruments.names() return table.move(names, 1, #names, 1, {}) end

local function check_name(name)
  if is_name[name] then return name end
  refuse("there is no %s; %s", options.show(name), options.suggest(name, names))
end

--- What the option `instruments` of align.train turns on: a list of { definition =, options = } in the order
-- of the names, and the options `own`. Errors: an instrument or an option is unknown, or an option is
-- missing.
function instruments.chosen(given)
  if given == nil or given == true then given = {} end
  local on = {}
  if given then
    for _, name in ipairs(given) do on[check_name(name)] = {} end
    for _, name in ipairs(#given == 0 and names or {}) do on[name] = module(name).default and {} or nil end
    for name, o in pairs(given) do
      if type(name) ~= "number" and name ~= "own" then on[check_name(name)] = o end
    end
  end
  local list = {}
  for _, name in ipairs(names) do
    if on[name] then
      local d = module(name)
      list[#list + 1] = { definition = d, options = d.spec:fill(on[name], 4) }
    end
  end
  return list, own:fill(given and given.own or {}, 4)
end

return options.strict("align.instruments", instruments, names, module)
