--- The processor of this machine, as tables of results name it.
--
-- Many servers say "AMD EPYC" and nothing else, and generations differ twofold in speed, so the name has the
-- generation too.
local options = require "perilune.options"

local processor = {}

-- Generations by vendor, family and models, as Linux prints them in /proc/cpuinfo: AMD's documents of
-- revisions, and arch/x86/include/asm/intel-family.h of Linux.
local generations <const> = {
  AuthenticAMD = {
    { 23, 0, 47, "Zen" }, { 23, 48, 79, "Zen 2" }, { 23, 96, 127, "Zen 2" },
    { 25, 0, 15, "Zen 3" }, { 25, 16, 31, "Zen 4" }, { 25, 32, 95, "Zen 3" }, { 25, 96, 127, "Zen 4" },
    { 25, 160, 175, "Zen 4" }, { 26, 0, 47, "Zen 5" }, { 26, 64, 79, "Zen 5" },
  },
  GenuineIntel = {
    { 6, 85, 85, "Skylake to Cooper Lake" }, { 6, 106, 106, "Ice Lake" }, { 6, 108, 108, "Ice Lake" },
    { 6, 143, 143, "Sapphire Rapids" }, { 6, 207, 207, "Emerald Rapids" }, { 6, 173, 174, "Granite Rapids" },
  },
}

--- The name in a text of the form of /proc/cpuinfo, without marks of trade: what the processor calls itself,
-- and in brackets its generation, or family and model where this module does not know it.
--
--   > local processor = require "perilune.processor"
--   > local text = "vendor_id : AuthenticAMD\ncpu family : 25\nmodel : 17\nmodel name : AMD EPYC\n"
--   > processor.of(text)
--   AMD EPYC (Zen 4)
--   > processor.of "CPU implementer : 0x41\n"
--   unknown processor
function processor.of(text)
  local function field(name) return ("\n" .. text):match("\n" .. name .. "%s*: ([^\n]+)") end
  local name = field "model name"
  if not name then return "unknown processor" end
  name = name:gsub("%(%w+%)", ""):gsub("%s+", " "):gsub(" ?@.*", ""):gsub(" $", "")
  local family, model = tonumber(field "cpu family"), tonumber(field "model")
  if not family or not model then return name end
  for _, known in ipairs(generations[field "vendor_id"] or {}) do
    if family == known[1] and model >= known[2] and model <= known[3] then
      return ("%s (%s)"):format(name, known[4])
    end
  end
  return ("%s (family %d, model %d)"):format(name, family, model)
end

--- The name of this machine's processor.
--
--   > type(require "perilune.processor".name())
--   string
function processor.name()
  local file <close> = io.open "/proc/cpuinfo"
  return file and processor.of(file:read "a") or "unknown processor"
end

return options.strict("processor", processor)
