--- What the cells of a notebook have shown so far: texts, displays, errors and times, and the reports of it.
--
-- A record captures the standard output and errors, is the front end of `perilune.display`, and writes each
-- report after each cell, atomically. While a cell runs, what it writes stands in the reports about once a
-- second.
--
--   local r = record.new { title = "The gap", cells = cells, reports = { { path = "a.html", form = html } } }
--   r:start()  r:begin(1)  ...  r:finish()  r:stop()
local display = require "perilune.display"
local native = require "perilune.native.notebook"
local options = require "perilune.options"
local system = require "perilune.system"

local record = {}

local Record = {}
Record.__index = Record

--- Bytes of the beginning and of the end that are kept of a text without displays in between.
record.text_kept = 65536
--- Outputs of a cell; those beyond are counted.
record.outputs_max = 1000
--- Bytes of one form of a display.
record.display_max = 8 << 20
--- The place of what the running cell writes, in characters that no text has.
record.mark = "\u{10fffe}here\u{10fffe}"

--- A record of cells: tables with `kind`, `title`, `metadata`, `source` and `id`.
-- `given` has `title`, `script`, `environment` (a list of { name, value }), `cells` and `reports`, a list of
-- `path` and `form`, a module with `render(record, report)` and the texts `page` around what a cell writes.
function record.new(given)
  local self = setmetatable(given, Record)
  self.status, self.started, self.began = "running", system.clock(), os.time()
  self.spent = 0
  for _, cell in ipairs(self.cells) do cell.outputs, cell.status = {}, "waiting" end
  return self
end

--- Captures output, and shows values as displays of the running cell.
function Record:start()
  self.is_terminal = system.is_terminal(2)
  native.start(record.text_kept)
  self.front = {
    show = function(bundle, o) return self:display(bundle, o) end,
    clear = function(wait) return self:clear(wait) end,
  }
  display.front = self.front
  -- The two streams are two pipes: emptying them around each write to the errors keeps the order.
  local file = getmetatable(io.stderr).__index
  local write = file.write
  self.plain_write = write
  function file.write(stream, ...)
    if stream ~= io.stderr then return write(stream, ...) end
    native.sync()
    local results = table.pack(write(stream, ...))
    native.sync()
    return table.unpack(results, 1, results.n)
  end
end

--- Ends the capture; what came until now is collected.
function Record:stop()
  if display.front == self.front then display.front = nil end
  if self.plain_write then getmetatable(io.stderr).__index.write = self.plain_write end
  self:collect()
  native.stop()
  self:collect()
end

local function drop(cell)
  cell.dropped = (cell.dropped or 0) + 1
end

--- Adds an output to the running cell; a display that was cleared with `wait` goes now.
function Record:add(output)
  local cell = self.current
  if not cell then return end
  if cell.clears then cell.outputs, cell.clears, cell.dropped = {}, nil, nil end
  if #cell.outputs >= record.outputs_max then return drop(cell) end
  cell.outputs[#cell.outputs + 1] = output
  cell.rendered = nil
end

--- Takes what was written into the running cell.
function Record:collect()
  if self.current == nil then return end
  for _, part in ipairs(native.take()) do
    local text = part.text
    if part.rest then
      text = ("%s\n... %d bytes in %d lines left out ...\n%s"):format(text, part.bytes, part.lines, part.rest)
    end
    local name = part.stream == 1 and "stdout" or "stderr"
    local last = self.current.outputs[#self.current.outputs]
    if last and last.kind == "stream" and last.name == name and not self.current.clears
      and #last.text + #text <= 2 * record.text_kept then
      last.text, self.current.rendered = last.text .. text, nil
    else
      self:add { kind = "stream", name = name, text = text }
    end
  end
end

--- The output with an id, and its cell.
local function with_id(self, id)
  for _, cell in ipairs(self.cells) do
    for _, output in ipairs(cell.outputs) do
      if output.id == id then return output, cell end
    end
  end
end

--- The forms of a bundle that are not too large, with a word on those that are.
local function bounded(bundle)
  local kept = {}
  for name, text in pairs(bundle) do
    if #text <= record.display_max then
      kept[name] = text
    else
      kept["text/plain"] = ("[%s of %d bytes left out]"):format(name, #text)
    end
  end
  return kept
end

--- Draws a line of progress on the terminal, over the one before; without `text` ends it.
local function redraw(self, text)
  if text and self.is_terminal then native.echo(2, "\r" .. text:match "[^\n]*" .. "\27[K") end
  if not text and self.is_drawn then native.echo(2, "\n") end
  self.is_drawn = text ~= nil and self.is_terminal
end

--- Shows a bundle in the running cell; with an id that is there already, in its place.
function Record:display(bundle, o)
  local text = bundle["text/plain"]
  local line = text .. (text:sub(-1) == "\n" and "" or "\n")
  if not native.is_on() then return io.write(line) end  -- a forked child
  self:collect()
  local known, cell
  if o.id then known, cell = with_id(self, o.id) end
  if known then
    known.bundle, cell.rendered = bounded(bundle), nil
    redraw(self, text)
  else
    redraw(self)
    native.echo(1, line)
    self:add { kind = "display", bundle = bounded(bundle), id = o.id }
  end
  self:save(true)
end

--- Shows the value of the last expression of a cell, the `count`th that ran.
function Record:result(bundle, count)
  self:collect()
  native.echo(1, bundle["text/plain"] .. "\n")
  self:add { kind = "result", bundle = bounded(bundle), count = count }
end

--- Clears what the running cell has shown, at once or when the next output comes.
function Record:clear(wait)
  self:collect()
  if wait then
    self.current.clears = true
  else
    self.current.outputs, self.current.rendered, self.current.dropped = {}, nil, nil
  end
end

--- Begins a cell; the one before has ended well.
function Record:begin(number)
  self:finish()
  local cell = self.cells[number]
  if not cell then return end
  cell.status, cell.from, self.current = "running", system.clock(), cell
  cell.rendered = nil
  self:save()
end

--- Ends the running cell, with the status "done", "error", "interrupted" or "ended".
function Record:finish(status)
  local cell = self.current
  if not cell then return end
  self:collect()
  redraw(self)
  cell.clears = nil
  cell.status, cell.seconds = status or "done", (cell.seconds or 0) + system.clock() - cell.from
  cell.rendered, self.current = nil, nil
end

--- Adds a failure to the running cell: `message`, `traceback` (a text) and `source`, its lines around the
-- error.
function Record:fail(failure)
  self:collect()
  self.failure = failure
  self:add {
    kind = "error", message = failure.message, traceback = failure.traceback, source = failure.source,
    name = failure.interrupted and "interrupted" or "error",
  }
end

--- A text without the blanks and the comma at its end, and that comma or "".
local function without_comma(text)
  local stop = #text
  while text:find("^%s", stop) do stop = stop - 1 end
  if text:sub(stop, stop) == "," then return text:sub(1, stop - 1), "," end
  return text:sub(1, stop), ""
end

--- What an index or another program reads of a report.
function Record:facts()
  return {
    title = self.title, script = self.script, status = self.status, parameters = self.parameters or {},
    seconds = math.floor(self:seconds() * 1000 + 0.5) / 1000,
    started = os.date("!%Y-%m-%dT%H:%M:%SZ", self.began),
  }
end

--- The parts of a report around what the running cell writes; nil in place of the second if none runs.
local function around(text, page)
  local from, to = text:find(page.mark, 1, true)
  if not from then return text, nil, "" end
  local head, comma = text:sub(1, from - 1), ""
  if page.comma then head, comma = without_comma(head) end
  return head, text:sub(to + 1), comma
end

--- Writes the reports as files: the `first` ones, before anything runs, and the last ones.
function Record:write(is_first)
  for i, report in ipairs(self.reports) do
    native.page(i)
    local head, tail = around(report.form.render(self, report), report.form.page)
    if not (is_first and report.is_file == false) then
      system.write_file(report.path, head .. (tail or ""))
    end
  end
end

--- Brings the reports up to date while the script runs: at once or, `later`, by the thread that writes what
-- the running cell shows. A call is left out where they have taken half of the time.
function Record:save(later)
  local now = system.clock()
  if self.spent > 0.5 + 0.5 * (now - self.started) then return end
  for i, report in ipairs(self.reports) do
    local page = report.form.page
    local head, tail, comma = around(report.form.render(self, report), page)
    if tail and report.is_file ~= false then
      native.page(i, report.path, page.escape,
        head, comma, page.between, page.out, page.err, page.close, tail, later or false)
    end
  end
  if not later then native.write_pages() end
  self.spent = self.spent + system.clock() - now
end

--- The seconds since the record began.
function Record:seconds() return (self.ended or system.clock()) - self.started end

return options.strict("notebook.record", record)
