--- Perilune: a laboratory for online versus offline preference optimisation.
--
-- The table of all parts of the library. A part is loaded when it is first used.
--
--   > local perilune = require "perilune"
--   > type(perilune.align.train)
--   function
local parts = {
  tensor = "tensors: creation, operations, gradients",
  models = "decoders and sampling",
  optim = "optimizers, learning rates, gradient clipping, one step of training",
  formats = "files: JSON lines, tokenizers, safetensors",
  csv = "comma-separated values",
  tasks = "prompts, texts and gold preferences",
  align = "preference optimisation: losses, pairs, judges, training, evaluation",
  plot = "figures in the terminal and as SVG",
  report = "HTML reports",
  help = "help on any function",
  options = "options of functions, declared once",
  cli = "command lines of scripts",
  progress = "progress bars",
  plain = "plain data as JSON without loss",
  parallel = "runs side by side, a process each",
  system = "clock, threads, files, random numbers",
}

-- Short names, as the help pages use them.
local short = {
  T = function(self) return self.tensor end,
  apropos = function(self) return self.help.apropos end,
}

local perilune = { parts = parts, aliases = short }

--- Seeds the random numbers of the tensors and of math.random. Functions with an option `seed` (models,
-- samplers, tasks, sources) are not affected: their default is a fixed seed.
--
--   > local perilune = require "perilune"
--   > perilune.seed(7)
--   > local a, b = perilune.T.rand(2), math.random()
--   > perilune.seed(7)
--   > perilune.T.rand(2):equal(a) and math.random() == b
--   true
function perilune.seed(seed)
  if math.type(seed) ~= "integer" then
    error(("seed: expected a whole number, got %s"):format(tostring(seed)), 2)
  end
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
