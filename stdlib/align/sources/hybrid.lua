--- Pairs of a fixed list, and to each prompt a fresh response of the policy: what HyPO reads.
--
--   align.sources.hybrid(pairs, { task = task, batch = 32 })
--
-- The batch has three rows a prompt, one after another: the chosen response, the rejected one, and the
-- policy's own. Its columns are `role` ("chosen", "rejected", "own"), `group` (number of the prompt),
-- `writer` ("data" or "policy"), `step` and `checkpoint`. Nobody judges the policy's response.
--
-- Errors: a pair is none, or does not fit the model (before the first step); there are fewer pairs than a
-- batch.
--
--   > local one = { prompt = { 1 }, chosen = { 2 }, rejected = { 3 } }
--   > hybrid({ one, one }, { batch = 2 }).name
--   hybrid { batch = 2 }
--   > hybrid({}, { batch = 2 })
--   0 prompts or pairs do not fill a batch of 2
local options = require "perilune.options"
local batches = require "perilune.align.batch"
local dealt = require "perilune.align.batches"
local sampling = require "perilune.align.sampling"
local source = require "perilune.align.source"

local sampled = { "task", "max_new_tokens", "temperature", "top_k", "top_p", "min_p", "stop", "seed" }

local spec = options.spec("sources.hybrid", {
  { "batch", 32, "pairs of a batch", least = 1 },
  sampling.options:only(sampled),
})

local roles <const> = { "chosen", "rejected", "own" }

return function(pairs_given, given)
  local o = spec:fill(sampling.given(given))
  local dataset = batches.of_pairs(pairs_given, "sources.hybrid")
  local numbers = dealt(#dataset, o.batch, o.seed, "pairs/offline")
  return source.new(spec, o, {
    dataset = dataset,
    check = function(self, run) self.dataset:check(run.policy, "sources.hybrid") end,
    labels = function(_, count) return math.min(count * o.batch, #dataset) end,
    batch = function(_, step, policy, checkpoint)
      local pairs_drawn, prompts = dataset:select(numbers(step)), {}
      local n = #pairs_drawn
      for i = 1, n do prompts[i] = pairs_drawn.rows:prompt(i) end
      local own = sampling.draw(policy, policy, prompts, o, "first", step, 1)
      local given_rows = { prompts = {}, responses = {}, role = {}, group = {}, writer = {}, step = {},
        checkpoint = {} }
      for i = 1, n do
        local responses = { pairs_drawn.rows:response(i), pairs_drawn.rows:response(n + i), own:response(i) }
        for k, role in ipairs(roles) do
          local row = 3 * (i - 1) + k
          given_rows.prompts[row], given_rows.responses[row] = prompts[i], responses[k]
          given_rows.role[row], given_rows.group[row], given_rows.step[row] = role, i, step
          given_rows.writer[row] = role == "own" and "policy" or "data"
          given_rows.checkpoint[row] = checkpoint or ""
        end
      end
      return batches.new(given_rows)
    end,
  })
end
