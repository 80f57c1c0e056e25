--- What does each method do to the golden pairs?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 8.
--
-- Accuracy of the policy as a classifier of the golden pairs, the log-ratios of their chosen and rejected
-- responses to the start, and the accuracy on pairs of the policy's own.
--
--   perilune scripts/paper/fig08_discrimination.lua [--task summary] [--quick]
--
-- Cost: 3 runs a repetition on `sentiment`; 10 s of processor time at --smoke.
-- Measured on `sentiment`: the log-ratio of chosen responses ends at -7.4 [-8.6, -6.2] nats offline and at
-- -13.2 [-16.1, -10.3] online, that of rejected ones offline at -13.3 [-14.4, -12.2].
local paper = require "perilune.paper"
local accuracy = require "perilune.paper.accuracy"

local labels <const> = { "online", "shuffled", "offline, one setting" }

paper.figure {
  name = "fig08_discrimination", arguments = arg,
  question = "What does each method do to the golden pairs?",
  found = "Offline's accuracy rises, online's stays near 0.5; log pi(chosen) falls, most for offline.",
  variants = function(make)
    return { make.online(), make.replay "all", make.offline_one "online" }
  end,
  after = function(stage, run)
    local found = {}
    for _, label in ipairs(labels) do
      found[label] = accuracy.of_checkpoints(stage, run.done[label], 256)
    end
    return found
  end,
  section = accuracy.section(labels),
  claims = function(claims)
    local function at_end(label, name, of, o)
      return claims.value(("%s of %s at the end"):format(name, label), function(found)
        local values = accuracy.last(found, label, of)
        for i, x in ipairs(values) do values[i] = of == "accuracy" and x - 0.5 or x end
        return values
      end, o)
    end
    local function own(label)
      local field = claims.instrument "classifier/own"
      return claims.value(("accuracy of %s on pairs of its own at the end, less 1/2"):format(label),
        function(_, sides)
          local values = {}
          for i, runs in ipairs(sides(label)) do values[i] = (field(runs[1][#runs[1]]) or 0.5) - 0.5 end
          return values
        end, { expect = "equal", margin = 0.1, paper = "No better than chance on own samples." })
    end
    --- A log-ratio less another at the end; each is a side and whether of the chosen or rejected responses.
    local function less(label, of, other, other_of)
      return function(found)
        local values, others = accuracy.last(found, label, of), accuracy.last(found, other, other_of)
        for i, x in ipairs(others) do values[i] = values[i] - x end
        return values
      end
    end
    local offline <const> = "offline, one setting"
    return {
      at_end("offline, one setting", "accuracy less 1/2", "accuracy",
        { paper = "Offline's accuracy rises." }),
      at_end("online", "accuracy less 1/2", "accuracy",
        { expect = "equal", margin = 0.1, paper = "Online's accuracy stays near 0.5 or below." }),
      at_end("offline, one setting", "log-ratio of chosen", "chosen",
        { expect = "below", unit = "nats", paper = "The chosen response becomes less likely offline." }),
      at_end("online", "log-ratio of chosen", "chosen",
        { expect = "below", unit = "nats", paper = "The same online." }),
      claims.value("log-ratio of chosen online less that offline at the end",
        less("online", "chosen", offline, "chosen"),
        { expect = "above", unit = "nats", paper = "Online less than offline." }),
      at_end("offline, one setting", "log-ratio of rejected", "rejected",
        { expect = "below", unit = "nats", paper = "The rejected response falls too." }),
      claims.value("log-ratio of rejected less that of chosen, offline at the end",
        less(offline, "rejected", offline, "chosen"),
        { expect = "below", unit = "nats", paper = "Winners fall, losers fall further." }),
      own "online", own "shuffled", own "offline, one setting",
    }
  end,
}
