--- The policy read as a classifier of pairs, and what it generates, side by side.
--
--   classifier/data       share of the pairs of the data set whose order log pi/pi_ref agrees with
--   classifier/stream     the same of the batch, where the source has no data set: of the online stream
--   classifier/own        the same of pairs of own responses, ordered by the judge
--   generator/win         share of own responses that the judge prefers to the reference's
--
-- A tie of either counts 1/2. The last two need a judge: `judge`, or that of the source. A run on a data set
-- has classifier/stream of the source `stream`, a run on a stream classifier/data of the pairs `data`. Tang
-- et al. 2024, arXiv:2405.08448, sec. 5.3: offline policies classify better and generate worse.
local options = require "perilune.options"
local instruments = require "perilune.align.instruments"
local batches = require "perilune.align.batch"
local judges = require "perilune.align.judge"
local sampling = require "perilune.align.sampling"
local shards = require "perilune.align.shards"

--- Adds the agreement of two lists of numbers, signs of preferences, where 0 is a tie.
local function add_agreement(m, name, a, b)
  for i, x in ipairs(a) do
    local product = x * b[i]
    m:add(name, product > 0 and 1 or product < 0 and 0 or 0.5, 1)
  end
end

local function log_ratios(context, rows)
  return (shards.logps(context.policy, rows) - shards.logps(context.reference, rows)):totable()
end

--- Adds the accuracy on the first pairs of a batch.
local function add_pairs(context, m, name, batch)
  if not batch:has_pairs() then return end
  local units = {}
  for i = 1, math.min(2 * context.measured.own.prompts, #batch) do units[i] = i end
  local part, margins, order = batch:select(units), {}, {}
  local ratios = log_ratios(context, part.rows)
  for i = 1, #part do margins[i], order[i] = ratios[i] - ratios[#part + i], 1 end
  add_agreement(m, name, margins, order)
end

--- The rows at the odd places, and those at the even ones.
local function halves(rows)
  local odd, even = {}, {}
  for i = 1, #rows // 2 do odd[i], even[i] = 2 * i - 1, 2 * i end
  return rows:select(odd), rows:select(even)
end

local function add_own(context, m, judge)
  local first, second = halves(context.own)
  local outcomes, margins, order = judges.ask(judge, first, second), {}, {}
  local ratios = (context.own_logps - context.own_ref_logps):totable()
  for i, p in ipairs(outcomes) do margins[i], order[i] = ratios[2 * i - 1] - ratios[2 * i], p - 0.5 end
  add_agreement(m, "classifier/own", margins, order)
  local theirs = sampling.draw(context.reference, context.policy, first:prompts(), context.drawing,
    "instruments_ref", context.step, 1)
  for _, p in ipairs(judges.ask(judge, first, theirs)) do m:add("generator/win", p, 1) end
end

return instruments.define {
  name = "classifier",
  options = {
    { "judge", options.optional "table|function",
      "orders own responses, such as gold; by default the source's judge" },
    { "data", options.optional "table", "pairs, where the source has no data set" },
    { "stream", options.optional "table", "a source of fresh pairs, where the source has a data set" },
  },
  evaluation = function(context, o, m)
    if not context.reference then return end
    local source = context.source
    if source.dataset then add_pairs(context, m, "classifier/data", source.dataset) end
    if not source.dataset then add_pairs(context, m, "classifier/stream", context.batch) end
    if o.data then
      add_pairs(context, m, "classifier/data", batches.of_pairs(o.data, "instruments.classifier"))
    end
    if o.stream then add_pairs(context, m, "classifier/stream", context.batch_of(o.stream)) end
    local judge = o.judge or source.options and source.options.judge
    if judge then add_own(context, m, judges.as_judge(judge)) end
  end,
}
