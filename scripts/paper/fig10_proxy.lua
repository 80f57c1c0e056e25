--- Does a larger proxy raise online's peak, and widen the gap?
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.5: expected there, and not run.
--
-- Proxies of one layer and three widths, all from nothing and from the same pairs, beside the task's own,
-- which begins with the start's weights. Start, gold and golden policy stay. Offline runs read no proxy.
--
--   perilune scripts/paper/fig10_proxy.lua [--widths 16,64] [--task arena] [--quick]
--
-- Cost: 5 runs and 3 proxies a repetition on `sentiment`; 8 s of processor time at --smoke.
-- Measured: at --smoke, one repetition, which resolves nothing; no larger size was run.
local paper = require "perilune.paper"
local cli = require "perilune.cli"
local stages = require "perilune.paper.stages"

--- The widths of the options. Errors: one is no whole number from 1, or is there twice.
local function widths_of(o)
  local widths = cli.counts("widths", o.widths)
  for _, width in ipairs(widths) do
    if width == "all" then error("--widths takes whole numbers from 1, separated by commas, not 'all'", 0) end
  end
  return widths
end

local function label_of(width) return ("online, proxy of width %d"):format(width) end

paper.figure {
  name = "fig10_proxy", arguments = arg,
  question = "Does a larger proxy raise online's peak, and widen the gap?",
  found = "Not run in the paper, which expects a higher peak online and a wider gap.",
  options = { { "widths", "16,48,128", "widths of the proxies, separated by commas", counts = true,
    smoke = "8,16", quick = "16,128" } },
  variants = function(make, o)
    local list = { make.online(), make.offline_one() }
    for _, width in ipairs(widths_of(o)) do
      local variant = make.online()
      variant.label, variant.stage = label_of(width), stages.judged(width)
      variant.run = variant.label
      list[#list + 1] = variant
    end
    return list
  end,
  claims = function(claims, o)
    local widths = widths_of(o)
    local small, large = label_of(widths[1]), label_of(widths[#widths])
    local list = {
      claims.peak(large, small, { paper = "A larger proxy raises online's peak." }),
      claims.falls(small, large, { name = "the fall with the smallest proxy less that with the largest" }),
      claims.peak("online", large, { name = "what the start's weights give the proxy, at online's peak" }),
    }
    for _, width in ipairs(widths) do
      list[#list + 1] = claims.peak(label_of(width), "offline, one setting",
        { name = ("the gap at the peak, proxy of width %d"):format(width) })
    end
    return list
  end,
}
