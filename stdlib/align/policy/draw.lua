--- How a policy of Lua draws responses: what `Model:sample` does, for a function that gives logits.
local lists = require "perilune.align.policy.prompts"
local models = require "perilune.models"
local system = require "perilune.system"
local tensor = require "perilune.tensor"

--- The tokens of a distribution that pass top-k, top-p and min-p, in this order, and the sum of their
-- weights.
local function kept(weights, o)
  local order = {}
  for i = 1, #weights do order[i] = i end
  if o.top_k == 0 and o.top_p == 1 and o.min_p == 0 then return order, 1 end
  table.sort(order, function(a, b)
    if weights[a] ~= weights[b] then return weights[a] > weights[b] end
    return a < b
  end)
  local total, covered, count = 0, 0, 0
  if o.top_k > 0 then order = table.move(order, 1, math.min(o.top_k, #order), 1, {}) end
  for _, i in ipairs(order) do total = total + weights[i] end
  while count < #order and (count == 0 or covered < o.top_p * total) do
    count = count + 1
    covered = covered + weights[order[count]]
  end
  local passed, sum = {}, 0
  for place = 1, count do
    local i = order[place]
    if weights[i] >= o.min_p * weights[order[1]] then
      passed[#passed + 1], sum = i, sum + weights[i]
    end
  end
  return passed, sum
end

--- The token (from 1) that `uniform` selects, and its log-probability under the distribution drawn from.
local function select_token(weights, o, uniform)
  local passed, sum = kept(weights, o)
  local left, last = uniform * sum, nil
  for _, i in ipairs(passed) do
    if weights[i] > 0 then
      left, last = left - weights[i], i
      if left < 0 then break end
    end
  end
  return last, math.log(weights[last] / sum)
end

--- Logits of the writer: the policy's, or the weighted mean with those of another.
local function logits_of(policy, contexts, o)
  local logits = policy:logits(contexts)
  if not o.mixture then return logits end
  local other = o.mixture:last_logits(contexts)
  return (1 - o.mixture_weight) * logits + o.mixture_weight * other
end

--- The next tokens of some contexts: ids, log-probabilities, and those under the distribution drawn from.
local function next_tokens(policy, contexts, o, uniforms)
  local logits = logits_of(policy, contexts, o)
  local logps = logits:log_softmax(2):totable()
  local greedy = o.temperature == 0
  local weights = not greedy and (logits / o.temperature):softmax(2):totable() or nil
  local ids = greedy and logits:argmax(2):totable() or {}
  local own, sampling = {}, {}
  for i, row in ipairs(logps) do
    if greedy then sampling[i] = 0 else ids[i], sampling[i] = select_token(weights[i], o, uniforms[i]) end
    own[i] = row[ids[i]]
  end
  return ids, own, sampling
end

--- The uniform number of token t of response k of prompt i.
local function uniform_of(o, i, k, t)
  local seed, number = o.seeds and o.seeds[i] or o.seed, o.seeds and 0 or o.first + i - 1
  local name = ("policy/%d/%d/%d"):format(o.stream or 0, o.step, number)
  return system.uniform(seed, name, k << 24 | t)
end

return function(policy, prompts, o)
  lists.check(prompts, "sample")
  local stops, all = {}, {}
  for _, id in ipairs(o.stop) do stops[id] = true end
  for i, prompt in ipairs(prompts) do
    for k = 1, o.count do
      all[#all + 1] = {
        prompt = prompt, context = table.move(prompt, 1, #prompt, 1, {}), number = i, k = k, ids = {},
      }
    end
  end
  local logps, sampling, open = {}, {}, all
  for t = 1, o.max_new_tokens do
    local contexts, uniforms, rest = {}, {}, {}
    for i, row in ipairs(open) do
      contexts[i] = table.move(row.context, 1, #row.context, 1, {})
      uniforms[i] = uniform_of(o, row.number, row.k, t)
    end
    if #contexts == 0 then break end
    local ids, own, drawn = tensor.no_grad(next_tokens, policy, contexts, o, uniforms)
    for i, row in ipairs(open) do
      local id = ids[i] - 1
      row.ids[t], row.context[#row.context + 1] = id, id
      row[t] = { own[i], drawn[i] }
      if not stops[id] and policy:knows(row.context) then rest[#rest + 1] = row end
    end
    open = rest
  end
  local given, responses = {}, {}
  for i, row in ipairs(all) do
    given[i], responses[i] = row.prompt, row.ids
    for _, pair in ipairs(row) do logps[#logps + 1], sampling[#sampling + 1] = pair[1], pair[2] end
  end
  local rows = models.rows(given, responses)
  if #logps == 0 then return rows end
  return rows:with("logps", tensor(logps, "f64")):with("sampling_logps", tensor(sampling, "f64"))
end
