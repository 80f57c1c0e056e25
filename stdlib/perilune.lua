--- Perilune: a laboratory for online versus offline preference optimisation.
--
-- The table of everything a script can use; each part is loaded when it is first named.
--
--   > local perilune = require "perilune"
--   > type(perilune.align.train)
--   function
local parts = {
  tensor = "tensors: creation, operations, gradients",
  models = "decoders and sampling",
  optim = "optimizers, learning rates, gradient clipping, one step of training",
  formats = "files: JSON lines, tokenizers, safetensors",
  tasks = "prompts, text and gold preferences",
  align = "preference optimisation: losses, pairs, judges, training, evaluation",
  plot = "figures in the terminal and as SVG",
  report = "HTML reports",
  help = "help on any function",
  options = "tables of options that refuse unknown names",
  cli = "command lines of scripts",
  progress = "progress bars",
  plain = "plain data as JSON without loss",
  parallel = "functions side by side, a core each",
  system = "clock, seeds, threads, files",
}

-- Short names, as the help pages write them.
local short = {
  T = function(self) return self.tensor end,
  apropos = function(self) return self.help.apropos end,
}

local perilune = { parts = parts, aliases = short }

--- Starts every stream of random numbers that has no seed of its own anew: that of the tensors and math.random. What takes
-- a seed (models, samplers, tasks, sources of pairs) has a fixed one unless told otherwise, and is not touched.
--
--   > local perilune = require "perilune"
--   > perilune.seed(7)
--   > local a, b = perilune.T.rand(2), math.random()
--   > perilune.seed(7)
--   > perilune.T.rand(2):equal(a) and math.random() == b
--   true
function perilune.seed(seed)
  if math.type(seed) ~= "integer" then error(("seed: expected a whole number, got %s"):format(tostring(seed)), 2) end
  perilune.T.manual_seed(seed)
  math.randomseed(seed)
end

return setmetatable(perilune, {
  __index = function(self, name)
    if short[name] then return short[name](self) end
    if not parts[name] then return nil end
    local part = require("perilune." .. name)
    rawset(self, name, part)
    return part
  end,
})
