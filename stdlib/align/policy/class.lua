--- The class of policies whose logits come from a function of Lua.
--
--   > local policies = require "perilune.align.policy"
--   > local p = policies.table { contexts = { { 0 } }, vocab = 2 }
--   > p:logits({ { 0 } }):numel(), p:knows { 0 }, p:knows { 1 }
--   2	true	false
--   > local names = select(2, p:parameters())
--   > #names
--   1
--   > local copy = p:clone()
--   > copy:hash() == p:hash()
--   true
--   > local rows = require "perilune.models".rows({ { 0 } }, { { 1 } })
--   > p:misfit(rows)
--   nil	nil
--   > print((p:token_logps(rows)))
--   [-0.6931]
--   [Tensor f64 1]
--   > print((p:kl(copy, rows)))
--   [0]
--   [Tensor f64 1]
--   > print(p:last_logits({ { 0 } }))
--   [[0, 0]]
--   [Tensor f64 1x2]
--   > print(p:outputs(rows, { "entropy" }).entropy)
--   [0.6931]
--   [Tensor f64 1]
local models = require "perilune.models"
local options = require "perilune.options"
local system = require "perilune.system"
local tensor = require "perilune.tensor"
local draw = require "perilune.align.policy.draw"

local Policy = { __name = "Policy" }
Policy.__index = Policy

local spec = options.spec("policy.define", {
  { "vocab", options.integer(nil, 1), "tokens that can follow a context" },
  { "parameters", options.required "table", "tensors by name; they are trained" },
  { "logits", options.required "function",
    "function(contexts, parameters): logits of the next token, [n, vocab]" },
  { "hidden", options.optional "function",
    "function(contexts, parameters): what a value head reads, [n, dim]" },
  { "dim", options.optional "integer", "width of `hidden`", least = 1 },
  { "knows", options.optional "function", "function(context): whether it has logits; all unless given" },
})

--- A policy of filled or given options of `policy.define`.
function Policy.new(given)
  local o = spec:fill(given, 2)
  local names = {}
  for name, value in pairs(o.parameters) do
    if type(value) ~= "userdata" then
      error(("policy.define: parameter '%s' must be a Tensor, not %s"):format(name, options.show(value)), 3)
    end
    names[#names + 1] = name
    value:requires_grad_()
  end
  if #names == 0 then error("policy.define: parameters has no Tensor", 3) end
  table.sort(names)
  return setmetatable({
    given = o, names = names, weights = o.parameters, read = setmetatable({}, { __mode = "k" }),
  }, Policy)
end

--- The logits of the next token after each context, [n, vocab]. Differentiable. Errors: the function of the
-- policy gives something else.
function Policy:logits(contexts)
  local count, vocab = #contexts, self.given.vocab
  if count == 0 then return tensor.zeros({ 0, vocab }, self.weights[self.names[1]]:dtype()) end
  local logits = self.given.logits(contexts, self.weights)
  local is_tensor = type(logits) == "userdata" and (getmetatable(logits) or {}).__name == "Tensor"
  local size = is_tensor and logits:size() or {}
  if #size ~= 2 or size[1] ~= count or size[2] ~= vocab then
    error(("the policy's logits of %d contexts must be a Tensor [%d, %d], not %s"):format(count, count, vocab,
      is_tensor and ("[%s]"):format(table.concat(size, ", ")) or options.show(logits)), 0)
  end
  return logits
end

--- The same after the whole of each sequence, or of each of Rows.
function Policy:last_logits(sequences)
  if type(sequences) == "table" then return self:logits(sequences) end
  local contexts, responses = sequences:prompts(), sequences:responses()
  for i, response in ipairs(responses) do
    table.move(response, 1, #response, #contexts[i] + 1, contexts[i])
  end
  return self:logits(contexts)
end

--- Whether the policy has logits after a context.
function Policy:knows(context)
  local knows = self.given.knows
  return not knows or knows(context)
end

--- The sizes of the policy: { vocab, dim }; `dim` is nil without `hidden`.
--
--   > require "perilune.align.policy".table({ contexts = { { 0 } }, vocab = 2 }):config().vocab
--   2
function Policy:config() return { vocab = self.given.vocab, dim = self.given.dim } end

--- The tensors that are trained, and their names, sorted.
function Policy:parameters()
  local tensors = {}
  for i, name in ipairs(self.names) do tensors[i] = self.weights[name] end
  return tensors, table.move(self.names, 1, #self.names, 1, {})
end

--- The number of elements of all parameters.
--
--   > require "perilune.align.policy".table({ contexts = { { 0 }, { 1 } }, vocab = 3 }):num_parameters()
--   6
function Policy:num_parameters()
  local count = 0
  for _, weight in pairs(self.weights) do count = count + weight:numel() end
  return count
end

--- A policy with a copy of the parameters, without gradients.
function Policy:clone()
  local copy = {}
  for name, value in pairs(self.given) do copy[name] = value end
  copy.parameters = {}
  for name, weight in pairs(self.weights) do copy.parameters[name] = weight:detach():clone() end
  return Policy.new(copy)
end

--- SHA-256 of names, dtypes, shapes and elements of the parameters, as 64 hexadecimal digits.
function Policy:hash()
  local parts = {}
  for _, name in ipairs(self.names) do
    local weight = self.weights[name]
    parts[#parts + 1] = ("%s %s %s"):format(name, weight:dtype(), table.concat(weight:size(), "x"))
    for _, x in ipairs(weight:detach():flatten():totable()) do parts[#parts + 1] = ("%a"):format(x) end
  end
  return system.sha256(table.concat(parts, "\n"))
end

--- Forgets the gradients of all parameters.
--
--   > local p = require "perilune.align.policy".table { contexts = { { 0 } }, vocab = 2 }
--   > p:logits({ { 0 } }):sum():backward()
--   > p:zero_grad()
--   > local weights = p:parameters()
--   > weights[1]:grad() == nil or weights[1]:grad():abs():sum():item() == 0
--   true
function Policy:zero_grad()
  for _, weight in pairs(self.weights) do weight:zero_grad() end
end

--- What the policy reads of Rows, kept as long as they are: the contexts of the response tokens, one after
-- another, and the tokens, counted from 1; or `row` and `reason` where it cannot read them.
local function reading(self, rows)
  local found = self.read[rows]
  if found then return found end
  local prompts, vocab, contexts, ids = rows:prompts(), self.given.vocab, {}, {}
  found = { contexts = contexts }
  local function misfit(row, message, ...)
    if not found.row then found.row, found.reason = row, message:format(...) end
  end
  for row, response in ipairs(rows:responses()) do
    local whole = prompts[row]
    for i, id in ipairs(response) do
      local context = table.move(whole, 1, #whole, 1, {})
      contexts[#contexts + 1], ids[#ids + 1], whole[#whole + 1] = context, id + 1, id
      if id < 0 or id >= vocab then
        misfit(row, "token %d is %d, not a token id: expected 0..%d (vocab %d)", i, id, vocab - 1, vocab)
      elseif not self:knows(context) then
        misfit(row, "token %d follows { %s }, a context that the table does not have", i,
          table.concat(context, " "))
      end
    end
  end
  found.ids = #ids > 0 and tensor(ids, "i64"):unsqueeze(2) or tensor.zeros({ 0, 1 }, "i64")
  self.read[rows] = found
  return found
end

--- The first row that the policy cannot read, and the reason. Nothing if it can read all rows.
function Policy:misfit(rows)
  local found = reading(self, rows)
  return found.row, found.reason
end

local temperature_of = options.spec("policy.outputs", {
  { "temperature", 1.0, "divides the logits before the softmax", above = 0 },
})

local computed = {
  logits = function(logits) return logits end,
  logps = function(_, logps, ids) return logps:gather(2, ids):squeeze(2) end,
  entropy = function(_, logps) return -(logps:exp() * logps):sum(2) end,
  log_collision = function(_, logps) return (2 * logps):logsumexp(2) end,
}

--- Quantities of the response tokens by name, as `Model:outputs`; differentiable. Prompts are given, not
-- modelled: `prompt_logps` are 0. Errors: a name is unknown; the policy cannot read a row.
function Policy:outputs(rows, names, given)
  local temperature, seen = temperature_of:fill(given).temperature, reading(self, rows)
  if seen.row then error(("outputs: row %d: %s"):format(seen.row, seen.reason), 2) end
  local found, logits, logps = {}, nil, nil
  for _, name in ipairs(names) do
    if name == "hidden" and self.given.hidden then
      found[name] = self.given.hidden(seen.contexts, self.weights)
    elseif name == "prompt_logps" then
      found[name] = tensor.zeros(math.tointeger(rows:prompt_lengths():sum():item()) - #rows)
    elseif computed[name] then
      if not logits then
        logits = self:logits(seen.contexts)
        if temperature ~= 1 then logits = logits / temperature end
        logps = logits:log_softmax(2)
      end
      found[name] = computed[name](logits, logps, seen.ids)
    else
      error(("outputs: the policy gives no '%s'; it gives logps, entropy, log_collision, logits%s"):format(
        tostring(name), self.given.hidden and ", hidden" or ""), 2)
    end
  end
  return found
end

--- The log-probability of each response token, [N], and a list of lengths, as `Model:token_logps`.
function Policy:token_logps(rows, ...)
  local given = ...
  if type(rows) == "table" then rows, given = models.rows(rows, (...)), select(2, ...) end
  local lengths = rows:lengths():totable()
  for i, length in ipairs(lengths) do lengths[i] = math.tointeger(length) end
  return self:outputs(rows, { "logps" }, given).logps, lengths
end

--- log pi(response | prompt) of each row, [n], and the lengths, [n], as `Model:logps`.
function Policy:logps(rows, ...)
  local logps, lengths = self:token_logps(rows, ...)
  return logps:segment_sum(lengths), tensor(lengths):to(logps:dtype())
end

--- KL(self || reference) and the entropy of self, exact at each response token and summed over the response,
-- and lengths, [n] each, as `Model:kl`. Not differentiable. Errors: the two vocabularies differ.
function Policy:kl(reference, rows)
  local own, other = self:config().vocab, reference:config().vocab
  if own ~= other then error(("kl: vocabularies of %d and of %d tokens"):format(own, other), 2) end
  return tensor.no_grad(function()
    local p = self:outputs(rows, { "logits" }).logits:log_softmax(2)
    local q = reference:outputs(rows, { "logits" }).logits:log_softmax(2)
    local kl, entropy = p:exp() * (p - q), -(p:exp() * p)
    return rows:sums(kl:sum(2)), rows:sums(entropy:sum(2)), rows:lengths()
  end)
end

--- Responses to each prompt, with the options of `Model:sample`: Rows with the columns logps and
-- sampling_logps. Response i of a step is a pure function of seed, stream, step and i. It also ends where the
-- policy has no logits for what follows, as after the answers of a bandit.
--
--   > local p = require "perilune.align.policy".table { contexts = { { 0 } }, vocab = 2 }
--   > local rows = p:sample({ { 0 } }, { count = 4, max_new_tokens = 3, seed = 1 })
--   > #rows, #rows:responses()[1]
--   4	1
function Policy:sample(prompts, given)
  local o = options.native "Model:sample":fill(given)
  if o.mixture then require "perilune.align.policy".check(o.mixture, "sample: mixture") end
  return draw(self, prompts, o)
end

function Policy:__tostring()
  return ("[Policy vocab %d, %d parameters]"):format(self.given.vocab, self:num_parameters())
end

return Policy
