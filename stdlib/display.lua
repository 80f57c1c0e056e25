--- Any value shown through the front end of the moment: a terminal, a notebook, a Jupyter client.
--
-- A value is shown by its bundle, a table of one text (or image) for each MIME type. `text/plain` is always
-- there. A front end picks the richest form that it can show.
--
--   display(fig)                             -- a figure, tensor, list of records, run, pair, HTML, ...
--   display(t, { as = "heatmap" })           -- a tensor as colours
--   display(fig, { id = "loss" })            -- a display that display.update "loss" replaces
--
-- A class gives its values richer forms by a metafield or method `__mime`, a function of the value that
-- returns a bundle. A front end installs itself as `display.front`, a table of two functions: `show(bundle,
-- options)` with `options.id` and `options.update`, and `clear(wait)`. Without one, text goes to the standard
-- output.
--
--   > display.bundle({ 1, 2 })["text/plain"]
--   {1, 2}
--   > local Celsius = { __mime = function(t) return { ["text/html"] = t[1] .. "&deg;" } end }
--   > display.bundle(setmetatable({ 21 }, Celsius))["text/html"]
--   21&deg;
local attempt = require "perilune.attempt"
local kinds = require "perilune.display.kinds"
local options = require "perilune.options"
local tables = require "perilune.display.tables"
local terminal = require "perilune.display.terminal"
local text_of = require "perilune.display.text"

local display = {}

local spec = options.spec("display", {
  { "id", options.optional "string", "name of the display, which display.update replaces" },
  { "as", options.optional "string", "another form of the value: a matrix as colours, records as a table",
    choices = { "heatmap", "table", "text" } },
})

--- A value that is its own bundle.
local Bundle = { __name = "Bundle" }

function Bundle:__mime() return self end
function Bundle:__tostring() return rawget(self, "text/plain") or "" end

local function text_required(name, text)
  if type(text) ~= "string" then
    error(("display.%s: expected a text, got %s"):format(name, options.show(text)), 3)
  end
end

--- HTML as a value: shown as such by a notebook. Its plain text is that of the HTML without tags.
--
--   > display.bundle(display.html "<b>gap</b> &lt; 0.1")["text/plain"]
--   gap < 0.1
function display.html(text)
  text_required("html", text)
  return setmetatable({ ["text/html"] = text, ["text/plain"] = tables.without_tags(text) }, Bundle)
end

--- Markdown as a value. Its plain text is the Markdown.
function display.markdown(text)
  text_required("markdown", text)
  return setmetatable({ ["text/markdown"] = text, ["text/plain"] = text }, Bundle)
end

--- The text of an SVG file as a value. Errors: there is no `<svg` in it.
--
--   > display.svg "<b>"
--   display.svg: expected the text of an SVG, which has an element <svg
function display.svg(text)
  text_required("svg", text)
  if not text:find("<svg", 1, true) then
    error("display.svg: expected the text of an SVG, which has an element <svg", 2)
  end
  return setmetatable({ ["image/svg+xml"] = text, ["text/plain"] = "[SVG image]" }, Bundle)
end

--- The bytes of a PNG file as a value. Errors: they do not begin as a PNG file does.
--
--   > display.png "GIF89a"
--   display.png: expected the bytes of a PNG file, which begin with \x89PNG
function display.png(bytes)
  text_required("png", bytes)
  if bytes:sub(1, 8) ~= "\x89PNG\r\n\x1a\n" or #bytes < 24 then
    error("display.png: expected the bytes of a PNG file, which begin with \\x89PNG", 2)
  end
  local width, height = (">I4I4"):unpack(bytes, 17)
  local plain = ("[PNG image, %d x %d]"):format(width, height)
  return setmetatable({ ["image/png"] = bytes, ["text/plain"] = plain }, Bundle)
end

--- The metafield or method `__mime` of a value, or nil.
local function mime_of(value)
  local meta = type(value) ~= "string" and debug.getmetatable(value)
  if type(meta) ~= "table" then return nil end
  local class = rawget(meta, "__index")
  return rawget(meta, "__mime") or type(class) == "table" and rawget(class, "__mime") or nil
end

--- The bundle that `make(value)` gives, or a text that says why there is none.
local function made(make, value)
  local ok, bundle = attempt.call(make, value)
  if not ok then
    return { ["text/plain"] = ("<error in __mime: %s>"):format(tostring(bundle)) }
  end
  if type(bundle) ~= "table" then
    local got = options.show(bundle)
    return { ["text/plain"] = ("<error in __mime: expected a table of texts, got %s>"):format(got) }
  end
  local copy = {}
  for name, text in next, bundle do
    if type(name) == "string" and type(text) == "string" then copy[name] = text end
  end
  return copy
end

--- The forms of a value by MIME type: `text/plain` always, and those of `text/html`, `text/markdown`,
-- `image/svg+xml` and `image/png` (bytes) that the value has. `given` has `as`, as for `display`.
--
--   > local rows = { { side = "online", win = 0.7 }, { side = "offline", win = 0.5 } }
--   > print(display.bundle(rows)["text/plain"])
--   side     win
--   online   0.7
--   offline  0.5
function display.bundle(value, given)
  local o = spec:fill(given)
  if o.as and o.as ~= "text" then value = kinds.as(value, o.as, "display") end
  if o.as == "text" then return { ["text/plain"] = text_of(value) } end
  local mime, kind = mime_of(value), kinds.of(value)
  local bundle = mime and made(mime, value) or kind and made(kind, value) or {}
  bundle["text/plain"] = bundle["text/plain"] or text_of(value)
  return bundle
end

--- The text of a value, as the prompt shows it.
--
--   > display.text { "a", 1 }
--   {"a", 1}
function display.text(value) return display.bundle(value)["text/plain"] end

--- Shows a value by the front end, as a picture where the terminal draws pictures, or as text.
local function send(value, given, o)
  local front = rawget(display, "front")
  if front then return front.show(display.bundle(value, given), o) end
  local form = given and given.as
  if form and form ~= "text" then value = kinds.as(value, form, "display") end
  if form ~= "text" and terminal.draw(value) then return end
  local text = form == "text" and text_of(value) or display.text(value)
  io.write(text, text:sub(-1) == "\n" and "" or "\n")
end

--- Shows the values of an input of the prompt: on one line where they are short, below one another else.
function display.results(...)
  local values, texts, several = table.pack(...), {}, false
  local function flush()
    if #texts > 0 then io.write(table.concat(texts, several and "\n" or "\t"), "\n") end
    texts, several = {}, false
  end
  for i = 1, values.n do
    if rawget(display, "front") then
      send(values[i], nil, {})
    elseif kinds.is_picture(values[i]) then
      flush()
      send(values[i], nil, {})
    else
      local text = display.text(values[i])
      texts[#texts + 1], several = text, several or text:find("\n", 1, true)
    end
  end
  flush()
end

--- Replaces what `display(value, { id = id })` showed. Without a front end the new text is written below the
-- old one. Errors: `id` is no text.
--
--   > local display = require "perilune.display"
--   > local seen = {}
--   > local function show(bundle, o) seen[#seen + 1] = { bundle["text/plain"], o.id, o.update } end
--   > display.front = { show = show, clear = function() seen = {} end }
--   > display(1, { id = "loss" })
--   > display.update("loss", 0.5)
--   > display.results(2, 3)
--   > display.markdown "**4**"
--   **4**
--   > #seen, seen[2][1], seen[2][2], seen[2][3]
--   4	0.5	loss	true
--   > display.clear()
--   > #seen
--   0
--   > display.front = nil
function display.update(id, value, given)
  if type(id) ~= "string" then
    error("display.update: expected the id of a display, a text, got " .. options.show(id), 2)
  end
  send(value, spec:fill(given), { id = id, update = true })
end

local clear_spec = options.spec("display.clear", {
  { "wait", false, "clear when the next output comes, so that nothing flickers" },
})

--- Clears what the running cell has shown. Without a front end nothing happens.
function display.clear(given)
  local o = clear_spec:fill(given)
  local front = rawget(display, "front")
  if front then front.clear(o.wait) end
end

--- A tensor of one or two dimensions, or a list of rows, as a figure of colours. `given` has the options of
-- plot.heatmap beside the matrix.
--
--   > local fig = display.heatmap({ { 1, 2 }, { 3, 4 } }, { title = "A" })
--   > select(2, fig:csv():gsub("heatmap", ""))
--   4
function display.heatmap(value, given) return kinds.heatmap(value, given, "display.heatmap") end

--- A list of records as a table: aligned columns as text, columns that sort in HTML. See
-- `perilune.display.tables`.
--
--   > print(display.table({ { step = 1, loss = 0.5 }, { step = 20 } }, { columns = { "step", "loss" } }))
--   step  loss
--      1   0.5
--     20
function display.table(rows, given) return tables.new(rows, given, "display.table") end

-- `front` is nil until a front end sets it.
options.strict("display", display, { "front" }, function() return nil end)

getmetatable(display).__call = function(_, value, given)
  local o = spec:fill(given)
  send(value, o, { id = o.id })
end

return display
