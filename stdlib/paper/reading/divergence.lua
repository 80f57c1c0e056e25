--- How far offline training on an online run's stream ends from that run: claims of `appF_tandem`.
--
-- Tang et al. 2024, arXiv:2405.08448, app. F.
local evaluate = require "perilune.align.evaluate"
local findings = require "perilune.paper.reading.findings"
local options = require "perilune.options"
local tandem = require "perilune.paper.tandem"

local divergence = {}

--- `after` of experiment.compare: the KLs in nats from the online run of what differs from it, by label, and
-- that of the online run from the start, as `start`; nil of a job without that run.
--
--   > local divergence, policy = require "perilune.paper.reading.divergence", require "perilune.align.policy"
--   > local start = policy.table { contexts = { { 0 } }, vocab = 2 }
--   > local online = policy.table { contexts = { { 0 } }, vocab = 2, logits = T{ { 0, math.log(3) } } }
--   > local stage = { task = { max_response = 1, stop = { 0, 1 } }, test = { { 0 } }, start = start }
--   > local done = { online = { policy = online }, ["one batch missing"] = { policy = start } }
--   > local found = divergence.after(stage, { done = done })
--   > ("%.4f %.4f"):format(found.start, found["one batch missing"])
--   0.1308 0.1438
function divergence.after(stage, run)
  if not run.done.online then return nil end
  local how, found = { task = stage.task, prompts = stage.test }, {}
  for _, label in ipairs { tandem.missing, tandem.other_tokens } do
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

--- Claims on the KLs from online of a run that differs from it by a small mistake.
local function of_mistake(make, label, paper)
  return {
    of_kl(make, label, "%s: KL from online over that of online from the start",
      function(found) return found.start end, { expect = "not below", margin = 1, paper = paper }),
    of_kl(make, label, "%s: KL from online over 0.01 nats", function() return 0.01 end, { margin = 0.3 }),
  }
end

--- The claims of `appF_tandem`; `make` is align.claims, `o` the options.
--
--   > local divergence, claims = require "perilune.paper.reading.divergence", require "perilune.align.claims"
--   > local o = { task = "arena", data = "", model = "", cost = -1, small = true }
--   > local list = divergence.claims(claims, o)
--   > list[3].estimate(nil, nil, { { outer = 1, found = { ["one batch missing"] = 1, start = 10 } } }).mean
--   -1.0
--   > list[6].missing
--   each text of this task has one sequence of tokens, try from_pairs
function divergence.claims(make, o)
  local list = {
    make.on_average("online", "in order", { expect = "equal", margin = 0.001,
      paper = "In order the two runs are the same." }),
    make.measure("win rate of online less that of in order at the end", { "online", "in order" },
      function(item, win)
        local online, in_order = item[1][1], item[2][1]
        return win(online[#online]) - win(in_order[#in_order])
      end, { expect = "equal", paper = "In order their final win rates are similar." }),
  }
  local function add(label, paper)
    local own = of_mistake(make, label, paper)
    if label == tandem.other_tokens and not tandem.has_other_tokens(o) then
      for _, claim in ipairs(own) do
        claim.missing = "each text of this task has one sequence of tokens, try from_pairs"
      end
    else
      own[#own + 1] = make.peak("online", label)
    end
    table.move(own, 1, #own, #list + 1, list)
  end
  add(tandem.missing, "One missing batch makes them diverge.")
  add(tandem.other_tokens, "The same text in other tokens makes them diverge.")
  return list
end

return options.strict("paper.reading.divergence", divergence)
