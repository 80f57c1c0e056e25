--- Who judges the online stream right: the claims of `fig06_proxy`.
--
-- Tang et al. 2024, arXiv:2405.08448, fig. 6. Findings are those of `paper.reading.stream.accuracies`.
local options = require "perilune.options"
local stream = require "perilune.paper.reading.stream"

local stream_judges = {}

--- The claims of `fig06_proxy`: the accuracy of the proxy against that of each policy, and its change over
-- the stream. `make` is align.claims.
--
--   > local stream_judges = require "perilune.paper.reading.stream_judges"
--   > local list = stream_judges.claims(require "perilune.align.claims")
--   > #list, list[2].name
--   3	accuracy of the proxy less that of the offline policy
function stream_judges.claims(make)
  local function less(name, a, b, text)
    return make.value(name, function(found) return stream.difference(found, a, b) end, { paper = text })
  end
  return {
    less("accuracy of the proxy less that of the online policy, mean over the stream", "proxy", "online",
      "The proxy is above the online policy."),
    less("accuracy of the proxy less that of the offline policy", "proxy", "offline",
      "The proxy is above the offline policy."),
    make.value("accuracy of the proxy, last third less first third",
      function(found) return stream.change(found, "proxy") end,
      { expect = "below", paper = "The proxy's accuracy falls as the policy drifts." }),
  }
end

return options.strict("paper.reading.stream_judges", stream_judges)
