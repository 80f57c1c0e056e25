--- Where the probability of the policy is: on the chosen, the rejected, and the unseen answers to a prompt.
--
--   mass/chosen, mass/rejected    sum of pi(y|x) over the different chosen (rejected) answers y that the data
--                                 has for x; an answer that is both counts half to each
--   mass/unseen                   what is left: answers that the data does not have
--
-- Means over prompts of the batch. The data is the data set of the source where it has one, else the batch.
-- Of a batch without pairs mass/seen is the sum over its answers. Xu et al. 2024, arXiv:2404.10719, sec. 4.2:
-- losses on pairs may move probability to unseen answers.
local models = require "perilune.models"
local tensor = require "perilune.tensor"
local instruments = require "perilune.align.instruments"

--- The answers of a batch of pairs, or rows, by prompt: { [key] = { prompt =, answers = { [key] = ... } } }.
local function by_prompt(batch)
  local found, n = {}, batch:has_pairs() and #batch
  for i = 1, #batch.segments do
    local prompt, response = batch.rows:prompt(i), batch.rows:response(i)
    local key, own = table.concat(prompt, " "), table.concat(response, " ")
    found[key] = found[key] or { prompt = prompt, answers = {}, order = {} }
    local entry = found[key]
    if not entry.answers[own] then
      entry.answers[own] = { response = response, chosen = 0, rejected = 0 }
      table.insert(entry.order, entry.answers[own])
    end
    local role = n and i > n and "rejected" or "chosen"
    entry.answers[own][role] = 1
  end
  return found
end

--- The answers of data sets by prompt, as long as they live.
local known = setmetatable({}, { __mode = "k" })

--- The prompts of the batch that are measured, each with its answers in the data.
local function measured(context, count)
  local data = context.source.dataset or context.batch
  local found = known[data] or by_prompt(data)
  if context.source.dataset then known[data] = found end
  local list, taken = {}, {}
  for _, unit in ipairs(context.batch:units()) do
    local key = table.concat(context.batch.rows:prompt(unit[1]), " ")
    if #list < count and not taken[key] and found[key] then
      list[#list + 1], taken[key] = found[key], true
    end
  end
  return list
end

return instruments.define {
  name = "mass",
  options = { { "prompts", 16, "prompts of the batch", least = 1 } },
  evaluation = function(context, o, m)
    local prompts, responses, entries = {}, {}, measured(context, o.prompts)
    for _, entry in ipairs(entries) do
      for _, answer in ipairs(entry.order) do
        prompts[#prompts + 1], responses[#responses + 1] = entry.prompt, answer.response
      end
    end
    local logps = tensor.no_grad(function()
      return (context.policy:logps(models.rows(prompts, responses)))
    end)
    local row, mass, paired = 0, logps:exp():totable(), context.batch:has_pairs()
    for _, entry in ipairs(entries) do
      local sums = { chosen = 0.0, rejected = 0.0 }
      for _, answer in ipairs(entry.order) do
        row = row + 1
        local roles = answer.chosen + answer.rejected
        for role in pairs(sums) do sums[role] = sums[role] + mass[row] * answer[role] / roles end
      end
      m:add(paired and "mass/chosen" or "mass/seen", sums.chosen, 1)
      if paired then m:add("mass/rejected", sums.rejected, 1) end
      m:add("mass/unseen", 1 - sums.chosen - sums.rejected, 1)
    end
  end,
}
