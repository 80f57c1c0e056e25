--- Proxies of several widths: the variants of `fig10_proxy`.
local cli = require "perilune.cli"
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local stages = require "perilune.paper.stages"
local trained = require "perilune.align.experiment.trained"

local proxies = {}

--- The widths of the options. Errors: one is no whole number from 1, is there twice, or is one of no model:
-- the rotary positions of a head turn pairs of its numbers.
--
--   > local proxies = require "perilune.paper.proxies"
--   > table.concat(proxies.widths { widths = "8,16" }, " ")
--   8 16
--   > proxies.widths { widths = "all" }
--   --widths takes whole numbers from 1, separated by commas, not 'all'
--   > proxies.widths { widths = "8,9223372036854775807" }
--   --widths takes widths up to 65536, not 9223372036854775807
--   > proxies.widths { widths = "8,7" }
--   --widths takes even widths, not 7
function proxies.widths(o)
  local widths = cli.counts("widths", o.widths)
  for _, width in ipairs(widths) do
    if width > limits.width then
      error(("--widths takes widths up to %d, not %d"):format(limits.width, width), 0)
    elseif width % 2 == 1 then
      error(("--widths takes even widths, not %d"):format(width), 0)
    end
  end
  return widths
end

--- The label of online with a proxy of a width.
--
--   > proxies.label(16)
--   online, proxy of width 16
function proxies.label(width) return ("online, proxy of width %d"):format(width) end

--- Online with the task's proxy, offline, online with a proxy of each width of `o.widths`, and online by
-- gold. `make` is that of `paper.variants`. Errors: as `proxies.widths`; the proxy of the options is gold,
-- which has no width.
--
--   > local function new() return {} end
--   > local make = { online = new, offline_one = new, online_gold = new }
--   > local list = proxies.variants(make, { widths = "8,16" })
--   > #list, list[4].label
--   5	online, proxy of width 16
--   > proxies.variants(make, { widths = "8,16", proxy = "gold" })
--   --proxy takes a proxy that is learned at several widths, preference or reward, not gold
function proxies.variants(make, o)
  local proxy = o.proxy or ""
  if proxy == "gold" or trained.is_path(proxy) then
    error(("--proxy takes a proxy that is learned at several widths, preference or reward, not %s"):format(
      proxy), 0)
  end
  local list = { make.online(), make.offline_one() }
  for _, width in ipairs(proxies.widths(o)) do
    local variant = make.online()
    variant.label, variant.stage = proxies.label(width), stages.judged(width)
    variant.run = variant.label
    list[#list + 1] = variant
  end
  list[#list + 1] = make.online_gold()
  return list
end

return options.strict("paper.proxies", proxies)
