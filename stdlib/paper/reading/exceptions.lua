--- Where the paper found another thing on one task than on the others.
--
-- Tang et al. 2024, arXiv:2405.08448: the Chat arena is an exception in sec. 5.1, 5.4 and 5.5; the windows of
-- app. G were not tried there.
local options = require "perilune.options"

local exceptions = {}

-- What a claim expects on a task, by the name of the finding.
local by_task <const> = {
  arena = {
    ["online over shuffled"] = { expect = "equal",
      paper = "On the arena shuffled data get close to online." },
    ["shuffled over offline"] = { expect = "above", paper = "On the arena they gain over offline data." },
    ["windows of shuffling"] = { paper = "" },
    ["online over offline, best-of-2"] = { expect = "not above",
      paper = "On the arena there is no gap for best-of-2." },
    ["the gap at the largest size"] = { expect = "equal",
      paper = "On the arena offline is about as good as online at the largest size." },
  },
}

--- The options of a claim on a task: `usual`, and over them what the paper found there instead.
--
--   > local exceptions = require "perilune.paper.reading.exceptions"
--   > local usual = { expect = "above", margin = 0.1 }
--   > exceptions.of("arena", "online over shuffled", usual).expect
--   equal
--   > exceptions.of("sentiment", "online over shuffled", usual).expect
--   above
function exceptions.of(task, finding, usual)
  local made = {}
  for name, value in pairs(usual) do made[name] = value end
  for name, value in pairs((by_task[task] or {})[finding] or {}) do made[name] = value end
  return made
end

return options.strict("paper.reading.exceptions", exceptions)
