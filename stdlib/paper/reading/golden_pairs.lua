--- Claims on what becomes of the golden pairs, and of a policy's own, for `fig07` and `fig08`.
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.3.2 and 5.3.3. Findings are those of
-- `paper.reading.accuracy.after`. `make` is align.claims.
local bootstrap = require "perilune.align.evaluate.bootstrap"
local findings = require "perilune.paper.reading.findings"
local options = require "perilune.options"

local golden_pairs = {}

--- The last element of the list `of` of a finding under a label.
local function last(found, label, of) return found[label][of][#found[label][of]] end

--- A number at the end of a run: `of` is "accuracy", of which 1/2 is taken, "chosen" or "rejected",
-- log-ratios to the start in nats.
--
--   > local golden_pairs = require "perilune.paper.reading.golden_pairs"
--   > local claims = require "perilune.align.claims"
--   > golden_pairs.at_end(claims, "online", "chosen").name
--   log-ratio of chosen of online at the end
function golden_pairs.at_end(make, label, of, given)
  local is_share = of == "accuracy"
  local name = is_share and "accuracy less 1/2" or "log-ratio of " .. of
  local o = { unit = not is_share and "nats" or nil }
  for key, value in pairs(given or {}) do o[key] = value end
  return make.value(("%s of %s at the end"):format(name, label), function(list)
    return findings.values(list, function(found) return last(found, label, of) - (is_share and 0.5 or 0) end)
  end, o)
end

--- The same number of one side less that of another, each { label, of }.
--
--   > local claims = require "perilune.align.claims"
--   > local claim = golden_pairs.less(claims, "winners", { "a", "chosen" }, { "b", "chosen" })
--   > local found = { a = { chosen = { -1, -4 } }, b = { chosen = { -1, -9 } } }
--   > claim.estimate(nil, nil, { { outer = 1, found = found } }).mean
--   5.0
function golden_pairs.less(make, name, first, second, given)
  return make.value(name, function(list)
    return findings.values(list, function(found)
      return last(found, first[1], first[2]) - last(found, second[1], second[2])
    end)
  end, given)
end

--- The share of a run's own pairs that it orders as gold does, over all its checkpoints; nil where the
-- instrument classifier/own did not measure.
--
--   > local function at(sum) return { instruments = { ["classifier/own"] = { sum = sum, count = 4 } } } end
--   > golden_pairs.of_own { at(1), at(3), { instruments = {} } }, golden_pairs.of_own { {} }
--   0.5	nil
function golden_pairs.of_own(run)
  local sum, count = 0.0, 0
  for _, point in ipairs(run) do
    local figure = point.instruments and point.instruments["classifier/own"]
    if figure then sum, count = sum + figure.sum, count + figure.count end
  end
  return count > 0 and sum / count or nil
end

--- The share of a side's own pairs that it orders right, over all checkpoints, less 1/2: no better than
-- chance, so not above 0 by 0.1.
--
--   > local claims = require "perilune.align.claims"
--   > golden_pairs.own(claims, "online").expect
--   not above
function golden_pairs.own(make, label)
  local claim = make.value(("accuracy of %s on pairs of its own, all checkpoints, less 1/2"):format(label),
    function(_, sides)
      return bootstrap.by_repetition(sides(label), function(runs)
        local share = golden_pairs.of_own(runs[1])
        return share and share - 0.5
      end)
    end, { expect = "not above", margin = 0.1, paper = "No better than chance on own samples, throughout." })
  claim.missing = "no instrument classifier/own"
  return claim
end

return options.strict("paper.reading.golden_pairs", golden_pairs)
