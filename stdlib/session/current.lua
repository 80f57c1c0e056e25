--- The session of a script, which has no inputs: its names are the globals.
--
-- The prompt and the kernel put their own session in its place.
--
--   > #current.entries, current.lookup "string" == string
--   0	true
local attempt = require "perilune.attempt"

local current = { entries = {}, failed = {}, locals = {}, declared = {}, results = {}, globals = _G }

--- Makes the names in a text ready to be read: nothing to do in a script.
function current.prepare() end

--- A file as a function of its arguments; nil and the reason where it cannot be read.
current.load_file = loadfile

--- The code as a function; an expression gives its values.
--
--   > current.compile("1 + 1")()
--   2
function current.compile(code)
  local f = attempt.load("return " .. code, "=code")
  if f then return f end
  local statements, problem = attempt.load(code, "=code")
  return statements or error(problem, 0)
end

--- The value of a name, or nil.
function current.lookup(name) return rawget(_G, name) end

--- Entries of earlier sessions.
function current.earlier_entries() return {} end

--- Adds an entry.
function current.new_entry(text) current.entries[#current.entries + 1] = text end

return current
