--- A figure that is redrawn in place while numbers arrive.
--
--   local live <close> = plot.live { title = "SFT", xlabel = "step" }
--   for step = 1, 400 do
--     ...
--     live:add(step, { loss = loss:item(), margin = margin })
--   end
--   align.train { ..., live = plot.live { figures = { "loss", "rewards/margins" } } }
--
-- In a terminal the figure stays where it is, and is as wide as the terminal at the time of each drawing.
-- In a notebook it is one display that is updated. Where the output is neither, only the last state is
-- printed: by `finish`, at the end of the block of a `<close>` variable, or at the end of the program.
--
--   > local live = require "perilune.plot".live { title = "SFT" }
--   > live:add(1, { loss = 0.7 })
--   > live:add(2, { loss = 0.5 })
--   > select(2, live:figure():csv():gsub("loss,line", ""))
--   2
--   > live:log { step = 3, loss = 0.4 }
--   > local path = os.tmpname() .. ".csv"
--   > select("#", live:save(path)), require("perilune.system").exists(path)
--   1	true
local native = require "perilune.native.plot"
local options = require "perilune.options"
local system = require "perilune.system"
local terminal = require "perilune.display.terminal"

local Live = { __name = "LiveFigure" }
Live.__index = Live

--- Points of a line beyond which it is thinned: of each four, the lowest and the highest are kept.
local points_max <const> = 20000

local spec = options.spec("plot.live", {
  { "every", 0.2, "seconds between drawings", least = 0 },
  { "figures", options.optional "table", "names of the numbers that are drawn; all unless given" },
  options.native "native.plot.figure",
})

local count = 0

--- The figures with points that are not drawn.
local alive = {}

--- An empty figure that lives. Options are those of plot.figure, `every` and `figures`.
--
--   > require "perilune.plot".live { evry = 1 }
--   plot.live: unknown option 'evry'; did you mean 'every'?
function Live.new(given)
  local o = spec:fill(given)
  local settings = {}
  for name, value in pairs(given or {}) do
    if name ~= "every" and name ~= "figures" then settings[name] = value end
  end
  native.figure(settings)  -- refuses settings before the first number
  local wanted
  for i, name in ipairs(o.figures or {}) do
    if type(name) ~= "string" then
      error(("plot.live: figures[%d] must be a text, not %s"):format(i, options.show(name)), 2)
    end
    wanted = wanted or {}
    wanted[name] = true
  end
  count = count + 1
  return setmetatable({
    settings = settings, every = o.every, wanted = wanted, names = {}, lines = {}, step = 0,
    drawn_at = -math.huge, number = 7000 + count % 1000, heights = nil, is_new = false, count = count,
  }, Live)
end

--- Keeps the lowest and the highest of each four points.
local function thin(line)
  local x, y = {}, {}
  for i = 1, #line.x, 4 do
    local low, high = i, i
    for k = i, math.min(i + 3, #line.x) do
      if line.y[k] < line.y[low] then low = k end
      if line.y[k] > line.y[high] then high = k end
    end
    for _, k in ipairs(low == high and { low } or { math.min(low, high), math.max(low, high) }) do
      x[#x + 1], y[#y + 1] = line.x[k], line.y[k]
    end
  end
  line.x, line.y = x, y
end

local function number_of(value, what)
  if type(value) == "userdata" and (getmetatable(value) or {}).__name == "Tensor" then
    if value:numel() == 1 then return value:item() end
  elseif type(value) == "number" then
    return value
  end
  error(("live:add: %s must be a number, not %s"):format(what, options.show(value)), 4)
end

local function put(self, name, x, y)
  if self.wanted and not self.wanted[name] then return end
  local line = self.lines[name]
  if not line then
    line = { x = {}, y = {} }
    self.lines[name] = line
    self.names[#self.names + 1] = name
  end
  line.x[#line.x + 1], line.y[#line.y + 1] = x, y
  if #line.x > points_max then thin(line) end
  self.is_new, alive[self] = true, true
end

--- Adds points at `x`: `values` is a table of numbers by name, or one number. With one argument x is one more
-- than the last. Errors: a value is no number; a name is no text.
--
--   > require "perilune.plot".live():add(1, { loss = "low" })
--   live:add: 'loss' must be a number, not 'low'
function Live:add(x, values)
  if values == nil then x, values = self.step + 1, x end
  x = number_of(x, "x")
  if type(values) == "table" then
    local names = {}
    for name, value in pairs(values) do
      if type(name) ~= "string" then
        error("live:add: a name must be a text, not " .. options.show(name), 2)
      end
      names[#names + 1] = name
      number_of(value, ("'%s'"):format(name))
    end
    table.sort(names)
    for _, name in ipairs(names) do put(self, name, x, number_of(values[name], name)) end
  else
    put(self, self.settings.ylabel or "", x, number_of(values, "y"))
  end
  self.step = x
  local now = system.clock()
  if now - self.drawn_at >= self.every then
    self.drawn_at = now
    self:draw()
  end
end

--- Adds the numbers of a row of a log, such as `run.log[1]`, at its `step`.
function Live:log(row)
  if type(row) ~= "table" or type(row.step) ~= "number" then
    error("live:log: expected a row of a log, a table with step, got " .. options.show(row), 2)
  end
  local values = {}
  for name, value in pairs(row) do
    if name ~= "step" and type(name) == "string" and type(value) == "number" then values[name] = value end
  end
  self:add(row.step, values)
end

--- The figure as it is now.
function Live:figure()
  local fig = native.figure(self.settings)
  for _, name in ipairs(self.names) do
    fig:line { x = self.lines[name].x, y = self.lines[name].y, label = name }
  end
  return fig
end

--- Writes the figure as it is now, as fig:save does.
function Live:save(path, given)
  self:figure():save(path, given or {})
  return self
end

--- The lines of a text that fit the terminal, without their ends.
local function fitting(text, rows)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  while #lines > rows or lines[#lines] == "" do table.remove(lines) end
  return lines
end

--- The lines that the last drawing takes: a terminal that became narrower has broken them.
local function height_of(heights, columns)
  if type(heights) == "number" then return heights end
  local sum = 0
  for _, width in ipairs(heights) do sum = sum + math.max(1, (width + columns - 1) // columns) end
  return sum
end

local function draw_in_place(self, fig)
  native.keep_output(true)
  local columns, rows = native.columns(), math.max(native.rows() - 2, 1)
  local out = { "\27[?2026h\27[?25l" }
  local up = self.heights and height_of(self.heights, columns) or 0
  if up > 0 then out[2] = ("\27[%dA"):format(up) end
  out[#out + 1] = "\r\27[J"
  local picture, lines = fig:escape { number = self.number, rows = rows }
  if picture then
    out[#out + 1], self.heights = picture, lines
  else
    local text = fig:text {
      width = math.max(columns - 1, 1), height = math.min(20, rows), color = terminal.has_color(),
    }
    self.heights = {}
    for i, line in ipairs(fitting(text, rows)) do
      out[#out + 1] = line .. "\n"
      self.heights[i] = native.text_width((line:gsub("\27%[[%d;]*m", "")))
    end
  end
  out[#out + 1] = "\27[?25h\27[?2026l"
  io.write(table.concat(out))
  io.flush()
end

--- Draws the figure now, where it can be redrawn.
function Live:draw()
  local display = require "perilune.display"
  local fig = self:figure()
  if rawget(display, "front") then
    local id = ("live-%d"):format(self.number)
    if self.heights then display.update(id, fig) else display(fig, { id = id }) end
    self.heights, self.is_new = 1, false
  elseif system.is_terminal(1) then
    draw_in_place(self, fig)
    self.is_new = false
  end
end

--- Draws the last state. Where the figure could not be redrawn, prints it. Numbers that are added later are
-- drawn again.
function Live:finish()
  alive[self] = nil
  if self.is_new then
    self:draw()
    if self.is_new then
      self.is_new = false
      print(tostring(self:figure()))
    end
  end
  if not next(alive) then native.keep_output(false) end
end

Live.__close = Live.finish

--- Prints the last state of the figures that could not be redrawn, at the end of the program.
function Live.finish_all()
  local open = {}
  for one in pairs(alive) do
    if one.is_new and not one.heights then open[#open + 1] = one end
  end
  table.sort(open, function(a, b) return a.count < b.count end)
  for _, one in ipairs(open) do one:finish() end
end

function Live:__mime() return { ["image/svg+xml"] = self:figure():svg(), ["text/plain"] = tostring(self) } end

function Live:__tostring() return tostring(self:figure()) end

return Live
