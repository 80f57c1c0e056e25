--- An ensemble of linear reward heads on a frozen model, fitted to the labels as they come.
--
--   r_e(x, y) = w_e . f(x, y)
--   w_e = argmin over w of  sum_i b_ei -log sigmoid(w . (f_i+ - f_i-)) + dim / (2 scale^2) |w - p_e|^2
--
-- f is the mean over the response of the model's last hidden states, of norm sqrt(dim). p_e is a draw from
-- the prior N(0, scale^2 / dim) and b_ei is 0 or 2 with probability 1/2, so a head is about a draw from the
-- posterior: ensemble sampling, Lu and Van Roy 2017, arXiv:1705.07347. The reward model of SEA (Liu
-- et al. 2024, arXiv:2411.01493) is such an ensemble, of networks.
--
--   local heads = align.judge.heads { model = sft, heads = 8 }
--   align.sources.active { choose = "thompson", ensemble = heads, judge = gold, prompts = prompts }
--
-- The source fits it to what was labelled so far; the fit is a function of these pairs alone. As a judge it
-- prefers by the mean of its heads; `trained_on` are the pairs of the last fit. Errors: an option is missing,
-- unknown or out of range; the model gives no hidden states.
--
--   > local small = { vocab = 5, dim = 4, layers = 1, heads = 1, max_length = 8 }
--   > heads { model = require "perilune.models".transformer(small), heads = 3 }.name
--   3 heads
local options = require "perilune.options"
local batches = require "perilune.align.batch"
local judges = require "perilune.align.judge"
local logistic = require "perilune.align.logistic"
local models = require "perilune.models"
local policies = require "perilune.align.policy"
local provenance = require "perilune.align.provenance"
local tensor = require "perilune.tensor"

local spec = options.spec("judge.heads", {
  { "model", options.required(policies.types), "gives the features; it is not trained" },
  { "heads", 8, "heads of the ensemble", least = 2 },
  { "scale", 3.0, "standard deviation of a reward under the prior", above = 0 },
  { "seed", 0, "seed of the prior and of the bootstrap" },
})

--- f of each row, [n, dim] in f64. A response is followed by its last token again: its states see all of it.
local function features(model, rows)
  local responses, owners = rows:responses(), {}
  for i, response in ipairs(responses) do
    local longer = table.move(response, 1, #response, 1, {})
    longer[#longer + 1] = response[#response] or rows:prompt(i)[#rows:prompt(i)]
    responses[i] = longer
    for _ = 1, #longer do owners[#owners + 1] = i end
  end
  local hidden = tensor.no_grad(function()
    return model:outputs(models.rows(rows:prompts(), responses), { "hidden" }).hidden
  end):to "f64"
  local dim = hidden:size(2)
  local sums = tensor.zeros({ #responses, dim }, "f64"):index_add(1, tensor(owners, "i64"), hidden)
  return sums / sums:square():sum(2, true):sqrt() * math.sqrt(dim)
end

return function(given)
  local o = spec:fill(given)
  policies.check(o.model, "judge.heads: model")
  local known = setmetatable({}, { __mode = "k" })  -- feature differences of a batch
  local weights, prior, seen
  local heads = setmetatable({ name = ("%d heads"):format(o.heads), options = o }, {
    __index = function(_, key)
      return key == "trained_on" and seen and provenance.of(batches.concat(seen)) or nil
    end,
    __tostring = function(made) return ("[Judge %s]"):format(made.name) end,
  })

  local function prior_of(dim)
    if not prior then
      prior = tensor.randn({ dim, o.heads }, { seed = o.seed, stream = "heads/prior" }):to "f64"
      prior = prior * (o.scale / math.sqrt(dim))
    end
    return prior
  end

  --- Fits all heads to a list of batches of pairs, in the order of their labels.
  function heads.fit(_, list)
    local parts = {}
    for i, batch in ipairs(list) do
      if not known[batch] then
        local f, n = features(o.model, batch.rows), #batch
        known[batch] = f:narrow(1, 1, n) - f:narrow(1, n + 1, n)
      end
      parts[i] = known[batch]
    end
    weights, seen = nil, #parts > 0 and list or nil
    if not seen then return end
    local d = tensor.cat(parts, 1)
    local n, dim, columns = d:size(1), d:size(2), {}
    local precision = tensor.full({ dim, 1 }, dim / o.scale ^ 2, "f64")
    for e = 1, o.heads do
      local drawn = tensor.rand({ n, 1 }, { seed = o.seed, stream = "heads/pairs " .. e }):to "f64"
      columns[e] = logistic(d, drawn:lt(0.5):to "f64" * 2, precision, prior_of(dim):narrow(2, e, 1))
    end
    weights = tensor.cat(columns, 2)
  end

  --- The rewards of Rows: a list of numbers for each head. Before any label they are those of the prior.
  function heads.scores(_, rows)
    local f = features(o.model, rows)
    local all = f:matmul(weights or prior_of(f:size(2))):t()
    local lists = {}
    for e = 1, o.heads do lists[e] = all[e]:totable() end
    return lists
  end

  --- The mean of the heads.
  function heads:score(rows)
    local lists, scores = self:scores(rows), {}
    for i = 1, #rows do
      local sum = 0
      for _, list in ipairs(lists) do sum = sum + list[i] end
      scores[i] = sum / #lists
    end
    return scores
  end

  function heads:prefer(first, second) return judges.by_scores(self:score(first), self:score(second)) end

  return heads
end
