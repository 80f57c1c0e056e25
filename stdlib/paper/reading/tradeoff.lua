--- Win rate against KL, online and offline: the claims of `fig01_tradeoff`.
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 1. Gao et al. 2023, arXiv:2210.10760: the proxy goes on rising.
local options = require "perilune.options"

local tradeoff = {}

local offline <const>, one <const> = "offline", "offline, one setting"
local pool <const>, by_gold <const> = "online, pooled", "online by gold"
local proxy <const> = "the proxy's own win rate"

local function proxy_win(point) return point.proxy_win end

--- The claims of `fig01_tradeoff`: the gap, at five KLs too, the falls, and what pooling and the proxy's
-- errors change. `make` is align.claims.
--
--   > local list = require "perilune.paper.reading.tradeoff".claims(require "perilune.align.claims")
--   > #list, list[1].paper, list[5].name
--   30	Online's peak is higher.	the same sweep and as many checkpoints on both sides, at the peak
function tradeoff.claims(make)
  local list = {
    make.peak("online", offline, { paper = "Online's peak is higher." }),
    make.on_average("online", offline, { paper = "Online is above at equal KL." }),
    make.even_peak("online", offline),
    make.peak(pool, offline, { name = "the same sweep on both sides, at the peak" }),
    make.even_peak(pool, offline,
      { name = "the same sweep and as many checkpoints on both sides, at the peak" }),
    make.on_average(pool, offline, { name = "the same sweep on both sides, over log KL" }),
  }
  for _, side in ipairs { "online", pool } do
    for _, kl in ipairs { 2, 4, 6, 8, 10 } do list[#list + 1] = make.at_kl(side, offline, kl) end
  end
  local others <const> = {
    make.fall("online", { paper = "Online passes its own peak." }),
    make.past_peak("online"),
    make.past_peak(pool),
    make.past_peak(offline, { paper = "Offline passes its own peak." }),
    make.since_peak("online", proxy, proxy_win,
      { margin = 0.01, by = "Gao et al. 2023", paper = "The proxy goes on rising while gold falls." }),
    make.beyond_peak(offline, proxy, proxy_win, { margin = 0.01 }),
    make.change("online", proxy, proxy_win, { name = proxy .. " over the online run" }),
    make.peak(offline, one, { name = "what pooling gives offline's peak" }),
    make.peak(pool, "online", { name = "what pooling gives online's peak" }),
    make.on_average(pool, "online", { name = "what pooling gives online at equal KL" }),
    make.pooling(offline, { name = "what a plain maximum would add to offline's pooled peak" }),
    make.pooling(pool, { name = "what a plain maximum would add to online's pooled peak" }),
    make.peak(by_gold, "online", { name = "what the proxy's errors cost online's peak" }),
    make.peak(by_gold, one, { name = "gold's labels and one setting on both sides, at the peak" }),
  }
  return table.move(others, 1, #others, #list + 1, list)
end

return options.strict("paper.reading.tradeoff", tradeoff)
