--- The stream of an online run trained on offline, exactly and with a small mistake, for `appF_tandem`.
--
-- Tang et al. 2024, arXiv:2405.08448, app. F: what differs is one batch, or the tokens of the same text.
local evaluate = require "perilune.align.evaluate"
local findings = require "perilune.paper.findings"
local opened = require "perilune.align.experiment.opened"
local options = require "perilune.options"
local segments = require "perilune.paper.segments"
local sources = require "perilune.align.sources"

local tandem = {}

local missing <const>, other_tokens <const> = "one batch missing", "the same text in other tokens"

--- The stream without one batch, that of a tenth of the run; the last one is seen twice, so that the number
-- of steps stays.
--
--   > local tandem = require "perilune.paper.tandem"
--   > table.concat(tandem.without_one { 1, 2, 3, 4 }, " ")
--   2 3 4 4
function tandem.without_one(stream)
  local left, out = {}, math.max(1, #stream // 10)
  for i, batch in ipairs(stream) do
    if i ~= out then left[#left + 1] = batch end
  end
  left[#left + 1] = stream[#stream]
  return left
end

--- Online, its stream in order, the stream without a batch, and the same texts in other tokens where the
-- tokenizer of the task has several sequences for a text. `make` is that of `paper.variants`, `o` the
-- options.
--
--   > local o = { task = "arena", data = "", model = "", cost = -1, small = true }
--   > o.loss, o.lr, o.beta, o.steps = "ipo", "", "", 0
--   > #tandem.variants(require "perilune.paper.variants".of(o), o)
--   3
function tandem.variants(make, o)
  local in_order = make.replay(1)
  function in_order.check(trained, done)
    assert(trained.policy:hash() == done.online.policy:hash(),
      "the stream in order must give the online run bit for bit")
  end
  local function replayed(label, changed)
    return make.of(label, function(stage, run)
      return sources.replay(changed(run.done.online.stream, stage.task))
    end, { from = "online", shared = true })
  end
  local list = { make.online(), in_order, replayed(missing, tandem.without_one) }
  if segments.are_several(opened.task(o).tokenizer) then
    list[4] = replayed(other_tokens, function(stream, task)
      return segments.stream(stream, segments.splitter(task.tokenizer, task.stop), task.max_response)
    end)
  end
  return list
end

--- `after` of experiment.compare: the KLs in nats from the online run of what differs from it, by label, and
-- that of the online run from the start, as `start`.
function tandem.after(stage, run)
  local how, found = { task = stage.task, prompts = stage.test }, {}
  for _, label in ipairs { missing, other_tokens } do
    if run.done[label] then
      found[label] = evaluate.kl(run.done[label].policy, run.done.online.policy, how).mean
    end
  end
  found.start = evaluate.kl(run.done.online.policy, stage.start, how).mean
  return found
end

-- A KL below this is none, and has this logarithm.
local least <const> = 1e-6

--- A claim on the logarithm to base 10 of a KL over another one, `over(found)`, for a label. KLs differ by
-- powers of ten between repetitions, so that a mean of their own would be that of the largest.
local function of_kl(make, label, name, over, given)
  given.unit = "powers of ten"
  return make.value(name:format(label), function(list)
    return findings.values(list, function(found)
      local ratio = found[label] and math.max(found[label], least) / math.max(over(found), least)
      return ratio and math.log(ratio, 10) or nil
    end)
  end, given)
end

--- The claims of `appF_tandem`; `make` is align.claims, `o` the options.
--
--   > local claims = require "perilune.align.claims"
--   > local o = { task = "arena", data = "", model = "", cost = -1, small = true }
--   > local list = tandem.claims(claims, o)
--   > list[2].estimate(nil, nil, { { outer = 1, found = { ["one batch missing"] = 1, start = 10 } } }).mean
--   -1.0
--   > list[5].missing
--   each text of this task has one sequence of tokens, try from_pairs
function tandem.claims(make, o)
  local list = { make.on_average("online", "in order", { expect = "equal", margin = 0.001,
    paper = "In order the two runs are the same." }) }
  for _, one in ipairs {
    { missing, "One missing batch makes them diverge." },
    { other_tokens, "The same text in other tokens makes them diverge." },
  } do
    local label = one[1]
    list[#list + 1] = of_kl(make, label, "%s: KL from online over that of online from the start",
      function(found) return found.start end, { expect = "not below", margin = 1, paper = one[2] })
    list[#list + 1] = of_kl(make, label, "%s: KL from online over 0.01 nats",
      function() return 0.01 end, { margin = 0.3 })
    if label == other_tokens and not segments.are_several(opened.task(o).tokenizer) then
      for i = #list - 1, #list do
        list[i].missing = "each text of this task has one sequence of tokens, try from_pairs"
      end
    else
      list[#list + 1] = make.peak("online", label, { expect = "equal",
        paper = "Their final win rates are similar." })
    end
  end
  return list
end

return options.strict("paper.tandem", tandem)
