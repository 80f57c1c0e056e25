--- Policies: a Model, or any table with the methods of one; a table of logits is a policy.
--
-- `align.train`, the sources and `align.evaluate` take both. A policy has these methods, with the shapes of
-- `?Model`, for Rows of n responses with N tokens:
--
--   config()                    a table with `vocab`
--   clone()                     a copy of the parameters, without gradients
--   parameters()                the tensors that are trained, and their names
--   hash()                      SHA-256 of them
--   misfit(rows)                the first row that it cannot read, and the reason
--   outputs(rows, names, {temperature})   logps [N], entropy [N], log_collision [N], logits [N, vocab], ...
--   logps(rows)                 log pi(y|x) [n], and the numbers of tokens [n]
--   kl(reference, rows)         exact KL and entropy at each token, summed over a response; lengths
--   sample(prompts, options)    Rows with the columns logps and sampling_logps
--
--   > local coin = policy.table { contexts = { { 0 } }, vocab = 2 }
--   > local rows = require "perilune.models".rows({ { 0 } }, { { 1 } })
--   > print((coin:logps(rows)))
--   [-0.6931]
--   [Tensor f64 1]
local options = require "perilune.options"
local tensor = require "perilune.tensor"
local Policy = require "perilune.align.policy.class"

local policy = {}

--- The types of an option that takes a policy; `policy.check` then checks the methods of a table.
policy.types = "Model|table"

--- What training, sources and evaluation call.
local methods <const> = {
  "clone", "config", "hash", "kl", "logps", "misfit", "outputs", "parameters", "sample",
}

--- The first method that a table lacks; nil where it is a policy.
local function missing(value)
  for _, name in ipairs(methods) do
    if type(value[name]) ~= "function" then return name end
  end
end

--- Whether a value is a Model, or a table with all methods of a policy.
--
--   > policy.is(policy.table { contexts = { { 0 } }, vocab = 2 }), policy.is {}
--   true	false
function policy.is(value)
  if type(value) == "userdata" then return (getmetatable(value) or {}).__name == "Model" end
  return type(value) == "table" and missing(value) == nil
end

--- Returns a policy; refuses anything else in the name of `where`, pointing `level` (2) up.
--
--   > policy.check({ clone = print }, "where")
--   where: expected a Model or a table with the methods of a policy; it has no method 'config'
function policy.check(value, where, level)
  if policy.is(value) then return value end
  local why = type(value) == "table" and ("it has no method '%s'"):format(missing(value))
    or "got " .. options.show(value)
  error(("%s: expected a Model or a table with the methods of a policy; %s"):format(where, why),
    (level or 2) + 1)
end

--- What an optimizer takes of a policy: the Model, or the list of its tensors.
function policy.trained(value)
  if type(value) == "userdata" then return { value } end
  return (value:parameters())
end

--- KL(p || q) and the entropy of p at each response token, exact over the vocabulary and summed over the
-- response, and lengths, [n] each. It is `p:kl(q, rows)`, also where one is a Model and the other a table.
--
--   > local policies = require "perilune.align.policy"
--   > local p = policies.table { contexts = { { 0 } }, vocab = 2 }
--   > local rows = require "perilune.models".rows({ { 0 } }, { { 1 } })
--   > print((policies.kl(p, p:clone(), rows)))
--   [0]
--   [Tensor f64 1]
--   > #policies.trained(p)
--   1
function policy.kl(p, q, rows)
  if type(p) == type(q) then return p:kl(q, rows) end
  return Policy.kl(p, q, rows)
end

--- A policy of a function that gives logits.
--
-- `logits(contexts, parameters)` gives [n, vocab] for a list of n contexts, lists of token ids. `hidden`, of
-- the same arguments, gives what a value head reads, [n, dim]. `parameters` are named tensors, which require
-- gradients. Errors: an option is missing, unknown, or of another type.
--
--   > local slope = policy.define { vocab = 3, parameters = { theta = T{ 1 } },
--   >>   logits = function(contexts, p)
--   >>     return (T{ { 0, 1, 2 } } * p.theta):index_select(1, T.ones(#contexts, "i64"))
--   >>   end }
--   > local rows = slope:sample({ { 0 } }, { max_new_tokens = 1, temperature = 0 })
--   > rows:response(1)[1]
--   2
function policy.define(given) return Policy.new(given) end

local spec = options.spec("policy.table", {
  { "contexts", options.required "table", "list of contexts, each the token ids before a token" },
  { "vocab", options.integer(nil, 1), "tokens that can follow" },
  { "logits", options.optional "Tensor", "start, [contexts, vocab]; zeros unless given" },
})

--- A table of logits, one row a context: pi(v | context i) = softmax(logits[i])[v]. The state that a value
-- head reads is the context itself, one of `contexts` unit vectors: a linear head is a table of values.
--
-- Errors: `logits` has another shape; a context occurs twice.
--
--   > policy.table { contexts = { { 0 }, { 1 } }, vocab = 2, logits = T{ 1, 2 } }
--   policy.table: logits must be [2, 2], one row a context, not [2]
function policy.table(given)
  local o = spec:fill(given)
  local count = #o.contexts
  if count == 0 then error("policy.table: contexts is an empty list", 2) end
  local start = o.logits and o.logits:detach():clone() or tensor.zeros({ count, o.vocab }, "f64")
  if start:dim() ~= 2 or start:size(1) ~= count or start:size(2) ~= o.vocab then
    error(("policy.table: logits must be [%d, %d], one row a context, not [%s]"):format(count, o.vocab,
      table.concat(start:size(), ", ")), 2)
  end
  local place_of = {}
  for i, context in ipairs(o.contexts) do
    local key = table.concat(context, " ")
    if place_of[key] then error(("policy.table: context { %s } occurs twice"):format(key), 2) end
    place_of[key] = i
  end
  local places = setmetatable({}, { __mode = "k" })
  local function at(contexts)
    if not places[contexts] then
      local list = {}
      for i, context in ipairs(contexts) do
        local key = table.concat(context, " ")
        list[i] = place_of[key] or error(("the table has no logits after { %s }"):format(key), 0)
      end
      places[contexts] = tensor(list, "i64")
    end
    return places[contexts]
  end
  return Policy.new {
    vocab = o.vocab, dim = count, parameters = { logits = start },
    knows = function(context) return place_of[table.concat(context, " ")] ~= nil end,
    logits = function(contexts, parameters) return parameters.logits:index_select(1, at(contexts)) end,
    hidden = function(contexts) return tensor.one_hot(at(contexts) - 1, count):to(start:dtype()) end,
  }
end

return options.strict("align.policy", policy)
