--- Preference optimisation: one loss, one training loop; only the source of pairs differs between online and offline.
--
--   local online  = align.pairs.online { judge = proxy, prompts = prompts }
--   local offline = align.pairs.offline(dataset)
--   align.train { policy = sft:clone(), reference = sft, pairs = online, loss = align.loss.ipo { beta = 0.1 }, steps = 400 }
local parts = {
  answers = true, evaluate = true, frontier = true, judge = true, loss = true, measure = true, metrics = true, pairs = true,
  report = true, sft = true, train = true,
}

return setmetatable({}, {
  __index = function(self, name)
    if not parts[name] then return nil end
    local part = require("perilune.align." .. name)
    rawset(self, name, part)
    return part
  end,
})
