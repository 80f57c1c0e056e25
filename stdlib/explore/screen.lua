--- Answers on the whole terminal, stepped through with keys.
local layout = require "perilune.explore.layout"
local native = require "perilune.native.plot"
local terminal = require "perilune.display.terminal"
local tokens = require "perilune.align.show.tokens"

local help <const> = {
  "n, right, down, space    the next prompt", "p, left, up              the prompt before",
  "home, end                the first, the last prompt", "r                        draw the answers again",
  "1 to 9                   show or hide a policy",
  "tab                      one policy after another, then all",
  "t                        tokens with their ids", "/                        search in prompts and answers",
  "j, k, page up and down   scroll", "q, escape                end", "", "any key goes back",
}

local Screen = {}
Screen.__index = Screen

--- Shows everything again: one policy after another, then all.
local function step_policies(self)
  local count = #self.exploration.policies
  self.alone = self.alone < count and self.alone + 1 or 0
  for i = 1, count do self.shown[i] = self.alone == 0 or self.alone == i or nil end
end

local function toggle(self, number)
  if not self.exploration.policies[number] then
    self.status = ("there are %d policies"):format(#self.exploration.policies)
    return
  end
  self.shown[number] = not self.shown[number] or nil
  if next(self.shown) == nil then self.shown[number] = true end
end

local function go(self, number)
  local count = #self.exploration.prompts
  self.number, self.top = math.max(1, math.min(count, number)), 0
end

--- All text of a prompt and of its answers that are drawn.
local function text_of(exploration, number)
  local texts = { exploration:prompt_text(number) }
  local block = exploration:drawn(number)
  for _, side in ipairs(block and block.sides or {}) do
    for _, line in ipairs(side.lines) do
      texts[#texts + 1] = table.concat(line.texts or line.ids, line.texts and "" or " ")
    end
  end
  return table.concat(texts, "\n"):lower()
end

local function search(self, wanted)
  if wanted == "" then return end
  local count = #self.exploration.prompts
  for i = 1, count do
    local number = (self.number + i - 1) % count + 1
    if text_of(self.exploration, number):find(wanted:lower(), 1, true) then
      self.status = ""
      return go(self, number)
    end
  end
  self.status = ("'%s' is in no prompt and no answer that was drawn"):format(wanted)
end

local function paint(lines, rows)
  local out = { "\27[?2026h\27[H" }
  for i = 1, rows do out[#out + 1] = (lines[i] or "") .. "\27[0m\27[K" .. (i < rows and "\r\n" or "") end
  io.write(out[1], table.concat(out, "", 2), "\27[?2026l")
  io.flush()
end

local function draw(self)
  local columns, rows = native.columns(), native.rows()
  local exploration = self.exploration
  local count = #exploration.prompts
  local head = ("prompt %d of %d"):format(self.number, count)
  if not exploration:drawn(self.number) then
    paint({ native.text_cut(head .. ", drawing ...", columns) }, rows)
  end
  local block = exploration:block(self.number)
  local color = terminal.has_color()
  local view = { width = columns, color = color, ids = self.ids, shown = self.shown }
  local body = layout.lines(block, view)
  local room = math.max(rows - 3, 1)
  self.top = math.max(0, math.min(self.top, #body - room))
  local names = {}
  for i, entry in ipairs(exploration.policies) do
    names[i] = ("%s%d %s"):format(self.shown[i] and "" or "-", i, entry.name)
  end
  head = ("%s   %s"):format(head, table.concat(names, "  "))
  if block.draw > 0 then head = head .. ("   draw %d"):format(block.draw + 1) end
  local lines = { native.text_cut(head, columns) }
  if color then lines[1] = "\27[7m" .. lines[1] .. "\27[0m" end
  for i = 1, room do lines[#lines + 1] = body[self.top + i] or "" end
  lines[rows - 1] = native.text_cut(tokens.legend(block.what, false), columns)
  if color then lines[rows - 1] = columns < 100 and "" or tokens.legend(block.what, true) end
  local status = self.typed and "/" .. self.typed or self.status ~= "" and self.status
    or #body > room and ("lines %d to %d of %d   ? keys   q end"):format(
      self.top + 1, math.min(self.top + room, #body), #body)
    or "? keys   q end"
  lines[rows] = native.text_cut(status, columns)
  paint(lines, rows)
end

--- Keys while a text to search for is typed.
local function type_text(self, key)
  if key == "enter" then
    local wanted = self.typed
    self.typed = nil
    search(self, wanted)
  elseif key == "escape" then
    self.typed = nil
  elseif key == "backspace" then
    self.typed = self.typed:sub(1, (utf8.offset(self.typed, -1) or 1) - 1)
  elseif utf8.len(key) == 1 then
    self.typed = self.typed .. key
  end
end

local page <const> = 10

local keys <const> = {
  r = function(self) self.exploration:draw_again(self.number) end,
  t = function(self) self.ids = not self.ids end,
  ["/"] = function(self) self.typed = "" end,
  ["?"] = function(self)
    paint(help, native.rows())
    local key
    repeat key = self.screen:key(1) until key
  end,
  tab = step_policies,
  home = function(self) go(self, 1) end,
  ["end"] = function(self) go(self, math.huge) end,
  j = function(self) self.top = self.top + 1 end,
  k = function(self) self.top = math.max(0, self.top - 1) end,
  pagedown = function(self) self.top = self.top + page end,
  pageup = function(self) self.top = math.max(0, self.top - page) end,
}
for _, name in ipairs { "n", "right", "down", " ", "enter" } do
  keys[name] = function(self) go(self, self.number + 1) end
end
for _, name in ipairs { "p", "left", "up" } do
  keys[name] = function(self) go(self, self.number - 1) end
end

--- Takes the terminal until `q`; every end gives it back.
return function(exploration)
  local screen <close> = native.screen()
  local self = setmetatable({
    exploration = exploration, screen = screen, number = 1, top = 0, shown = {}, alone = 0, ids = false,
    status = "",
  }, Screen)
  for i in ipairs(exploration.policies) do self.shown[i] = true end
  local is_stale = true
  while true do
    if is_stale then draw(self) end
    local key = screen:key(1)
    is_stale = key ~= nil
    if key and self.typed then
      type_text(self, key)
    elseif key == "q" or key == "escape" or key == "gone" then
      return
    elseif key then
      self.status = ""
      if key:match "^[1-9]$" then toggle(self, tonumber(key)) elseif keys[key] then keys[key](self) end
    end
  end
end
