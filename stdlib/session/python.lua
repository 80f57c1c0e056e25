--- What is written here in place of a habit of Python: names, calls, methods, and code that does not compile.
--
--   > python.calls.len
--   the length is #x; a tensor's sizes are x:size()
local python = {}

--- Functions of Python.
python.calls = {
  len = "the length is #x; a tensor's sizes are x:size()",
  range = "count with: for i = 1, n do ... end",
  str = "the text of a value is tostring(x)",
  repr = "the text of a value is tostring(x)",
  int = "a whole number is x // 1 or math.tointeger(x)",
  float = "the number of a text is tonumber(s)",
  bool = "a condition is: not not x",
  list = "a list is { 1, 2, 3 }",
  dict = "a table is { key = value }",
  tuple = "several values are a list { 1, 2, 3 }",
  set = "a set is { [value] = true }",
  enumerate = "positions and values: for i, v in ipairs(t) do ... end",
  zip = "walk by position: for i = 1, #a do local x, y = a[i], b[i] ... end",
  map = "walk with: for i, v in ipairs(t) do ... end",
  filter = "walk with: for i, v in ipairs(t) do if ... end",
  sum = "the sum of a tensor is x:sum()",
  abs = "the absolute value is math.abs(x), of a tensor x:abs()",
  max = "the larger is math.max(a, b), of a tensor x:max()",
  min = "the smaller is math.min(a, b), of a tensor x:min()",
  round = "rounding is math.floor(x + 0.5), of a tensor x:round()",
  sorted = "table.sort(t) sorts a list in place",
  isinstance = "the type is type(x)",
  hasattr = "a field that is missing is nil: x.name ~= nil",
  getattr = "a field by its name is x[name]",
  dir = "help(x) lists what a value has",
  open = "a file is io.open(path)",
  input = "a line typed is io.read()",
  exec = "the code of a text is load(s)()",
  eval = "the value of a text is load('return ' .. s)()",
  Exception = "an error is error(message)",
  ValueError = "an error is error(message)",
}

--- Names of Python and its libraries.
python.names = {
  None = "None is written nil",
  True = "True is written true",
  False = "False is written false",
  np = "tensors are T: T.zeros(2, 3), x:exp(); help \"tensor\" lists the functions",
  torch = "tensors are T: T.zeros(2, 3), x:exp(); help \"tensor\" lists the functions",
  plt = "figures are plot: plot.line { y = { 1, 2 } }; help \"plot\" lists the functions",
  pd = "records are csv.load(path), a list of tables",
  self = "a method with self is: function Class:method() ... end",
}
python.names["try"] = "errors are caught by: ok, result = pcall(f, ...)"
python.names.numpy = python.names.np
python.names.jnp = python.names.np

--- Methods of Python's lists, texts and dictionaries.
python.methods = {
  append = "t[#t + 1] = v, or table.insert(t, v)",
  extend = "table.move(b, 1, #b, #a + 1, a)",
  pop = "table.remove(t) takes the last",
  insert = "table.insert(t, position, v)",
  keys = "for k in pairs(t) do ... end",
  values = "for _, v in pairs(t) do ... end",
  items = "for k, v in pairs(t) do ... end",
  get = "t[key] or default",
  split = "for word in s:gmatch \"%S+\" do ... end",
  join = "table.concat(t, separator)",
  strip = "s:match \"^%s*(.-)%s*$\"",
  startswith = "s:sub(1, #start) == start",
  endswith = "s:sub(-#ending) == ending",
  replace = "s:gsub(old, new)",
  update = "for k, v in pairs(b) do a[k] = v end",
  sort = "table.sort(t)",
  copy = "table.move(t, 1, #t, 1, {})",
}

local list <const> = "a list is written { 1, 2, 3 }"
local several <const> = "a text of several lines is [[ ... ]]"
local caught <const> = python.names["try"]
local negated <const> = "not is written not"
local comment <const> = "a comment begins with --"
local slice <const> = "a slice of a tensor is x[{ { first, last } }]; of a list it is table.move"

--- Code that Lua does not compile: patterns on a line without what is quoted, each with what is written here.
-- The first that fits counts; `%1` is its capture.
python.syntax = {
  { "!=", "not equal is written ~=" },
  { "[%w_%])]%s*//=", "there is no //=: write x = x // y" },
  { "[%w_%])]%s*%*%*=", "there is no **=: write x = x ^ y" },
  { "[%w_%])]%s*([%+%-%*/%%|&%^@])=[^=]", "there is no %1=: write x = x %1 y" },
  { "%+%+%s*$", "there is no ++: write i = i + 1" },
  { "[%w_%])]%s*@%s*[%w_%(]", "a matrix product is x:matmul(y)" },
  { "^%s*@[%w_.]+", "there are no decorators: f = decorate(f)" },
  { "^%s*async%s+def", "a function is: function name(...) ... end" },
  { "^%s*def%s+([%w_]+)", "a function is: function %1(...) ... end" },
  { "^%s*class%s+([%w_]+)", "there are no classes: %1 = {}; %1.__index = %1 holds the methods" },
  { "%f[%w_]lambda%f[^%w_]", "a function without a name is: function(x) return ... end" },
  { "%f[%w_]elif%f[^%w_]", "elif is written elseif ... then" },
  { "^%s*else%s+if%s.*:", "else if is written elseif ... then" },
  { "^%s*else%s*:", "the colon goes: else ... end" },
  { "^%s*from%s+[%w_.]+%s+import", "a module is loaded by: local x = require \"x\"" },
  { "^%s*import%s+([%w_]+)", "a module is loaded by: local %1 = require \"%1\"" },
  { "%f[%w_][fF][\"']", "a text with values is: (\"%s is %d\"):format(name, n)" },
  { "%f[%w_][rRbB][\"']", "a text without escapes is [[ ... ]]" },
  { "\"\"\"", several }, { "'''", several },
  { "^%s*#", comment }, { "[%w_%)%]}\"',;]%s+#", comment }, { "^%s*//", comment },
  { "^%s*for%s+.-%s+in%s+range", "count with: for i = 1, n do ... end" },
  { "^%s*for%s.-%sin%s.*:%s*$", "a loop over a list is: for i, v in ipairs(t) do ... end" },
  { "^%s*for%s.-%sin%s.*:", "a loop over a list is: for i, v in ipairs(t) do ... end" },
  { "^%s*if%s.*:%s*[^:]*$", "a condition is: if ... then ... end" },
  { "^%s*while%s.*:%s*[^:]*$", "a loop is: while ... do ... end" },
  { "^%s*try%s*:?%s*$", caught }, { "^%s*except", caught }, { "^%s*finally%s*:", caught },
  { "^%s*raise%f[^%w_]", "an error is raised by: error(message)" },
  { "^%s*with%s.*:%s*$", "a value that is closed at the end of its block is: local f <close> = ..." },
  { "^%s*pass%s*$", "an empty block needs no pass" },
  { "^%s*del%s+([%w_.]+)", "a name is forgotten by: %1 = nil" },
  { "^%s*global%s", "names are global without a declaration" },
  { "^%s*assert%s+[^(%s]", "assert is a function: assert(condition, message)" },
  { "^%s*print%s+[^(%s\"'{%[]", "print is a function: print(x)" },
  { "%f[%w_]is%s+not%f[^%w_]", "not the same is written ~=" },
  { "%f[%w_]not%s+in%f[^%w_]", "a key that is missing: t[key] == nil" },
  { "%[[^%[%]]*%f[%w_]for%f[^%w_][^%[%]]*%]", "a list is made by a loop: for i = 1, n do t[i] = ... end" },
  { "%f[%w_]if%f[^%w_].*%f[%w_]else%f[^%w_]", "a choice is: condition and a or b" },
  { "%f[%w_]in%f[^%w_]", "a key that is there: t[key] ~= nil" },
  { "%f[%w_]is%f[^%w_]", "the same is written ==" },
  { "%[[%w%s%-]*:[%w%s%-]*[,%]]", slice }, { ",%s*:[%s%w%-]*%]", slice },
  { "^%s*[%w_.]+%s*=%s*%[", list }, { "[%(,=]%s*%[", list }, { "^%s*%[", list },
  { "&&", "and is written and" }, { "||", "or is written or" },
  { "^%s*!%s*[%w_(]", negated }, { "[%(=]%s*!%s*[%w_(]", negated },
  { "{%s*[\"'][^\"']*[\"']%s*:", "a table is written { key = value }" },
  { "%S%s*%?.-:", "a choice is: condition and a or b" },
  { "%*%*", "a power is x ^ y" },
  { "^%s*const%s", "a constant is: local x <const> = 1" },
  { "^%s*let%s", "a local is: local x = 1" }, { "^%s*var%s", "a local is: local x = 1" },
  { "^%s*function%s*[%w_.:]*%s*%b()%s*{", "a block ends with end: function f(x) ... end" },
  { "[%w_%]]%s*:%s*[%w_.%[%]]+%s*=[^=]", "there are no types: local x = 1" },
}

return python
