/// The part of the prompt that is plain Lua: the session's environment, the display of results, completion and help.
///
/// The chunk is named "=perilune", so that its frames are hidden from tracebacks.
enum SessionSource {
  static let chunkName = "=perilune"
  static let text = #"""
    -- display(value): the text a result is shown as. Tables to depth 3 and 20 items, keys sorted, cycles marked.
    local max_depth, max_items, max_keys, width = 3, 20, 2000, 78

    local keywords = {}
    for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true until while")
      :gmatch("%a+") do keywords[word] = true end

    local function quoted(text)
      if #text > 500 then text = text:sub(1, 500) .. "..." end
      return (("%q"):format(text):gsub("\\\n", "\\n"):gsub("\r", "\\r"):gsub("\t", "\\t"))
    end

    local render

    local function key_text(key, depth, seen)
      if type(key) == "string" and key:match("^[%a_][%w_]*$") and not keywords[key] then return key end
      return "[" .. render(key, max_depth, seen) .. "]"
    end

    local rank = { number = 1, string = 2 }
    local function before(a, b)
      local ra, rb = rank[type(a)] or 3, rank[type(b)] or 3
      if ra ~= rb then return ra < rb end
      if ra < 3 then return a < b end
      return tostring(a) < tostring(b)
    end

    local function items_of(value, depth, seen)
      local items, shown, all_plain = {}, 0, true
      local length = rawlen(value)
      for i = 1, math.min(length, max_items) do
        items[#items + 1] = render(rawget(value, i), depth + 1, seen)
      end
      local more = math.max(length - max_items, 0)
      local keys, counted = {}, 0
      for key in next, value do
        if not (math.type(key) == "integer" and key >= 1 and key <= length) then
          counted = counted + 1
          if counted <= max_keys then keys[counted] = key end
        end
      end
      pcall(table.sort, keys, before)
      local list_only = counted == 0
      for _, key in ipairs(keys) do
        if #items >= max_items then break end
        shown = shown + 1
        items[#items + 1] = key_text(key, depth, seen) .. " = " .. render(rawget(value, key), depth + 1, seen)
      end
      more = more + counted - shown
      if more > 0 then items[#items + 1] = "... " .. more .. " more" end
      return items, list_only
    end

    local function layout(items, list_only)
      local line = table.concat(items, ", ")
      if not line:find("\n", 1, true) and #line <= width - 2 then return "{" .. line .. "}" end
      local lines = {}
      if list_only and not line:find("[\n{]") then  -- plain elements fill lines
        local current = ""
        for i, item in ipairs(items) do
          local piece = item .. (i < #items and "," or "")
          if current ~= "" and #current + #piece + 1 > width - 2 then
            lines[#lines + 1], current = current, ""
          end
          current = current == "" and piece or current .. " " .. piece
        end
        lines[#lines + 1] = current
      else
        for i, item in ipairs(items) do lines[i] = item .. (i < #items and "," or "") end
      end
      return "{\n  " .. table.concat(lines, "\n"):gsub("\n", "\n  ") .. "\n}"
    end

    function render(value, depth, seen)
      local kind = type(value)
      if kind == "string" then return depth == 0 and value or quoted(value) end
      local meta = kind ~= "number" and kind ~= "boolean" and kind ~= "nil" and debug.getmetatable(value)
      if meta and rawget(meta, "__tostring") ~= nil then
        local ok, text = pcall(tostring, value)
        return ok and text or "<error in __tostring: " .. tostring(text) .. ">"
      end
      if kind ~= "table" then return tostring(value) end
      if seen[value] then return "<cycle>" end
      if next(value) == nil then return "{}" end
      if depth >= max_depth then return "{...}" end
      seen[value] = true
      local items, list_only = items_of(value, depth, seen)
      seen[value] = nil
      return layout(items, list_only)
    end

    local function display(value) return render(value, 0, {}) end
    package.preload["perilune.display"] = function() return display end

    -- The environment of what is typed: session locals, then globals, then results, then modules loaded when first named.
    local globals = _G
    local locals, declared, results = {}, {}, {}
    local library
    local function module(name)
      if type(name) ~= "string" then return nil end
      if library == nil then
        local ok, found = pcall(require, "perilune")
        library = ok and found or false
      end
      if not library then return nil end
      local ok, part = pcall(function() return library[name] end)
      if ok then return part end
      io.stderr:write("cannot load '", name, "': ", tostring(part), "\n")
      return nil
    end

    -- Reading a global must stay fast, so the way is tables only: environment, locals, extras, globals. `extras` holds the results
    -- and modules that the text being run names; `prepare(text)` fills it before each input.
    local extras = { __keep = ... }
    local chain = { __index = extras }
    local environment_meta = { __index = locals }
    local environment = setmetatable({}, environment_meta)
    setmetatable(locals, chain)
    setmetatable(extras, { __index = globals })

    -- A local that is nil must hide a global of its name: tables cannot tell, so then a function does.
    local function careful_index(_, name)
      if declared[name] then return nil end
      return extras[name]
    end

    local function careful_newindex(_, name, value)
      if declared[name] then locals[name] = value else globals[name] = value end
    end

    local function prepare(text)
      local hidden = false
      for name in next, declared do
        hidden = hidden or rawget(locals, name) == nil
      end
      chain.__index = hidden and careful_index or extras
      environment_meta.__newindex = next(declared) ~= nil and careful_newindex or globals
      for name in next, extras do
        if name ~= "__keep" then extras[name] = nil end
      end
      for name in text:gmatch("[%a_][%w_]*") do
        if not keywords[name] and rawget(extras, name) == nil and rawget(globals, name) == nil and not declared[name] then
          local value = results[name]
          if value == nil then value = module(name) end
          rawset(extras, name, value)
        end
      end
    end

    -- show(silent, ...): remembers results as _, _1, _2, _3 and prints them.
    local plain_print = print
    local function show(silent, ...)
      local count = select("#", ...)
      if count == 0 then return end
      results._3, results._2, results._1 = results._2, results._1, (...)
      results._ = (...)
      if silent then return end
      if print ~= plain_print then return print(...) end
      local texts, several = {}, false
      for i = 1, count do
        texts[i] = display((select(i, ...)))
        several = several or texts[i]:find("\n", 1, true)
      end
      io.write(table.concat(texts, several and "\n" or "\t"), "\n")
    end

    -- complete(word): what the word may become. Looks through tables and metatables without calling anything.
    local function lookup(name)
      if declared[name] then return rawget(locals, name) end
      local value = rawget(globals, name)
      if value == nil then value = results[name] end
      if value == nil and type(library) == "table" then
        for _, field in ipairs { "parts", "aliases" } do
          local names = rawget(library, field)
          if type(names) == "table" and names[name] then value = module(name) end
        end
      end
      return value
    end

    -- Names that one of the library's tables loads when they are first read.
    local function names_to_load(meta)
      local names = type(meta) == "table" and rawget(meta, "__names")
      return type(names) == "table" and names or {}
    end

    -- Calls visit(key, value) for every name that `value.name` may find.
    local function each_member(value, visit)
      for _ = 1, 8 do
        local meta = debug.getmetatable(value)
        if type(value) == "table" then
          for key, member in next, value do visit(key, member) end
        end
        if type(meta) ~= "table" then return end
        for _, field in ipairs { "__methods", "__getters" } do
          local members = rawget(meta, field)
          if type(value) == "userdata" and type(members) == "table" then
            for key, member in next, members do visit(key, field == "__methods" and member or false) end
          end
        end
        for _, key in ipairs(names_to_load(meta)) do visit(key, false) end
        value = rawget(meta, "__index")
        if type(value) ~= "table" then return end
      end
    end

    local function member(value, name)
      local found
      each_member(value, function(key, each) if key == name and not found then found = each end end)
      if found then return found end
      for _, key in ipairs(names_to_load(debug.getmetatable(value))) do
        if key == name then
          local ok, part = pcall(function() return value[name] end)
          return ok and part or nil
        end
      end
    end

    local function complete(word)
      local path, separator, start = word:match("^(.-)([.:]?)([%a_]?[%w_]*)$")
      local candidates, known = {}, {}
      local function offer(name, value)
        if type(name) ~= "string" or known[name] or name:sub(1, #start) ~= start then return end
        if not name:match("^[%a_][%w_]*$") or (start == "" and name:sub(1, 1) == "_") then return end
        if separator == ":" and type(value) ~= "function" then return end
        known[name] = true
        candidates[#candidates + 1] = path .. separator .. name
      end
      if separator == "" then
        if path ~= "" then return {} end
        for name in next, keywords do offer(name) end
        for name in next, declared do offer(name) end
        for name in next, globals do offer(name) end
        for name in next, results do offer(name) end
        if type(library) == "table" and type(rawget(library, "parts")) == "table" then
          for name in next, rawget(library, "parts") do offer(name) end
        end
      else
        local value
        for name in path:gmatch("[^.:]+") do
          if value == nil then value = lookup(name) else value = member(value, name) end
          if value == nil then return {} end
        end
        if value == nil then return {} end
        each_member(value, offer)
      end
      table.sort(candidates)
      return candidates
    end

    local function resolve(name)
      local value
      for part in name:gmatch("[^.:]+") do
        if value == nil then value = lookup(part) else value = value[part] end
        if value == nil then return nil end
      end
      return value
    end

    local function show_source(name)
      local value = resolve(name)
      if type(value) ~= "function" then return print(name .. " is not a function") end
      local info = debug.getinfo(value, "S")
      local file = info.source:match("^@(.*)") and io.open(info.source:sub(2))
      if not file then return print("the source of " .. name .. " is not at hand (" .. info.short_src .. ")") end
      local number = 0
      print("-- " .. info.short_src .. ":" .. info.linedefined)
      for line in file:lines() do
        number = number + 1
        if number >= info.linedefined and number <= info.lastlinedefined then print(line) end
      end
      file:close()
    end

    local function help(name, source)
      if source then return show_source(name) end
      local ok, found = pcall(require, "perilune.help")
      local call = ok and (type(found) == "table" and (rawget(found, "help") or rawget(found, "show")) or found)
      if not call then return print("no help is installed for '" .. name .. "'") end
      -- A name without a page may be that of a value of the session.
      local page = type(found) == "table" and rawget(found, "page")
      local value = page and not page(name) and resolve(name)
      local text = call(value or name)
      if type(text) == "string" then print(text) end
    end

    -- The module names can be completed from the start.
    pcall(module, "parts")
    return {
      environment = environment, locals = locals, declared = declared,
      prepare = prepare, show = show, complete = complete, help = help, display = display,
    }
    """#
}
