-- The session's side of a Jupyter kernel. Arguments: show(bundle, id, update), clear(wait), and ask(), which
-- raises an error where the client takes no questions. Returns bundle(value) and guard(on).
local show, clear, ask = ...

local found, display = pcall(require, "perilune.display")
local has_display = found and type(display) == "table"
if has_display then
  display.front = {
    show = function(bundle, options) show(bundle, options.id, options.update == true) end,
    clear = function(wait) clear(wait == true) end,
  }
end

local function bundle(value)
  if has_display then return display.bundle(value) end
  return { ["text/plain"] = tostring(value) }
end

-- While a client takes no questions, what would read the standard input raises an error: the C library could
-- only tell that the read has failed.
local files = getmetatable(io.stdin).__index
local plain = { io_read = io.read, io_lines = io.lines, read = files.read, lines = files.lines }

local function of_input(f)
  return function(...)
    if io.input() == io.stdin then ask() end
    return f(...)
  end
end

local function of_lines(...)
  if (...) == nil and io.input() == io.stdin then ask() end
  return plain.io_lines(...)
end

local function of_file(f)
  return function(file, ...)
    if file == io.stdin then ask() end
    return f(file, ...)
  end
end

local guarded = {
  io_read = of_input(plain.io_read), io_lines = of_lines,
  read = of_file(plain.read), lines = of_file(plain.lines),
}

local function guard(on)
  local from, to = on and plain or guarded, on and guarded or plain
  -- luacheck: push ignore 122
  if io.read == from.io_read then io.read = to.io_read end
  if io.lines == from.io_lines then io.lines = to.io_lines end
  -- luacheck: pop
  if files.read == from.read then files.read = to.read end
  if files.lines == from.lines then files.lines = to.lines end
end

return bundle, guard
