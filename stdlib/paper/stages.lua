--- Stages made from that of a repetition: another size of the policy, other rewards.
--
-- Given as the `stage` of a variant of experiment.compare. Golden pairs, gold and golden policy stay.
local evaluate = require "perilune.align.evaluate"
local experiment = require "perilune.align.experiment.stage"
local judges = require "perilune.align.judge"
local options = require "perilune.options"
local sft = require "perilune.align.sft"
local sources = require "perilune.align.sources"

local stages = {}

--- A stage with other fields over those of another one, made once for each stage.
local function made_of(build)
  local made = setmetatable({}, { __mode = "k" })
  return function(stage)
    if not made[stage] then
      local fields = {}
      for name, value in pairs(stage) do fields[name] = value end
      made[stage] = experiment.with(build(stage, fields) or fields)
    end
    return made[stage]
  end
end

--- Sizes of the policy by name: fields of the model. Each has about four to six times the parameters of the
-- one before; how many they are depends on the task's vocabulary. From the smallest to the largest they grow
-- by a factor of 72 on `sentiment`, 127 on `refusal`, 129 on `arena` and 145 on `summary`.
--
--   > local stages = require "perilune.paper.stages"
--   > stages.sizes[3][1], stages.sizes[3][2].dim
--   medium	64
stages.sizes = {
  { "tiny", { layers = 1, dim = 16, heads = 2, hidden = 43 } },
  { "small", { layers = 2, dim = 32, heads = 2, hidden = 86 } },
  { "medium", { layers = 3, dim = 64, heads = 4, hidden = 172 } },
  { "large", { layers = 4, dim = 112, heads = 4, hidden = 299 } },
}

--- A stage whose start has another size, `model` as in `stages.sizes`; KL is from that start. The proxy is
-- the same for all sizes, as in Tang et al. 2024, sec. 5.5. Gives a function(stage), the `stage` of a variant
-- of experiment.compare, which makes it once for each stage.
--
--   > type(stages.sized(stages.sizes[1][2]))
--   function
function stages.sized(model)
  return made_of(function(stage, fields)
    local o, task = stage.options, stage.task
    fields.start = sft(task, { model = model, seed = o.seed - 1, cache = o.start_steps == 0,
      precision = o.precision, steps = o.start_steps > 0 and o.start_steps or nil, quiet = true })
    fields.measure = evaluate.measure {
      task = task, reference = fields.start, judge = stage.gold, prompts = stage.test,
      against = stage.baseline, proxy = stage.proxy, seed = o.seed,
    }
    fields.start_point = fields.measure(fields.start, 0)
    fields.start_point.labels, fields.start_point.tokens = 0, 0
  end)
end

--- Variants at a size of `stages.sizes` by its name, runs of their own; as they are with "". Errors: there is
-- no such size.
--
--   > local list = stages.at_size("tiny", { { label = "online" } })
--   > list[1].label, list[1].run, type(list[1].stage)
--   online	online tiny	function
--   > stages.at_size("", { { label = "online" } })[1].stage
--   nil
--   > stages.at_size("hug", {})
--   there is no size 'hug'; it takes tiny, small, medium, large
function stages.at_size(name, list)
  if name == "" then return list end
  local known, model = {}, nil
  for i, size in ipairs(stages.sizes) do
    known[i] = size[1]
    if size[1] == name then model = size[2] end
  end
  if not model then
    error(("there is no size '%s'; %s"):format(name, options.suggest(name, known)), 0)
  end
  local stage = stages.sized(model)
  for _, variant in ipairs(list) do
    variant.stage, variant.run = stage, ("%s %s"):format(variant.run or variant.label, name)
  end
  return list
end

--- A stage whose proxy is a model of the start's layers and this width, fine-tuned as the start is and then
-- trained on the same pairs as the stage's. All else stays. Gives a function(stage), as `stages.sized` does.
--
--   > type(stages.judged(16))
--   function
function stages.judged(width)
  return made_of(function(stage, fields)
    fields.proxy = stage:other_proxy(width)
    fields.measure = evaluate.measure {
      task = stage.task, reference = stage.start, judge = stage.gold, prompts = stage.test,
      against = stage.baseline, proxy = fields.proxy, seed = stage.options.seed,
    }
    fields.start_point = fields.measure(stage.start, 0)
    fields.start_point.labels, fields.start_point.tokens = 0, 0
  end)
end

--- A stage whose labels are those of another judge: `judge(stage)` orders the golden pairs and labels online
-- responses, so that both sides learn from the same rewards. Win rates stay those of gold. Gives a
-- function(stage), as `stages.sized` does.
--
--   > type(stages.labelled(function(stage) return stage.gold end))
--   function
function stages.labelled(judge)
  return made_of(function(stage, fields)
    fields.proxy = judge(stage)
    fields.golden_pairs = sources.relabel(stage.golden_pairs, fields.proxy)
  end)
end

--- A judge that prefers in a circle on a share of the pairs, and as gold on the others: by the lengths of the
-- responses modulo 3, of which 0 beats 1, 1 beats 2 and 2 beats 0. `gold` is a judge; `share`, from 0 to 1,
-- is met by a hash of the two responses. Gives a judge, see align.judge.
--
--   > local judge, rows = require "perilune.align.judge", require "perilune.models".rows
--   > local tie = judge.from_function("tie", function() return 0.5 end)
--   > local one, two = rows({ { 1 } }, { { 5 } }), rows({ { 1 } }, { { 5, 5 } })
--   > stages.circular(tie, 1):prefer(one, two)[1], stages.circular(tie, 0):prefer(one, two)[1]
--   1	0.5
function stages.circular(gold, share)
  local function decides(a, b)
    local sum = 0
    for _, response in ipairs { a, b } do
      for i, id in ipairs(response) do sum = (sum + i * 31 + id * 17) % 1000 end
    end
    return sum < 1000 * share
  end
  local judge = { name = ("circular %g"):format(share) }
  function judge:prefer(first, second)  -- luacheck: ignore 212
    local outcomes, a, b = judges.ask(gold, first, second), first:responses(), second:responses()
    for i in ipairs(outcomes) do
      local step = (#b[i] - #a[i]) % 3
      if step ~= 0 and decides(a[i], b[i]) then outcomes[i] = step == 1 and 1 or 0 end
    end
    return outcomes
  end
  return judge
end

return options.strict("paper.stages", stages)
