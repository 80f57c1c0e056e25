--- Preference optimisation: one training loop, in which online and offline differ by the source of batches.
--
--   local online  = align.sources.online { judge = proxy, prompts = prompts }
--   local offline = align.sources.offline(pairs)
--   align.train { policy = sft:clone(), reference = sft, source = online, loss = loss.ipo {}, steps = 99 }
local options = require "perilune.options"

local parts = {
  "batch", "claims", "compare", "desirability", "evaluate", "experiment", "fit", "instruments", "judge",
  "loss", "policy", "power", "runs", "sft", "show", "sources", "train",
}

return options.strict("align", {}, parts, function(name) return require("perilune.align." .. name) end)
