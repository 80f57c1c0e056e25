--- How well a judge's probabilities agree with labels: calibration, and accuracy by confidence.
--
--   judge.calibration(proxy, held_out, { bins = 10 })
--
-- The confidence of a judge in its answer is max(p, 1 - p) of its probability p. Pairs are put into `bins`
-- equal parts of [1/2, 1] by it. The result has
--
--   count, accuracy   number of pairs; share that it orders as they are, a tie counts 1/2
--   bins              list of { from, to, count, confidence, accuracy }, the means of a bin; nil where empty
--   ece               expected calibration error: sum over bins of count / n |accuracy - confidence|
--   brier             mean of (1 - p)^2, p = the probability that the chosen response is better
--   log_loss          mean of -log p
--
-- Printed it is a table. Guo et al. 2017, arXiv:1706.04599, eq. 3. Errors: the judge has no probability, was
-- trained on a pair (see `seen`), or there are no pairs.
--
--   > local sure = { name = "sure", prefer = function() return { 1 } end,
--   >>   probability = function() return { 0.9 } end }
--   > local c = calibration(sure, { { prompt = { 1 }, chosen = { 2 }, rejected = { 3 } } })
--   > c.ece, c.brier
--   0.1	0.01
--   > c.log_loss
--   0.105
--   > calibration(function() return 1 end, { { prompt = { 1 }, chosen = { 2 }, rejected = { 3 } } })
--   judge function: it gives no probability
local batches = require "perilune.align.batch"
local judges = require "perilune.align.judge"
local options = require "perilune.options"
local provenance = require "perilune.align.provenance"
local text_table = require "perilune.align.evaluate.text_table"

local spec = options.spec("judge.calibration", {
  { "bins", 10, "parts of the range of confidences, 1/2 to 1", least = 1 },
  provenance.options,
})

local Calibration = {}
Calibration.__index = Calibration

function Calibration:__tostring()
  local rows = {}
  for _, bin in ipairs(self.bins) do
    rows[#rows + 1] = {
      ("%.2f to %.2f"):format(bin.from, bin.to), ("%d"):format(bin.count),
      bin.confidence and ("%.3f"):format(bin.confidence) or "",
      bin.accuracy and ("%.3f"):format(bin.accuracy) or "",
    }
  end
  return ("%s: %d pairs, accuracy %.3f, calibration error %.3f, Brier %.3f, log loss %.3f\n%s"):format(
    self.name, self.count, self.accuracy, self.ece, self.brier, self.log_loss,
    text_table({ "confidence", "pairs", "mean", "accuracy" }, rows))
end

--- 1, 1/2 or 0: whether the judge orders a pair as it is.
local function is_right(p) return p > 0.5 and 1 or p == 0.5 and 0.5 or 0 end

return function(given_judge, dataset, given)
  local o, judge = spec:fill(given), judges.as_judge(given_judge)
  local batch = batches.of_pairs(dataset, "judge.calibration")
  if #batch == 0 then error("judge.calibration: no pairs", 2) end
  batch = provenance.unseen(judge, batch, o.seen, "judge.calibration")
  local n, places = #batch, { {}, {} }
  for i = 1, n do places[1][i], places[2][i] = i, n + i end
  local found = judges.probability(judge, batch.rows:select(places[1]), batch.rows:select(places[2]))
  local result = {
    name = tostring(judge.name), count = n, accuracy = 0, ece = 0, brier = 0, log_loss = 0, bins = {},
  }
  for b = 1, o.bins do
    result.bins[b] = { from = 0.5 + (b - 1) / (2 * o.bins), to = 0.5 + b / (2 * o.bins), count = 0, sum = 0,
      right = 0 }
  end
  for _, p in ipairs(found) do
    local confidence = math.max(p, 1 - p)
    local bin = result.bins[math.min(o.bins, 1 + math.floor((confidence - 0.5) * 2 * o.bins))]
    bin.count, bin.sum, bin.right = bin.count + 1, bin.sum + confidence, bin.right + is_right(p)
    result.accuracy = result.accuracy + is_right(p) / n
    result.brier, result.log_loss = result.brier + (1 - p) ^ 2 / n, result.log_loss - math.log(p) / n
  end
  for _, bin in ipairs(result.bins) do
    result.ece = result.ece + math.abs(bin.right - bin.sum) / n
    if bin.count > 0 then bin.confidence, bin.accuracy = bin.sum / bin.count, bin.right / bin.count end
    bin.sum, bin.right = nil, nil
  end
  return setmetatable(result, Calibration)
end
