--- Definitions for editors (LuaCATS): names, arguments, types of options, and the sentences of help.
--
-- `perilune --definitions DIR` writes a file for each module, which lua-language-server and other editors
-- read when the folder is in their library of workspaces. They complete scripts with it, and warn of names,
-- fields and options that there are not.
--
--   > local folder = os.tmpname() .. ".d"
--   > definitions.write(folder, { quiet = true }) > 100
--   true
--   > io.open(folder .. "/perilune/csv.lua"):read "l"
--   ---@meta perilune.csv
local book = require "perilune.help.book"
local options = require "perilune.options"
local system = require "perilune.system"

local definitions = {}

local keywords = {}
for word in require "perilune.display.keywords":gmatch "%a+" do keywords[word] = true end

-- The types of the pages, in the words of LuaCATS.
local types <const> = {
  ["Tensor"] = "Tensor", ["Tensor or nil"] = "Tensor", ["Tensor or number"] = "Tensor|number",
  ["Tensor, number or nil"] = "Tensor|number", ["list of Tensors"] = "Tensor[]", ["whole number"] = "integer",
  ["number"] = "number", ["boolean"] = "boolean", ["dimension from 1"] = "integer",
  ["list of dimensions"] = "integer|integer[]", ["position from 1"] = "integer",
  ["sizes"] = "integer|integer[]", ["list of whole numbers"] = "integer[]", ["string"] = "string",
  ["a string"] = "string", ["a number"] = "number", ["a whole number"] = "integer",
  ["true or false"] = "boolean", ["a table"] = "table", ["a function"] = "function", ["a value"] = "any",
  ["a Tensor"] = "Tensor", ["a boolean"] = "boolean",
}

local function choices_of(list)
  local quoted = {}
  for i, choice in ipairs(list) do quoted[i] = ("%q"):format(choice) end
  return table.concat(quoted, "|")
end

-- The type that a page's words mean; any where they are not known.
local function type_of(text)
  if types[text] then return types[text] end
  if text:find '^"' then return (text:gsub('" or "', '"|"'):gsub('", "', '"|"')) end
  local parts = {}
  for part in (text:gsub(" or ", "|") .. "|"):gmatch "(.-)|" do
    local bare = part:gsub("^an? ", "")
    local base = types[part] or types[bare] or (part:match "^a whole number" and "integer")
      or (part:match "^a number" and "number") or (part:match "^a list" and "table")
    if not base then return "any" end
    parts[#parts + 1] = base
  end
  return table.concat(parts, "|")
end

local function option_type(option)
  if option.choices then return choices_of(option.choices) end
  if option.lua_type then return option.lua_type end
  return type_of(option.type)
end

-- Lines of a comment of three dashes.
local function comment(text)
  return "---" .. text:gsub("\n", "\n---") .. "\n"
end

-- The names of the parameters of a signature: "x:sum(dim = nil, keepdim = false)" has dim and keepdim. One
-- with a `default` may be left out.
local function parameters_of(signature)
  local list, known = {}, {}
  local inside = signature:match "%((.*)%)" or ""
  inside = inside:gsub("%b{}", "options"):gsub("%b[]", function(text) return text:sub(2, -2) end)
  for piece in (inside .. ","):gmatch "%s*(.-)%s*," do
    local name = piece:find "^%.%.%." and "..." or piece:match "^[%a_][%w_]*"
    if name and keywords[name] then name = name .. "_" end
    if name and not known[name] then
      list[#list + 1] = { name = name, default = piece:match "=%s*(.*)$" }
      known[name] = true
    end
  end
  for i, one in ipairs(list) do
    if one.name == "..." then return table.move(list, 1, i, 1, {}) end
  end
  return list
end

-- The class of a function's options, or nil without any.
local function options_class(page)
  if #page.options == 0 then return nil, "" end
  local class = "perilune." .. page.name:gsub(":", ".") .. ".options"
  local lines = { ("---@class %s\n"):format(class) }
  for _, option in ipairs(page.options) do
    local mark = option.required and "" or "?"
    local about = option.sentence .. (option.required and "" or "; default " .. option.default)
    lines[#lines + 1] = ("---@field %s%s %s %s\n"):format(
      option.name, mark, option_type(option), (about:gsub("\n", " ")))
  end
  return class, table.concat(lines) .. "\n"
end

local function returned(page)
  local first = page.title:match "%-> ?(.*)$"
  for _, fact in ipairs(page.facts) do
    if fact.name == "shapes" and not first then return "Tensor" end
  end
  return "any"
end

-- The definition of a function under the name `target`, such as `csv.decode` or `Model:sample`.
local function definition(page, target)
  local class, before = options_class(page)
  local about = {}
  for _, parameter in ipairs(page.parameters) do about[parameter.name] = parameter.text end
  local text = page.is_native and page.summary or page.text
  local names, lines = {}, { before, comment(text) }
  local list = parameters_of(page.title)
  if #list == 0 and class then list = { { name = "options" } } end
  for i, one in ipairs(list) do
    names[i] = one.name
    local sentence, words = (about[one.name] or ""):match "^(.*) %((.-)%)$"
    local is_options = class and (i == #list or one.name == "options" or one.name == "given")
    local kind = is_options and class or words and type_of(words) or "any"
    -- A function of the library takes a table of options that may be left out; natives check their own.
    local mark = (one.default or is_options or not words) and "?" or ""
    if one.name == "..." then
      lines[#lines + 1] = "---@param ... any\n"
    else
      lines[#lines + 1] = ("---@param %s%s %s %s\n"):format(one.name, mark, kind, sentence or "")
    end
  end
  lines[#lines + 1] = ("---@return %s\n"):format(returned(page))
  lines[#lines + 1] = ("function %s(%s) end\n\n"):format(target, table.concat(names, ", "))
  return (table.concat(lines):gsub(" +\n", "\n"))
end

-- The definitions of a module of the Lua library.
local function module_text(chapter)
  local id = chapter.id == "perilune" and "perilune" or "perilune." .. chapter.id
  local base = chapter.id:match "[^.]+$"
  local value = package.loaded[id]
  local out = { ("---@meta %s\n\n"):format(id) }
  local function add(text) out[#out + 1] = text end
  local is_function = type(value) == "function"
  if is_function then
    local own = chapter.own
    local title = own.text:match("\n(" .. chapter.id:gsub("%p", "%%%0") .. "%b())") or base .. "(...)"
    local page = setmetatable({ title = title }, { __index = own })
    add((definition(page, base):gsub("\nfunction ([^\n]*)$", "\nlocal function %1"):gsub("function " .. base,
      "local function " .. base)))
    add(("return %s\n"):format(base))
    return table.concat(out)
  end
  add(comment(chapter.text))
  add(("---@class %s\n"):format(id))
  for _, module in ipairs(chapter.modules) do
    if type(package.loaded["perilune." .. module.id]) ~= "function" then
      add(("---@field %s perilune.%s\n"):format(module.id:match "[^.]+$", module.id))
    else
      local class = module.own and options_class(module.own)
      add(("---@field %s fun(%s): any\n"):format(
        module.id:match "[^.]+$", class and "given?: " .. class or "..."))
    end
  end
  if chapter.id == "perilune" then
    add "---@field T perilune.tensor\n---@field apropos fun(words: string)\n"
    local in_lua, of_native = {}, {}
    for _, module in ipairs(chapter.modules) do in_lua[module.id] = true end
    for path in pairs(package.preload) do
      local name = path:match "^perilune%.native%.([%w_]+)$"
      if name and not in_lua[name] then of_native[#of_native + 1] = name end
    end
    table.sort(of_native)
    for _, name in ipairs(of_native) do add(("---@field %s perilune.%s\n"):format(name, name)) end
  end
  -- What the module has without a page of its own: values, and functions of other modules.
  local documented = {}
  for _, page in ipairs(chapter.pages) do documented[page.name:match "[^.:]+$"] = true end
  for _, module in ipairs(chapter.modules) do documented[module.id:match "[^.]+$"] = true end
  local fields = {}
  for key, member in next, type(value) == "table" and value or {} do
    if type(key) == "string" and key:find "^[%a][%w_]*$" and not documented[key] and not keywords[key] then
      local kind = type(member) == "function" and "fun(...): any" or type(member) == "table" and "table"
        or type(member) == "userdata" and "any" or math.type(member) or type(member)
      fields[#fields + 1] = ("---@field %s %s\n"):format(key, kind == "float" and "number" or kind)
    end
  end
  table.sort(fields)
  add(table.concat(fields))
  local meta = type(value) == "table" and getmetatable(value)
  if type(meta) == "table" and rawget(meta, "__call") then add "---@overload fun(...): any\n" end
  add(("local %s = {}\n\n"):format(base))
  local classes = {}
  for _, page in ipairs(chapter.pages) do
    local class, member = page.name:match "([%w_]+)[:]([%w_]+)$"
    if not class then class, member = page.name:match "%.(%u[%w_]*)%.([%w_]+)$" end
    if class and member then
      if not classes[class] then
        classes[class] = true
        add(("---@class %s.%s\nlocal %s = {}\n\n"):format(id, class, class))
      end
      add(definition(page, class .. (page.name:find ":" and ":" or ".") .. member))
    else
      local name = page.name:match "[^.:]+$"
      if not keywords[name] then add(definition(page, base .. "." .. name)) end
    end
  end
  add(("return %s\n"):format(base))
  return table.concat(out)
end

local operators <const> = [[
---@operator add(Tensor|number): Tensor
---@operator sub(Tensor|number): Tensor
---@operator mul(Tensor|number): Tensor
---@operator div(Tensor|number): Tensor
---@operator pow(Tensor|number): Tensor
---@operator mod(Tensor|number): Tensor
---@operator idiv(Tensor|number): Tensor
---@operator unm: Tensor
---@operator len: integer
---@field [integer] any
---@field [table] Tensor
]]

-- Native modules and classes by name, each with the lines of its definitions.
local function native_texts(chapters)
  local modules, classes = {}, { Tensor = {} }
  local function add(to, name, text)
    to[name] = to[name] or {}
    table.insert(to[name], text)
  end
  local tensor_methods = getmetatable(require "perilune.tensor".zeros(0)).__methods
  for _, chapter in ipairs(chapters) do
    for _, page in ipairs(chapter.is_native and chapter.pages or {}) do
      local class, method = page.name:match "^(%u[%w_]*):([%w_]+)$"
      local module, member = page.name:match "^([%l_.]+)%.([%w_]+)$"
      if class then
        add(classes, class, definition(page, class .. ":" .. method))
      elseif module then
        add(modules, module, definition(page, module:match "[^.]+$" .. "." .. member))
      elseif page.name:find "^[%w_]+$" then
        if rawget(require "perilune.tensor", page.name) then
          local self_page = page.title:find "^x:" or page.title:find "^%l[%w_]*:"
          local title = self_page and page.title:gsub("^([%w_]+):[%w_]+%(", "T.f(%1, "):gsub(", %)", ")")
            or page.title
          local as_function = setmetatable({ title = title }, { __index = page })
          add(modules, "tensor", definition(as_function, "tensor." .. page.name))
        end
        if tensor_methods[page.name] then add(classes, "Tensor", definition(page, "Tensor:" .. page.name)) end
      end
    end
  end
  for name in pairs(tensor_methods) do
    local base = name:match "^(.*)_$"
    if base then
      add(classes, "Tensor", ("---The form of %s that changes the tensor.\n---@return Tensor\n"
        .. "function Tensor:%s(...) end\n\n"):format(base, name))
    end
  end
  return modules, classes
end

local function native_files(chapters, write)
  local modules, classes = native_texts(chapters)
  for name, texts in pairs(modules) do
    local base = name:match "[^.]+$"
    local call = name == "tensor" and "---@overload fun(values: any, options?: any): Tensor\n" or ""
    if not package.loaded["perilune." .. name] or package.preload["perilune.native." .. name] then
      local text = ("---@meta perilune.%s\n\n---@class perilune.%s\n%slocal %s = {}\n\n%sreturn %s\n"):format(
        name, name, call, base, table.concat(texts), base)
      write(name, text)
    end
  end
  for name, texts in pairs(classes) do
    write("classes." .. name, ("---@meta\n\n---@class %s\n%slocal %s = {}\n\n%sreturn %s\n"):format(
      name, name == "Tensor" and operators or "", name, table.concat(texts), name))
  end
end

local spec = options.spec("help.definitions.write", {
  { "quiet", false, "no line that says what was written" },
})

--- Writes the definitions into a folder, which is made; returns the number of files.
--
-- Errors: a file cannot be written.
function definitions.write(folder, given)
  local o = spec:fill(given)
  if type(folder) ~= "string" or folder == "" then
    error("definitions: expected a folder, got " .. options.show(folder), 2)
  end
  local chapters, count = book.chapters(), 0
  local written = {}
  local function write(id, text)
    local path = id == "perilune" and "perilune" or "perilune/" .. id:gsub("%.", "/")
    system.make_folder(folder .. "/" .. (path:match "^(.*)/" or ""))
    system.write_file(("%s/%s.lua"):format(folder, path), text)
    count, written[id] = count + 1, true
  end
  for _, chapter in ipairs(chapters) do
    if chapter.part == "Lua library" then write(chapter.id, module_text(chapter)) end
  end
  native_files(chapters, function(id, text) if not written[id] then write(id, text) end end)
  if not o.quiet then
    print(("%d files in %s, for the editor's Lua.workspace.library"):format(count, folder))
  end
  return count
end

return definitions
