--- Perilune: a laboratory for online versus offline preference optimisation.
--
-- The table of the library's parts: `perilune.align` is `require "perilune.align"`, loaded when first read.
-- Parts are the native modules and the modules of this folder; `help "perilune"` lists them.
--
--   > local perilune = require "perilune"
--   > type(perilune.align.train)
--   function
local folder = require "perilune.folder"

local parts = {}
for _, name in ipairs(folder.modules()) do
  if name ~= "perilune" then parts[name] = true end
end
for path in pairs(package.preload) do
  local name = path:match "^perilune%.native%.([%w_]+)$"
  if name then parts[name] = true end
end

-- Short names, as the help pages write them.
local short = {
  T = function(self) return self.tensor end,
  apropos = function(self) return self.help.apropos end,
  show = function(self) return self.align.show end,
}

local perilune = { parts = parts, aliases = short }

--- Seeds the default streams of random numbers: that of tensors and math.random.
--
-- Functions with an option `seed` (models, samplers, tasks, sources) do not use these streams.
--
--   > local perilune = require "perilune"
--   > perilune.seed(7)
--   > local a, b = perilune.T.rand(2), math.random()
--   > perilune.seed(7)
--   > perilune.T.rand(2):equal(a) and math.random() == b
--   true
function perilune.seed(seed)
  if math.type(seed) ~= "integer" then
    error(("seed: expected a whole number, got %s"):format(require("perilune.options").show(seed)), 2)
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
