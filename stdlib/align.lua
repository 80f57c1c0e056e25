--- Preference optimisation: one loss, one training loop; only the source of pairs differs between online and offline.
--
--   local online  = align.pairs.online { judge = proxy, prompts = prompts }
--   local offline = align.pairs.offline(dataset)
--   align.train { policy = sft:clone(), reference = sft, pairs = online, loss = align.loss.ipo { beta = 0.1 }, steps = 400 }
local options = require "perilune.options"

local parts = { "answers", "evaluate", "experiment", "fit", "judge", "loss", "pairs", "sft", "train" }

return options.strict("align", {}, parts, function(name) return require("perilune.align." .. name) end)
