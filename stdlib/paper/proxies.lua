--- Proxies of several widths, for `fig10_proxy`.
local cli = require "perilune.cli"
local options = require "perilune.options"
local stages = require "perilune.paper.stages"

local proxies = {}

local offline <const> = "offline, one setting"

--- The widths of the options. Errors: one is no whole number from 1, or is there twice.
local function widths_of(o)
  local widths = cli.counts("widths", o.widths)
  for _, width in ipairs(widths) do
    if width == "all" then error("--widths takes whole numbers from 1, separated by commas, not 'all'", 0) end
  end
  return widths
end

local function label_of(width) return ("online, proxy of width %d"):format(width) end

--- Online with the task's proxy, offline, and online with a proxy of each width of `o.widths`. `make` is that
-- of `paper.variants`.
--
--   > local proxies = require "perilune.paper.proxies"
--   > local make = { online = function() return {} end, offline_one = function() return {} end }
--   > local list = proxies.variants(make, { widths = "8,16" })
--   > #list, list[4].label
--   4	online, proxy of width 16
--   > proxies.variants(make, { widths = "all" })
--   --widths takes whole numbers from 1, separated by commas, not 'all'
function proxies.variants(make, o)
  local list = { make.online(), make.offline_one() }
  for _, width in ipairs(widths_of(o)) do
    local variant = make.online()
    variant.label, variant.stage = label_of(width), stages.judged(width)
    variant.run = variant.label
    list[#list + 1] = variant
  end
  return list
end

--- Claims on the largest proxy against the smallest, and on the gap with each; `claims` is align.claims.
--
--   > #proxies.claims(require "perilune.align.claims", { widths = "8,16" })
--   5
function proxies.claims(claims, o)
  local widths = widths_of(o)
  local small, large = label_of(widths[1]), label_of(widths[#widths])
  local list = {
    claims.peak(large, small, { paper = "A larger proxy raises online's peak." }),
    claims.falls(small, large, { name = "the fall with the smallest proxy less that with the largest" }),
    claims.peak("online", large, { name = "what all layers of the start give the proxy, at online's peak" }),
  }
  for _, width in ipairs(widths) do
    list[#list + 1] = claims.peak(label_of(width), offline,
      { name = ("the gap at the peak, proxy of width %d"):format(width) })
  end
  return list
end

return options.strict("paper.proxies", proxies)
