--- Is offline training on the online run's data in order the online run?
--
-- Tang et al. 2024, arXiv:2405.08448, app. F.
--
-- The stream in order must give the online run's parameters bit for bit. Then one batch of it is left out,
-- and how far the two policies end from each other is measured in nats.
--
--   perilune scripts/paper/appF_tandem.lua [--task summary] [--quick]
--
-- Cost: 3 runs a repetition on `sentiment`; 6 s of processor time at --smoke.
-- Measured on `sentiment` (bf16): in order the run is the online run bit by bit. With one batch missing the
-- policies end 10 [-7, 27] nats apart, and online's peak is 0.09 [-0.03, 0.25] higher.
local paper = require "perilune.paper"
local evaluate = require "perilune.align.evaluate"
local findings = require "perilune.paper.findings"
local sources = require "perilune.align.sources"

--- The stream without one batch, that of a tenth of the run; the last one is seen twice, so that the number
-- of steps stays.
local function without_one(stream)
  local left, missing = {}, math.max(1, #stream // 10)
  for i, batch in ipairs(stream) do
    if i ~= missing then left[#left + 1] = batch end
  end
  left[#left + 1] = stream[#stream]
  return left
end

paper.figure {
  name = "appF_tandem", arguments = arg,
  question = "Is offline training on the online run's data in order the online run?",
  found = "Yes, to about 0.1 %, slowly diverging; one missing batch makes the two diverge drastically.",
  notes = { "The run in order ended with the online run's parameters, bit for bit, in every seed." },
  variants = function(make)
    local in_order = make.replay(1)
    function in_order.check(trained, done)
      assert(trained.policy:hash() == done.online.policy:hash(),
        "the stream in order must give the online run bit for bit")
    end
    local missing = make.of("one batch missing", function(_, run)
      return sources.replay(without_one(run.done.online.stream))
    end, { from = "online" })
    return { make.online(), in_order, missing }
  end,
  after = function(stage, run)
    local how = { task = stage.task, prompts = stage.test }
    return {
      missing = evaluate.kl(run.done["one batch missing"].policy, run.done.online.policy, how).mean,
      start = evaluate.kl(run.done.online.policy, stage.start, how).mean,
    }
  end,
  claims = function(claims)
    return {
      claims.on_average("online", "in order", { expect = "equal", margin = 0.001,
        paper = "In order the two runs are the same." }),
      claims.value("KL of the two policies after one missing batch", function(list)
        return findings.values(list, function(found) return found.missing end)
      end, { unit = "nats", margin = 0.01, paper = "One missing batch makes them diverge." }),
      claims.peak("online", "one batch missing", { expect = "equal",
        paper = "Their final win rates are similar." }),
    }
  end,
}
