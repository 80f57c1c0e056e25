--- Damaged forms of files: case `i` of a seed is always the same bytes.
local damage = {}

--- Numbers that break sizes and counts.
local numbers <const> = { 0, 1, 2, 7, 8, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 1 << 20,
  (1 << 31) - 1, 1 << 31,
  (1 << 32) - 1, 1 << 32, 1 << 40, math.maxinteger, math.mininteger, -1, -2 }

--- Pieces of texts that parsers look at.
local pieces <const> = { "{", "}", "[", "]", ",", ":", '"', "\\", "\\u", "\\ud800", "null", "true", "-",
  "1e999",
  "9223372036854775808", "-0", "0.5", "\0", "\xFF", "\xC0\x80", "\xED\xA0\x80", "\u{FEFF}", "\u{10FFFF}",
    "\r\n", "{{", "}}",
  "{%", "%}", "| int", "(?", "\\p{L}", "[^", "*", "{9999}", "'", " " }

--- A generator of numbers from 1 to n: Knuth's MMIX.
function damage.generator(seed)
  local state = seed
  return function(n)
    state = state * 6364136223846793005 + 1442695040888963407
    return (state >> 33) % n + 1
  end
end

local changes <const> = {
  function(bytes, at, draw)
    return bytes:sub(1, at - 1) .. string.char(bytes:byte(at) ~ 1 << draw(8) - 1) .. bytes:sub(at + 1)
  end,
  function(bytes, at, draw) return bytes:sub(1, at - 1) .. string.char(draw(256) - 1)
    .. bytes:sub(at + 1) end,
  function(bytes, at) return bytes:sub(1, at - 1) end,
  function(bytes, at, draw) return bytes:sub(1, at - 1) .. bytes:sub(at + draw(16)) end,
  function(bytes, at, draw) return bytes:sub(1, at - 1) .. pieces[draw(#pieces)] .. bytes:sub(at) end,
  function(bytes, at, draw)
    local width = ({ "<i2", "<i4", "<i8" })[draw(3)]
    local size = width:byte(3) - 48
    local number = numbers[draw(#numbers)] & (size == 8 and -1 or (1 << 8 * size) - 1)
    local packed = ("<I" .. size):pack(number)
    return bytes:sub(1, at - 1) .. packed .. bytes:sub(at + size)
  end,
  function(bytes, at, draw) return bytes:sub(1, at - 1) .. tostring(numbers[draw(#numbers)])
    .. bytes:sub(at + draw(3)) end,
  function(bytes, at, draw)
    local part = bytes:sub(at, at + draw(64))
    local to = draw(#bytes)
    return bytes:sub(1, to) .. part:rep(draw(4)) .. bytes:sub(to + 1)
  end,
  function(bytes, at, draw, other)
    local from = draw(#other)
    local part = other:sub(from, from + draw(400))
    return bytes:sub(1, at - 1) .. part .. bytes:sub(at + #part)
  end,
}

--- A damaged form of one of `seeds`, a list of texts of at least one byte, and which it was; half of the
-- damage is in the first `head` bytes, where sizes are.
function damage.of(seeds, seed, case, head)
  local draw = damage.generator(seed * 1000003 + case * 7919)
  draw(2)
  local which = draw(#seeds)
  local bytes, other = seeds[which], seeds[draw(#seeds)]
  for _ = 1, math.max(1, draw(6) - 2) do
    if #bytes == 0 then break end
    local at = draw(draw(2) == 1 and math.min(head, #bytes) or #bytes)
    bytes = changes[draw(#changes)](bytes, at, draw, other)
  end
  return bytes, which
end

return damage
