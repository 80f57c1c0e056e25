--- What curation of offline data gives: the claims of `nc3_curation`.
--
-- Tang et al. 2024, arXiv:2405.08448, a check the conclusion asks for.
local options = require "perilune.options"

local curated = {}

--- The claims of `nc3_curation`: each kind of curated data against the plain data, then online against it.
-- `make` is align.claims.
--
--   > local list = require "perilune.paper.reading.curated".claims(require "perilune.align.claims")
--   > #list, list[3].name
--   10	best against worst of 4 less all pairs
function curated.claims(make)
  local list = {}
  local function against(label, other, words)
    list[#list + 1] = make.peak(label, other, { name = ("%s less %s"):format(label, words) })
    list[#list + 1] = make.peak("online", label)
  end
  local function against_all(label) against(label, "offline, one setting", "all pairs") end
  against_all "half with the clearest margin"
  against_all "best against worst of 4"
  against("wpo offline, one setting", "dpo offline, one setting", "DPO without weights")
  against_all "golden pairs, rewritten"
  against_all "half golden, half end against end"
  return list
end

return options.strict("paper.reading.curated", curated)
