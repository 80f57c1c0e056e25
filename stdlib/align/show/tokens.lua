--- Tokens as they are shown: their text without control characters, their numbers as classes and letters.
local tokens = {}

--- The bounds of the classes in nats, which are about half a power of ten apart.
tokens.bounds = { 0.1, 0.3, 1, 3, 10 }

--- The class of a number: 0 within 0.1 of zero, up to 5 beyond 10, with its sign.
--
--   > tokens.class(0.05), tokens.class(-0.5), tokens.class(40)
--   0	-2	5
function tokens.class(value)
  local class = 0
  for i, bound in ipairs(tokens.bounds) do
    if math.abs(value) >= bound then class = i end
  end
  return value < 0 and -class or class
end

--- The letter of a number: A to E where the policy raised a token, a to e where it lowered it, "." else.
--
--   > tokens.letter(0.5) .. tokens.letter(-0.5) .. tokens.letter(0)
--   Bb.
function tokens.letter(value)
  if value ~= value then return "?" end
  local class = tokens.class(value)
  if class == 0 then return "." end
  return string.char((class > 0 and 64 or 96) + math.abs(class))
end

local blue <const> = { 195, 153, 117, 75, 33 }     -- of the 256 colours of terminals, light to strong
local orange <const> = { 230, 223, 216, 209, 202 }

--- A text on the background of a number's class, for a terminal: blue where the policy raised the token,
-- orange where it lowered it.
function tokens.colored(text, value)
  local class = tokens.class(value)
  if class == 0 or value ~= value then return text end
  local color = (class > 0 and blue or orange)[math.abs(class)]
  return ("\27[48;5;%d;38;5;16m%s\27[0m"):format(color, text)
end

--- One line that says what the colours or the letters mean. A log-probability is never raised.
--
--   > tokens.legend("log pi", false)
--   log pi of a token, from nats: a -0.1, b -0.3, c -1, d -3, e -10
function tokens.legend(what, color)
  local parts = {}
  for _, sign in ipairs(what == "log pi/pi_ref" and { 1, -1 } or { -1 }) do
    for _, bound in ipairs(tokens.bounds) do
      local value = sign * bound
      parts[#parts + 1] = color and tokens.colored((" %+g "):format(value), value)
        or ("%s %+g"):format(tokens.letter(value), value)
    end
  end
  return ("%s of a token, from nats: %s"):format(what, table.concat(parts, color and "" or ", "))
end

--- A text without control characters, and bytes that are no UTF-8 as \xNN.
--
--   > tokens.visible("a\n\27[31mb\xff")
--   a\n\x1b[31mb\xff
function tokens.visible(text)
  local function code(c) return ("\\x%02x"):format(c:byte()) end
  if not utf8.len(text) then text = text:gsub("[\x80-\xff]", code) end
  return (text:gsub("\xc2([\x80-\x9f])", code):gsub("\n", "\\n"):gsub("%c", code))
end

--- A line of tokens: { label =, ids =, texts =, values = }; `texts` where there is a tokenizer.
function tokens.line(label, ids, o, values)
  local texts
  if o.tokenizer then
    texts = {}
    for i, id in ipairs(ids) do
      local text = tokens.visible(o.tokenizer:decode { id })
      texts[i] = text == "" and ("<%d>"):format(id) or text
    end
  end
  return { label = label, ids = ids, texts = texts, values = values }
end

--- What is said of a response as a whole: tokens, end, sum of the numbers, who wrote it.
function tokens.note(line, o, what, origin)
  local ids, parts, sum = line.ids, {}, 0.0
  parts[1] = #ids == 1 and "1 token" or ("%d tokens"):format(#ids)
  if o.stop and #o.stop > 0 then
    local ended = "not ended"
    for _, id in ipairs(o.stop) do
      if id == ids[#ids] then ended = ("ended by %d"):format(id) end
    end
    parts[2] = ended
  end
  for _, value in ipairs(line.values or {}) do sum = sum + value end
  if line.values then parts[#parts + 1] = ("%s %+.2f"):format(what, sum) end
  if origin ~= "" then parts[#parts + 1] = origin end
  return table.concat(parts, ", ")
end

return tokens
