--- What a larger proxy changes: the claims of `fig10_proxy`.
local options = require "perilune.options"
local proxies = require "perilune.paper.proxies"

local widths = {}

--- Claims on the largest proxy against the smallest, and on the gap with each; `make` is align.claims.
--
--   > #require "perilune.paper.reading.widths".claims(require "perilune.align.claims", { widths = "8,16" })
--   5
function widths.claims(make, o)
  local all = proxies.widths(o)
  local small, large = proxies.label(all[1]), proxies.label(all[#all])
  local list = {
    make.peak(large, small, { by = "Tang et al. expect", paper = "A larger proxy raises online's peak." }),
    make.falls(small, large, { name = "the fall with the smallest proxy less that with the largest" }),
    make.peak("online", large, { name = "the task's own proxy less the widest, at online's peak" }),
  }
  for _, width in ipairs(all) do
    list[#list + 1] = make.peak(proxies.label(width), "offline, one setting",
      { name = ("the gap at the peak, proxy of width %d"):format(width) })
  end
  return list
end

return options.strict("paper.reading.widths", widths)
