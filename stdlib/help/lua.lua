--- Pages of Lua's own functions, a line for each; the manual of Lua 5.4 has the whole.
--
--   > (lua.page "string.rep":match "^[^\n]*")
--   string.rep(s, n [, sep])
local lua = {}

local text <const> = [=[
assert(v [, message])|raises an error with the message if v is false or nil; else returns its arguments
collectgarbage([option])|collects all garbage; "count" gives the kilobytes in use
dofile([file])|runs a file and returns its results; at the prompt it sees the session's names
error(message [, level])|raises an error; level 2 names the place of the caller
getmetatable(v)|the metatable of a value, or nil
ipairs(t)|for i, v in ipairs(t): the elements from 1 to the first nil
load(chunk [, name [, mode [, env]]])|the chunk as a function; nil and the message where it does not compile
loadfile([file [, mode [, env]]])|the file as a function; nil and the message where it does not compile
next(t [, key])|the next key and value of a table; nil after the last
pairs(t)|for k, v in pairs(t): all keys and values, in no order
pcall(f, ...)|true and the results of f(...); false and the error value where it raises one
print(...)|writes its arguments as tostring gives them, with tabs between, and a line end
rawequal(a, b)|a == b without __eq
rawget(t, key)|t[key] without __index
rawlen(v)|#v without __len
rawset(t, key, value)|t[key] = value without __newindex
require(name)|the module of a name, loaded once
select(n, ...)|the arguments from the nth; select("#", ...) is their count
setmetatable(t, meta)|sets the metatable of a table and returns the table
tonumber(v [, base])|the number that a text stands for, or nil
tostring(v)|the text of a value; __tostring says it for a table or object
type(v)|"nil", "number", "string", "boolean", "table", "function", "thread" or "userdata"
warn(message, ...)|emits a warning; warn "@on" shows them
xpcall(f, handler, ...)|pcall with a function of the error value, called where it was raised
coroutine.close(co)|closes a coroutine that does not run, with its variables to be closed
coroutine.create(f)|a coroutine of a function, not yet started
coroutine.isyieldable([co])|whether the coroutine can yield
coroutine.resume(co, ...)|continues a coroutine: true and what it yields or returns, or false and the error
coroutine.running()|the running coroutine, and whether it is the main one
coroutine.status(co)|"running", "suspended", "normal" or "dead"
coroutine.wrap(f)|a function that resumes a coroutine each time it is called
coroutine.yield(...)|stops the running coroutine; its values are the results of resume
debug.getinfo([thread,] f [, what])|what is known of a function: its file, lines, name
debug.traceback([thread,] [message [, level]])|the message with the stack of calls
io.close([file])|closes a file
io.flush()|writes what the output buffers
io.input([file])|sets or gives the default input
io.lines([file, ...])|an iterator over the lines of a file
io.open(file [, mode])|a file of mode "r", "w", "a", "r+", "rb", ...; nil and the reason where it fails
io.output([file])|sets or gives the default output
io.popen(command [, mode])|the output of a command as a file, or with "w" its input
io.read(...)|a line of the input; "n" reads a number, "a" all
io.tmpfile()|a temporary file, removed at the end
io.type(v)|"file", "closed file" or nil
io.write(...)|writes texts and numbers to the output
math.abs(x)|the absolute value
math.acos(x)|the arc cosine in radians
math.asin(x)|the arc sine in radians
math.atan(y [, x])|the arc tangent of y/x in radians
math.ceil(x)|the least integer not below x
math.cos(x)|the cosine of x radians
math.deg(x)|radians as degrees
math.exp(x)|e^x
math.floor(x)|the largest integer not above x
math.fmod(x, y)|the remainder of x/y that rounds the quotient towards zero
math.huge|infinity
math.log(x [, base])|the logarithm; the natural one unless a base is given
math.max(x, ...)|the largest argument
math.maxinteger|the largest integer, 2^63 - 1
math.min(x, ...)|the smallest argument
math.mininteger|the smallest integer, -2^63
math.modf(x)|the integral part and the fraction
math.pi|the number pi
math.rad(x)|degrees as radians
math.random([m [, n]])|a number in [0, 1); an integer from 1 to m, or from m to n
math.randomseed([x [, y]])|seeds math.random; seed(n) seeds the tensors too
math.sin(x)|the sine of x radians
math.sqrt(x)|the square root
math.tan(x)|the tangent of x radians
math.tointeger(x)|the integer equal to x, or nil
math.type(x)|"integer", "float", or nil where x is no number
math.ult(m, n)|m < n as unsigned integers
os.clock()|seconds of processor time that the program used
os.date([format [, time]])|a date as a text or table
os.difftime(t2, t1)|the seconds from t1 to t2
os.execute([command])|runs a command of the shell; true or nil, "exit" or "signal", and the code
os.exit([code [, close]])|ends the program
os.getenv(name)|a variable of the environment, or nil
os.remove(file)|removes a file
os.rename(old, new)|renames a file
os.setlocale([locale [, category]])|sets the locale
os.time([table])|the seconds since 1970, of now or of a date
os.tmpname()|a name for a temporary file
string.byte(s [, i [, j]])|the bytes of the characters i to j
string.char(...)|the text of bytes
string.dump(f [, strip])|a function as binary code
string.find(s, pattern [, init [, plain]])|first and last place of a match, and its captures; or nil
string.format(format, ...)|values in a text: %d %s %q %.3f %5.1f %x
string.gmatch(s, pattern [, init])|for a, b in s:gmatch(pattern): each match or its captures
string.gsub(s, pattern, new [, n])|the text with matches replaced: by a text, t[match] or f(match)
string.len(s)|the bytes of a text, #s
string.lower(s)|the text in small letters
string.match(s, pattern [, init])|the captures of the first match, or the match; nil without one
string.pack(format, ...)|values as binary data
string.packsize(format)|the bytes that string.pack makes
string.rep(s, n [, sep])|the text n times, with sep between
string.reverse(s)|the text backwards
string.sub(s, i [, j])|the bytes from i to j; negatives count from the end
string.unpack(format, s [, pos])|the values of binary data
string.upper(s)|the text in capital letters
table.concat(list [, sep [, i [, j]]])|the elements joined as a text
table.insert(list, [pos,] value)|adds an element at the end or at a position
table.move(a, first, last, to [, b])|copies elements of a into b (a) from position to
table.pack(...)|a table of the arguments, with their count n
table.remove(list [, pos])|removes and returns the last element or that at a position
table.sort(list [, before])|sorts in place; before(a, b) says which comes first
table.unpack(list [, i [, j]])|the elements as several values
utf8.char(...)|the text of code points
utf8.charpattern|the pattern of one character of UTF-8
utf8.codepoint(s [, i [, j [, lax]]])|the code points of a text
utf8.codes(s [, lax])|for p, c in utf8.codes(s): positions and code points
utf8.len(s [, i [, j [, lax]]])|the characters of a text; nil and the place of a byte that is wrong
utf8.offset(s, n [, i])|where the nth character begins
]=]

local pages, order = {}, {}
for line in text:gmatch "[^\n]+" do
  local signature, sentence = line:match "^(.-)|(.*)$"
  local name = signature:match "^[%w_.]+"
  pages[name] = ("%s\n  Lua: %s.\n\n  https://www.lua.org/manual/5.4/manual.html#pdf-%s"):format(
    signature, sentence, name)
  order[#order + 1] = { name = name, summary = sentence }
end

--- The page of one of Lua's functions or libraries by its name; nil for others.
--
--   > (lua.page "table":match "table.concat")
--   table.concat
function lua.page(name)
  if pages[name] then return pages[name] end
  local lines = {}
  for _, entry in ipairs(order) do
    if entry.name:match "^(.-)%." == name then
      lines[#lines + 1] = ("  %-22s  %s"):format(entry.name, entry.summary)
    end
  end
  return #lines > 0 and ("%s, a library of Lua\n%s"):format(name, table.concat(lines, "\n")) or nil
end

--- All functions, { name, summary }, in the order of Lua's manual.
--
--   > lua.list()[1].name
--   assert
function lua.list() return order end

--- The name of one of Lua's functions or libraries by its value; nil for others.
--
--   > lua.name_of(string.rep), lua.name_of(string), lua.name_of(lua)
--   string.rep	string	nil
function lua.name_of(value)
  for _, entry in ipairs(order) do
    local library, member = entry.name:match "^(.-)%.(.*)$"
    local found = library and rawget(_G, library) or rawget(_G, entry.name)
    if library and rawequal(found, value) then return library end
    if library and type(found) == "table" then found = found[member] end
    if rawequal(found, value) then return entry.name end
  end
  return nil
end

return lua
