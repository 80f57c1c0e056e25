--- Pairs of a fixed list, and as many fresh responses of the policy: what HyPO reads.
--
--   align.sources.hybrid { pairs = pairs, task = task, batch = 32 }
--
-- The batch has three rows a prompt, one after another: the chosen response, the rejected one, and the
-- policy's own. Its columns are `role` ("chosen", "rejected", "own"), `group` (number of the prompt),
-- `writer` ("data" or "policy"), `step` and `checkpoint`. Nobody judges the policy's response.
--
-- Errors: a pair is none, or does not fit the model (before the first step); there are fewer pairs than a
-- batch.
--
--   > local one = { prompt = { 1 }, chosen = { 2 }, rejected = { 3 } }
--   > hybrid({ pairs = { one, one }, batch = 2 }).kind
--   hybrid
--   > hybrid { pairs = {}, batch = 2 }
--   0 prompts or pairs do not fill a batch of 2
local options = require "perilune.options"
local batches = require "perilune.align.batch"
local dealt = require "perilune.align.batches"
local sampling = require "perilune.align.sampling"
local source = require "perilune.align.source"

local sampled = { "task", "max_new_tokens", "temperature", "top_k", "top_p", "min_p", "stop", "seed" }

local spec = options.spec("sources.hybrid", {
  { "pairs", options.required "table", "pairs, as for sources.offline" },
  { "prompts", options.optional "table",
    "prompts of the policy's own responses; those of the pairs unless given" },
  { "batch", 32, "pairs of a batch", least = 1 },
  sampling.options:only(sampled),
})

local roles <const> = { "chosen", "rejected", "own" }

--- The prompts of the first `n` rows.
local function prompts_of(rows, n)
  local prompts = {}
  for i = 1, n do prompts[i] = rows:prompt(i) end
  return prompts
end

return function(given)
  local o = spec:fill(sampling.given(given))
  local dataset = batches.of_pairs(o.pairs, "sources.hybrid")
  local numbers = dealt(#dataset, o.batch, o.seed, "pairs/offline")
  local other_prompts = o.prompts and sampling.dealt(o, o.batch)
  return source.new(spec, o, {
    dataset = dataset,
    check = function(self, run) self.dataset:check(run.policy, "sources.hybrid") end,
    labels = function(_, count) return math.min(count * o.batch, #dataset) end,
    batch = function(_, step, policy, checkpoint)
      local drawn = dataset:select(numbers(step)).rows
      local n = #drawn // 2
      local prompts = other_prompts and other_prompts(step) or prompts_of(drawn, n)
      local own = sampling.draw(policy, policy, prompts, o, "first", step, 1)
      local columns = {
        prompts = {}, responses = {}, role = {}, group = {}, writer = {}, step = {}, checkpoint = {},
      }
      for i = 1, n do
        local responses = { drawn:response(i), drawn:response(n + i), own:response(i) }
        for k, role in ipairs(roles) do
          local row, is_own = 3 * (i - 1) + k, role == "own"
          columns.prompts[row] = is_own and prompts[i] or drawn:prompt(i)
          columns.responses[row] = responses[k]
          columns.role[row], columns.group[row], columns.step[row] = role, i, step
          columns.writer[row], columns.checkpoint[row] = is_own and "policy" or "data", checkpoint or ""
        end
      end
      return batches.new(columns)
    end,
  })
end
