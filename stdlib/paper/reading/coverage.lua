--- How much of the answers data must cover: the claims of `support`.
--
-- Tang et al. 2024, arXiv:2405.08448, app. H: with full support the optimum is reached. Xu et al. 2024,
-- arXiv:2404.10719, table 1: without it another one.
local bootstrap = require "perilune.align.evaluate.bootstrap"
local frontier = require "perilune.align.evaluate.frontier"
local options = require "perilune.options"

local coverage = {}

local xu <const> = "Xu et al. 2024"

--- The claims of `support`; `make` is align.claims.
--
--   > #require "perilune.paper.reading.coverage".claims(require "perilune.align.claims")
--   9
function coverage.claims(make)
  local function at_end(label, name, field, given)
    return make.value(("%s, data on %s of the answers, at the end"):format(name, label),
      function(_, sides)
        return bootstrap.by_repetition(sides(label), function(runs) return runs[1][#runs[1]][field] end)
      end, given)
  end
  local function distance(point) return point.distance end
  local function further(first, second, given)
    given.margin, given.unit = 0.01, "nats"
    return make.at_end(first, second, "distance from the optimum", distance, given)
  end
  return {
    at_end("all", "distance from the optimum", "distance", { expect = "equal", margin = 0.01, unit = "nats",
      paper = "With full support the optimum is reached." }),
    further("half", "all", { by = xu, paper = "Without it, it is not." }),
    further("a quarter", "half", { name = "less support, larger distance" }),
    at_end("all", "win rate over the writer, less 1/2", "over all",
      { paper = "With full support the policy beats the writer." }),
    at_end("a quarter", "win rate over the writer, less 1/2", "over a quarter",
      { name = "the same with data on a quarter of the answers" }),
    make.at_end("online", "a quarter", "win rate over the start", function(point) return point.win end,
      { by = xu, paper = "Online needs no coverage." }),
    at_end("linear, all", "distance from the optimum", "distance", { expect = "equal", margin = 0.01,
      unit = "nats", name = "a linear policy reaches its optimum with full support" }),
    further("linear, a quarter", "linear, all", { name = "a linear policy with a quarter less with all" }),
    make.value("what data on half of the answers cost the table less what they cost the linear policy",
      function(_, sides)
        local pairs_of = frontier.paired(sides "half", sides "all", sides "linear, half", sides "linear, all")
        return bootstrap.by_repetition(pairs_of, function(four)
          local last = {}
          for i = 1, 4 do last[i] = four[i][1][#four[i][1]].distance end
          return (last[1] - last[2]) - (last[3] - last[4])
        end)
      end, { margin = 0.01, unit = "nats" }),
  }
end

return options.strict("paper.reading.coverage", coverage)
