--- How much shuffling of an online run's data is too much?
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 13, app. G.
--
-- Whole batches are shuffled within windows: none, 4 batches, 0.1 % and 12.5 % of the run (4 and 500 of the
-- paper's 4,000 batches), all. A share of fewer than two batches is no shuffling, and is left out.
--
--   perilune scripts/paper/fig13_shuffle.lua [--windows 1,4,0.1%,12.5%,all] [--task summary] [--quick]
--
-- Cost: 6 runs a repetition on `sentiment`, 2 after fig04_coverage; 7 s of processor time at --smoke.
-- Measured on `sentiment` in bf16 (5 repetitions, 2026-11-30, AMD EPYC Zen 4): at equal KL windows of 4 of
-- 720 steps lose 0.02 [0.01, 0.04], of 90 steps 0.04 [0.03, 0.05], all 0.07 [0.05, 0.10].
local exceptions = require "perilune.paper.reading.exceptions"
local paper = require "perilune.paper"
local shuffling = require "perilune.paper.shuffling"

local function windows_of(o) return shuffling.windows(o.windows, paper.settings.one(o)[1].steps) end

paper.figure {
  name = "fig13_shuffle", arguments = arg,
  question = "How much shuffling of the online run's data is too much?",
  found = "Windows of 0.1 % of the run do not change the curve; with more the win rate at equal KL falls.",
  options = { { "windows", "1,4,0.1%,12.5%,all",
    "batches of a window, or a share of the run's steps, separated by commas", smoke = "1,50%,all" } },
  variants = function(make, o)
    local list = { make.online() }
    for _, window in ipairs(windows_of(o)) do list[#list + 1] = make.replay(window) end
    list[#list + 1] = make.online_gold()
    return list
  end,
  claims = function(claims, o)
    local list = {}
    for _, window in ipairs(windows_of(o)) do
      local label = window == "all" and "shuffled" or ("shuffled within %s"):format(window)
      local small = window ~= "all" and window <= 4
      if window == 1 then label = "in order" end
      list[#list + 1] = claims.on_average("online", label, exceptions.of(o.task, "windows of shuffling", {
        expect = small and "equal" or "above", margin = small and 0.03 or 0.05,
        paper = small and "Little shuffling changes nothing." or "Much shuffling loses at equal KL.",
      }))
    end
    return list
  end,
}
