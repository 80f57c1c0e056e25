--- Who labels the data of a stage: the golden judge with known faults, and how weak a proxy learns from it.
--
-- The faults are of the golden pairs that offline runs and the proxy read, and of the proxy itself where it
-- is the golden judge. Test pairs and win rates are judged by the golden judge without them.
local judges = require "perilune.align.judge"
local models = require "perilune.models"
local options = require "perilune.options"

local annotator = {}

local faults <const> = { "flip_rate", "length_bias", "position_bias", "label_temperature" }

--- The faults of labels, as of `judge.flawed`.
annotator.options = judges.flawed and options.specs["judge.flawed"]:only(faults)

--- The judge with the faults of filled options; the judge itself where there are none. Errors: a
-- label_temperature of a judge without probabilities.
--
--   > local judge = require "perilune.align.judge"
--   > local longer = judge.from_function("longer", function(_, a, b) return #a > #b end)
--   > local none = { flip_rate = 0, length_bias = 0, position_bias = 0, label_temperature = 0 }
--   > annotator.of(longer, none, 1) == longer
--   true
function annotator.of(judge, o, seed)
  local given, has_faults = { seed = seed }, false
  for _, name in ipairs(faults) do
    given[name] = o[name]
    has_faults = has_faults or o[name] ~= 0
  end
  if given.label_temperature > 0 and type(judge.probability) ~= "function" then
    error(("label_temperature: judge %s gives no probabilities; a golden model does: --gold model"):format(
      judge.name), 0)
  end
  return has_faults and judges.flawed(judge, given) or judge
end

--- What the calibration of a judge on pairs is, as the end of a sentence; nothing of a judge that gives no
-- probability.
function annotator.calibration(judge, dataset)
  if type(judge.probability) ~= "function" then return "" end
  local found = judges.calibration(judge, dataset, { bins = 5 })
  local parts = {}
  for _, bin in ipairs(found.bins) do
    if bin.count > 0 then
      parts[#parts + 1] = ("%.0f %% of %d at %.0f to %.0f %%"):format(
        100 * bin.accuracy, bin.count, 100 * bin.from, 100 * bin.to)
    end
  end
  return ("; calibration error %.3f, right by confidence: %s"):format(found.ece, table.concat(parts, ", "))
end

--- The first `count` pairs of a data set; all for 0.
function annotator.first(dataset, count)
  if count == 0 or count >= #dataset then return dataset end
  local few = {}
  for i = 1, count do few[i] = dataset[i] end
  return few
end

--- A model of one layer and this width with the vocabulary and length of another; nil for a width of 0.
function annotator.small(model, dim, seed)
  if dim == 0 then return nil end
  local config = model:config()
  return models.transformer {
    vocab = config.vocab, max_length = config.max_length, dim = dim, layers = 1, heads = 1, seed = seed,
    precision = config.precision,
  }
end

return options.strict("align.experiment.annotator", annotator)
