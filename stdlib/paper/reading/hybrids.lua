--- How much online it takes: the claims of `nc2_hybrid`.
--
-- Tang et al. 2024, arXiv:2405.08448, a check the conclusion asks for; Song et al. 2024, arXiv:2406.01462.
local options = require "perilune.options"

local hybrids = {}

local one <const>, dpo <const> = "offline, one setting", "dpo offline, one setting"

--- The claims of `nc2_hybrid`: HyPO against offline DPO and online, and each hybrid against offline and
-- online. `make` is align.claims.
--
--   > local list = require "perilune.paper.reading.hybrids".claims(require "perilune.align.claims")
--   > #list, list[1].by, list[9].name
--   9	Song et al. 2024	the peak of online less that of half of each
function hybrids.claims(make)
  local list = {
    make.peak("hypo online", dpo,
      { by = "Song et al. 2024", paper = "A KL on own samples gains over DPO." }),
    make.on_average("hypo online", dpo, { name = "the same at equal KL" }),
    make.peak("online", "hypo online"),
  }
  for _, label in ipairs { "renewed every 60", "offline, then online", "half of each" } do
    list[#list + 1] = make.peak(label, one)
    list[#list + 1] = make.peak("online", label)
  end
  return list
end

return options.strict("paper.reading.hybrids", hybrids)
