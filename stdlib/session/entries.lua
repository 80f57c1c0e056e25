--- The entries of the session: `hist` lists them, `save` writes them, `edit` changes one and runs it.
local attempt = require "perilune.attempt"
local options = require "perilune.options"
local reader = require "perilune.help.source"
local system = require "perilune.system"

local entries = { commands = {} }

local function current() return require "perilune.session.current" end

--- The numbers that a text of ranges means: "3-7 9", "12-" to the last.
--
--   > table.concat(entries.numbers("2-4 1 9-", 10), " ")
--   2 3 4 1 9 10
--   > entries.numbers("11", 10)
--   there is no entry 11: the entries are 1 to 10
function entries.numbers(text, last)
  local numbers = {}
  for word in text:gmatch "[^%s,]+" do
    local first, dash, stop = word:match "^(%d+)(%-?)(%d*)$"
    if not first then error(("expected entries such as 3-7 or 9, got '%s'"):format(word), 0) end
    first = math.tointeger(first)
    stop = dash == "" and first or stop == "" and last or math.tointeger(stop)
    for _, i in ipairs { first, stop } do
      if i < 1 or i > last then
        error(("there is no entry %d: the entries are 1 to %d"):format(i, last), 0)
      end
    end
    for i = first, stop do numbers[#numbers + 1] = i end
  end
  return numbers
end

local History = { __name = "History" }
History.__index = History

function History:__tostring()
  if #self == 0 then return "no entries" end
  local width, lines = #tostring(self[#self].number or 0), {}
  for i, one in ipairs(self) do
    local number = one.number and ("%" .. width .. "d"):format(one.number) or (" "):rep(width - 1) .. "-"
    local indent = self.is_numbered and (" "):rep(width + 2) or ""
    local text = one.text:gsub("\n", "\n" .. indent)
    lines[i] = self.is_numbered and number .. "  " .. text or text
  end
  return table.concat(lines, "\n")
end

local spec = options.spec("session.hist", {
  { "numbered", true, "the text of the result begins each entry with its number" },
  { "last", options.optional("integer", 1), "this many entries at the end only" },
  { "range", options.optional "string", "entries by number, such as \"3-7 9\"" },
  { "search", options.optional "string", "entries with this text, in any case; earlier sessions too" },
})

--- The entries of the session as a list of { number, text }, whose text has them all. With `search` those of
-- earlier sessions come first, without a number.
--
-- Errors: `range` has a number that no entry has.
--
--   > #require("perilune.session").hist { search = "learning_rate" }
--   0
function entries.hist(given)
  local o = spec:fill(given)
  local session = current()
  local found = setmetatable({ is_numbered = o.numbered }, History)
  local function add(text, number)
    if not o.search or text:lower():find(o.search:lower(), 1, true) then
      found[#found + 1] = { number = number, text = text }
    end
  end
  if o.search then
    for _, text in ipairs(session.earlier_entries()) do add(text) end
  end
  if o.range then
    for _, i in ipairs(entries.numbers(o.range, #session.entries)) do add(session.entries[i], i) end
  else
    for i, text in ipairs(session.entries) do add(text, i) end
  end
  for _ = 1, o.last and #found - o.last or 0 do table.remove(found, 1) end
  return found
end

function entries.commands.hist(_, argument)
  local given, words = { numbered = false }, {}
  local count
  argument = argument:gsub("%-l%s*(%d+)", function(number)
    count = number
    return ""
  end)
  given.last = count and math.tointeger(count)
  for word in argument:gmatch "%S+" do
    if word == "-n" then
      given.numbered = true
    elseif word ~= "-g" then
      words[#words + 1] = word
    end
  end
  local rest = table.concat(words, " ")
  if rest:find "^%d[%d%-, ]*$" then given.range = rest elseif rest ~= "" then given.search = rest end
  print(entries.hist(given))
end

-- Commands are no Lua, and an entry that failed may not even compile: a file has them as comments. An
-- expression is printed, as the prompt shows it.
local function as_lua(text, has_failed)
  if has_failed then return "-- failed: " .. text:gsub("\n", "\n--         ") end
  local value = text:gsub("^%s*=", "")
  if not attempt.load(text, "=entry") and attempt.load("return " .. value, "=entry") then
    value = value:gsub("[%s;]+$", "")
    return ("print(%s%s)"):format(value, value:find("--", 1, true) and "\n" or "")
  end
  return (text:gsub("[^\n]+", function(line)
    return (line:find "^%s*[%%?!$]" or line:find "^[%w_.:]+%s*%?+%s*$") and "-- " .. line or nil
  end))
end

local save_spec = options.spec("session.save", {
  { "replace", false, "replace a file that is there" },
  { "append", false, "add to a file that is there" },
})

--- Writes entries to a file, all or those of `range` ("3-7 9"); `.lua` is added to a name without an ending.
-- Commands and entries that failed become comments, expressions a call of print. Returns the path and the
-- number of entries.
--
-- Errors: the file is there already; `range` has a number that no entry has; the file cannot be written.
--
--   > require("perilune.session").save(os.tmpname(), "1-2", { replace = true })
--   there is no entry 1: the entries are 1 to 0
function entries.save(path, range, given)
  if type(path) ~= "string" or path == "" then
    error(("save: expected the path of a file, got %s"):format(options.show(path)), 2)
  end
  local o = save_spec:fill(given)
  if not path:match "[^/]*$":find "%." then path = path .. ".lua" end
  local session, texts = current(), {}
  local last = #session.entries
  local numbers = entries.numbers(range and range ~= "" and range or last > 0 and "1-" or "", last)
  for i, number in ipairs(numbers) do
    texts[i] = as_lua(session.entries[number], session.failed[number]) .. "\n"
  end
  local before = ""
  if system.exists(path) and not o.replace then
    if not o.append then
      error(("save: %s is there already; -f (replace = true) replaces it, -a (append = true) adds to it")
        :format(path), 0)
    end
    before = reader.read(path) or ""
  end
  system.write_file(path, before .. table.concat(texts))
  return path, #texts
end

function entries.commands.save(_, argument)
  local given = {}
  while true do
    local letter, rest = argument:match "^%-([fa])%s+(.*)$"
    if not letter then break end
    given[letter == "f" and "replace" or "append"] = true
    argument = rest
  end
  local path, range = argument:match "^(%S+)%s*(.*)$"
  if not path then error("%save needs a file: %save experiment.lua 3-7", 0) end
  local written, count = entries.save(path, range, given)
  print(("%d entr%s to %s"):format(count, count == 1 and "y" or "ies", written))
end

-- The text that is edited: an entry by its number, the source of a function by its name, the last entry.
local function text_to_edit(what)
  local session = current()
  local number = tonumber(what)
  if number then
    local text = session.entries[number]
    return text or error(("there is no entry %s: the entries are 1 to %d"):format(what, #session.entries), 0)
  end
  if what then return (require "perilune.session.source".text(session, what)) end
  for i = #session.entries, 1, -1 do
    local text = session.entries[i]
    if not text:find "^%s*[%%?!$]" and not text:find "%?%s*$" then return text end
  end
  return ""
end

--- Opens the editor ($VISUAL, $EDITOR or vi) on an entry, the source of a function, or the last entry, and
-- gives what was saved. `%edit` then runs it as a new entry.
--
-- Errors: there is no such entry or function; the editor ends with an error.
--
--   > require("perilune.session").edit(7)
--   there is no entry 7: the entries are 1 to 0
function entries.edit(what)
  local text = text_to_edit(what)
  local path = os.tmpname()
  local lua_path = path .. ".lua"
  local _ <close> = setmetatable({}, { __close = function()
    os.remove(path)
    os.remove(lua_path)
  end })
  system.write_file(lua_path, text:find "\n$" and text or text .. "\n")
  local editor = os.getenv "VISUAL" or os.getenv "EDITOR" or "vi"
  io.stdout:flush()
  local ok, kind, code = os.execute(editor .. " " .. require "perilune.sweep.command".quoted(lua_path))
  if not ok then
    error(("edit: %s ended with %s %s; nothing is run ($VISUAL or $EDITOR names the editor)"):format(
      editor, kind, code), 0)
  end
  return ((reader.read(lua_path) or ""):gsub("%s+$", ""))
end

function entries.commands.edit(session, argument)
  local text = entries.edit(argument ~= "" and argument or nil)
  if text == "" then return nil end
  print(text)
  session.new_entry(text)
  return text
end

return entries
