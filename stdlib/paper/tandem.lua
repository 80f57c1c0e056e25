--- The stream of an online run trained on offline, exactly and with a small mistake, for `appF_tandem`.
--
-- Tang et al. 2024, arXiv:2405.08448, app. F: what differs is one batch, or the tokens of the same text.
local opened = require "perilune.align.experiment.opened"
local options = require "perilune.options"
local segments = require "perilune.paper.segments"
local sources = require "perilune.align.sources"

local tandem = {}

--- The labels of the runs that differ from the online run by a small mistake.
tandem.missing, tandem.other_tokens = "one batch missing", "the same text in other tokens"

--- The stream without one batch, that of a tenth of the run; the last one is seen twice, so that the number
-- of steps stays.
--
--   > local tandem = require "perilune.paper.tandem"
--   > table.concat(tandem.without_one { 1, 2, 3, 4 }, " ")
--   2 3 4 4
function tandem.without_one(stream)
  local left, out = {}, math.max(1, #stream // 10)
  for i, batch in ipairs(stream) do
    if i ~= out then left[#left + 1] = batch end
  end
  left[#left + 1] = stream[#stream]
  return left
end

--- Whether the tokenizer of the task of the options has several sequences of tokens for a text.
--
--   > tandem.has_other_tokens { task = "arena", data = "", model = "", cost = -1, small = true }
--   false
function tandem.has_other_tokens(o) return segments.are_several(opened.task(o).tokenizer) end

--- Online, its stream in order, the stream without a batch, and the same texts in other tokens where the
-- tokenizer of the task has several sequences for a text. `make` is that of `paper.variants`, `o` the
-- options.
--
--   > local o = { task = "arena", data = "", model = "", cost = -1, small = true }
--   > o.loss, o.lr, o.beta, o.steps = "ipo", "", "", 0
--   > #tandem.variants(require "perilune.paper.variants".of(o), o)
--   3
function tandem.variants(make, o)
  local in_order = make.replay(1)
  function in_order.check(trained, done)
    assert(trained.policy:hash() == done.online.policy:hash(),
      "the stream in order must give the online run bit for bit")
  end
  local function replayed(label, changed)
    return make.of(label, function(stage, run)
      return sources.replay(changed(run.done.online.stream, stage.task))
    end, { from = "online", shared = true })
  end
  local list = { make.online(), in_order, replayed(tandem.missing, tandem.without_one) }
  if tandem.has_other_tokens(o) then
    list[4] = replayed(tandem.other_tokens, function(stream, task)
      return segments.stream(stream, segments.splitter(task.tokenizer, task.stop), task.max_response)
    end)
  end
  return list
end

return options.strict("paper.tandem", tandem)
