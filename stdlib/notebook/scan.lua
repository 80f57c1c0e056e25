--- The tokens of a Lua text, so that strings and comments are told from code.
--
--   > local scan = require "perilune.notebook.scan"
--   > local tokens = scan.tokens "local x = [[-- %%]] -- note"
--   > tokens[4].kind, tokens[5].kind
--   string	comment
local options = require "perilune.options"

local scan = {}

local symbols <const> = {
  ["..."] = true, [".."] = true, ["=="] = true, ["~="] = true, ["<="] = true, [">="] = true, ["//"] = true,
  ["::"] = true, ["<<"] = true, [">>"] = true,
}

--- The end of the long bracket that begins at `at`, or nil if there is none.
local function long_bracket_end(text, at)
  local level = text:match("^%[(=*)%[", at)
  if not level then return nil end
  local _, stop = text:find("]" .. level .. "]", at, true)
  return stop or #text
end

local function quoted_end(text, at, quote)
  local from = at + 1
  while true do
    local stop = text:find("[\\\r\n" .. quote .. "]", from)
    if not stop then return #text end
    local mark = text:sub(stop, stop)
    if mark == quote then return stop end
    if mark ~= "\\" then return stop - 1 end
    -- An escaped line end, of one or two characters, and \z, go on in the next line.
    from = text:match("^\\z%s*()", stop) or text:match("^\\\r\n()", stop) or text:match("^\\\n\r()", stop)
      or stop + 2
  end
end

local function number_end(text, at)
  local exponent = text:match("^0[xX]", at) and "[pP]" or "[eE]"
  local stop = select(2, text:find("^[%w.]+", at))
  while text:sub(stop, stop):match(exponent) and text:match("^[+-]%d", stop + 1) do
    stop = select(2, text:find("^[+-][%w.]+", stop + 1))
  end
  return stop
end

--- The end of the line that `at` is in, before its "\n" or "\r": Lua takes either for a line end.
local function line_end(text, at) return (text:find("[\r\n]", at) or #text + 1) - 1 end

--- The tokens in order: tables with `kind` ("word", "number", "string", "symbol", "comment"), the positions
-- `from` and `to`, and the `text` of words and symbols. A first line that begins with # is a comment.
function scan.tokens(text)
  local tokens, at = {}, text:match "^\u{FEFF}()" or 1
  local function add(kind, stop)
    local known = (kind == "word" or kind == "symbol") and text:sub(at, stop) or nil
    tokens[#tokens + 1] = { kind = kind, from = at, to = stop, text = known }
    at = stop + 1
  end
  -- The loader of files drops this line up to its "\n".
  if text:sub(at, at) == "#" then add("comment", (text:find("\n", at, true) or #text + 1) - 1) end
  while true do
    at = text:find("[^%s]", at)
    if not at then return tokens end
    local first = text:sub(at, at)
    if first == "-" and text:sub(at + 1, at + 1) == "-" then
      add("comment", long_bracket_end(text, at + 2) or line_end(text, at))
    elseif first:match "[%a_]" then
      add("word", select(2, text:find("^[%w_]+", at)))
    elseif first:match "%d" or first == "." and text:match("^%.%d", at) then
      add("number", number_end(text, at))
    elseif first == '"' or first == "'" then
      add("string", quoted_end(text, at, first))
    elseif first == "[" and text:match("^%[=*%[", at) then
      add("string", long_bracket_end(text, at))
    else
      local length = symbols[text:sub(at, at + 2)] and 3 or symbols[text:sub(at, at + 1)] and 2 or 1
      add("symbol", at + length - 1)
    end
  end
end

--- The text without its comments, and with one blank for each space outside of strings: two texts that have
-- the same are the same program. Only what can begin a string or a comment is looked at: it takes less than a
-- third of the time of scan.tokens.
--
--   > scan.code "-- one\nx  =  ' a -- b' -- two\nreturn x"
--   x = ' a -- b' return x
function scan.code(text)
  local parts, code, from = {}, {}, text:match "^\u{FEFF}()" or 1
  if text:sub(from, from) == "#" then from = text:find("\n", from, true) or #text + 1 end
  local function add_code()
    parts[#parts + 1] = table.concat(code):gsub("%s+", " ")
    code = {}
  end
  local at = text:find("[-%[\"']", from)
  while at do
    local first, stop = text:sub(at, at), nil
    local is_comment = text:sub(at, at + 1) == "--"
    if is_comment then
      stop = long_bracket_end(text, at + 2) or line_end(text, at)
    elseif first == "[" then
      stop = long_bracket_end(text, at)
    elseif first ~= "-" then
      stop = quoted_end(text, at, first)
    end
    if stop then
      code[#code + 1] = text:sub(from, at - 1)
      if is_comment then
        code[#code + 1] = " "
      else
        add_code()
        parts[#parts + 1] = text:sub(at, stop)
      end
      from = stop + 1
    end
    at = text:find("[-%[\"']", (stop or at) + 1)
  end
  code[#code + 1] = text:sub(from)
  add_code()
  return (table.concat(parts):gsub("^ ", ""):gsub(" $", ""))
end

local opening <const> = { ["function"] = 1, ["do"] = 1, ["if"] = 1, ["repeat"] = 1 }
local closing <const> = { ["end"] = true, ["until"] = true }
local open_bracket <const> = { ["("] = true, ["["] = true, ["{"] = true }
local close_bracket <const> = { [")"] = true, ["]"] = true, ["}"] = true }

--- How much deeper the code is after a token: 1, 0 or -1, for blocks and brackets alike.
--
--   > scan.step { kind = "word", text = "function" }
--   1
function scan.step(token)
  local text = token.text
  if not text then return 0 end
  if token.kind == "word" then return closing[text] and -1 or opening[text] or 0 end
  return open_bracket[text] and 1 or close_bracket[text] and -1 or 0
end

return options.strict("notebook.scan", scan)
