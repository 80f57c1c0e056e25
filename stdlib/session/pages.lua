--- Help and sources at the prompt: `?name` and `??name`.
local commands = require "perilune.session.commands"
local fit = require "perilune.help.fit"
local help = require "perilune.help"
local source = require "perilune.session.source"

local pages = { commands = {} }

local overview = [[
?NAME or NAME?    the page of a function, module, class, loss, option or value
??NAME            the source of a function or module
apropos "WORDS"   the pages that have these words
perilune          help "perilune" lists the parts of the library
_ _1 _2 _3        the last results; a ; at the end shows none
]]

--- The page of a name of the session as a text: that of the library's name, or of the session's value.
--
-- Errors: there is no page and no value of this name.
--
--   > (pages.text(require "perilune.session.current", "align.loss.dpo"):match "^[^\n]*%.")
--   Direct preference optimisation.
function pages.text(session, name)
  if name == "" then return overview .. "\n" .. commands.usage() end
  local command = name:match "^%%(%w+)$"
  if command and commands.by_name[command] then return commands.usage(command) end
  if not name:match "^[%a_][%w_.:]*$" then
    error(("? takes a name, such as ?align.train, not '%s'"):format(name), 0)
  end
  local value = source.resolve(session, name)
  -- A name of the session comes before the page of that name.
  if value ~= nil and session.is_own and session.is_own(name:match "^[%w_]+") then
    return (help.page(value)) or ("%s is a %s: %s"):format(name, type(value), tostring(value))
  end
  local page, why = help.page(name)
  if page then return page end
  if value == nil then error(why, 0) end
  return (help.page(value)) or ("%s is a %s: %s"):format(name, type(value), tostring(value))
end

function pages.commands.help(session, argument) print(fit.wrapped(pages.text(session, argument))) end

function pages.commands.source(session, argument)
  if argument == "" then error("?? takes the name of a function or module: ??align.train", 0) end
  local text, place = source.text(session, argument)
  print(("-- %s\n%s"):format(place, text))
end

return pages
