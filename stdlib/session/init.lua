--- The commands of the prompt as plain functions: times, names, entries, files.
--
-- `%timeit f()` at the prompt is `timeit(f)`, `%who` is `who()`; at the prompt these names need no `require`
-- and no `session.` before them, unless the library has a part of the name, as `run`. A script writes:
--
--   local session = require "perilune.session"
--   print(session.timeit(function() return x:exp() end))
--
-- `%help` lists the commands, which are declared in `perilune.session.commands`.
--
--   > local session = require "perilune.session"
--   > type(session.who), type(session.mem)
--   function	function
local entries = require "perilune.session.entries"
local errors = require "perilune.session.errors"
local files = require "perilune.session.files"
local names = require "perilune.session.names"
local options = require "perilune.options"
local timing = require "perilune.session.timing"

local session = {
  time = timing.time, timeit = timing.timeit, run = files.run, shell = files.shell, who = names.who,
  mem = names.mem, reset = names.reset, hist = entries.hist, save = entries.save, edit = entries.edit,
  tb = errors.traceback,
}

--- Prints the page of a name or value, as `help` does; without one the commands.
--
--   > session.help "no_such_name_at_all"
--   no help on 'no_such_name_at_all'
function session.help(what)
  if what == nil then return print(require "perilune.session.commands".usage()) end
  require "perilune.help"(what)
end

--- The source of what a name stands for as a text, and its place.
--
-- Errors: the name has no value, or one without a source.
--
--   > (session.source "csv.decode":match "function csv[^\n]*")
--   function csv.decode(text, where)
function session.source(name)
  return require "perilune.session.source".text(require "perilune.session.current", name)
end

return options.strict("session", session)
