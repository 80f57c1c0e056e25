--- Where two values differ beyond a tolerance, in words: numbers, tensors, nested tables.
--
-- The tolerances are a table with `rtol` and `atol` (nil: by the type), `equal_nan` and `check_dtype`.
--
--   > local difference = require "perilune.testing.difference"
--   > difference.find({ a = { 1, 2 } }, { a = { 1, 2 } }, {})
--   nil
--   > difference.find(1, 2, { atol = 0.5, rtol = 0 })
--   values differ: got 1, expected 2; absolute difference 1, relative 0.5 (tolerance: atol 0.5, rtol 0)
local rule = require "perilune.options.rule"

local difference = {}

-- Those of torch.testing.assert_close, by the type of the elements.
local defaults = {
  f32 = { rtol = 1.3e-6, atol = 1e-5 }, f64 = { rtol = 1e-7, atol = 1e-7 },
  i64 = { rtol = 0, atol = 0 }, bool = { rtol = 0, atol = 0 },
}

local function tolerances(o, kind)
  if o.rtol and o.atol then return o.rtol, o.atol end
  if o.rtol or o.atol then return o.rtol or 0, o.atol or 0 end
  return defaults[kind].rtol, defaults[kind].atol
end

--- A value in an error message: numbers in all digits, strings in quotes and cut.
--
--   > require("perilune.testing.difference").show(1 / 3)
--   0.33333333333333331
function difference.show(value)
  if math.type(value) == "float" and value == value then
    local short = ("%.15g"):format(value)
    local text = tonumber(short) == value and short or ("%.17g"):format(value)
    return text:find "^-?%d+$" and text .. ".0" or text
  end
  if type(value) == "string" and #value <= 200 then return (("%q"):format(value):gsub("\\\n", "\\n")) end
  return rule.show(value)
end
local show = difference.show

local function at(path) return path == "" and "" or " at " .. path end

local function in_words(distance, of, rtol, atol)
  local relative = of ~= 0 and distance / math.abs(of) or math.huge
  return ("absolute difference %.6g, relative %.6g (tolerance: atol %g, rtol %g)"):format(
    distance, relative, atol, rtol)
end

local function numbers(a, b, o, path)
  if a == b or (o.equal_nan and a ~= a and b ~= b) then return nil end
  local are_whole = math.type(a) == "integer" and math.type(b) == "integer"
  local rtol, atol = tolerances(o, are_whole and "i64" or "f64")
  local text = ("values differ%s: got %s, expected %s"):format(at(path), show(a), show(b))
  if rtol == 0 and atol == 0 then return text end
  local distance = math.abs(a - b)
  local are_finite = distance < math.huge and math.abs(b) < math.huge
  if are_finite and distance <= atol + rtol * math.abs(b) then return nil end
  return text .. (are_finite and "; " .. in_words(distance, b, rtol, atol) or "")
end

local function is_tensor(value) return type(value) == "userdata" and rule.class(value) == "Tensor" end

-- The position of element `index` of the flattened tensor: "[2, 3]".
local function position(index, shape)
  local parts, rest = {}, index - 1
  for d = #shape, 1, -1 do
    table.insert(parts, 1, rest % shape[d] + 1)
    rest = rest // shape[d]
  end
  return "[" .. table.concat(parts, ", ") .. "]"
end

-- Whether each element is close: tensors of the same shape, flattened.
local function closeness(a, b, o, rtol, atol)
  local close = a:eq(b)
  if o.equal_nan then close = close:logical_or(a:isnan():logical_and(b:isnan())) end
  if rtol > 0 or atol > 0 then
    local x, y = a:double(), b:double()
    local within = (x - y):abs():le(y:abs() * rtol + atol)
    close = close:logical_or(within:logical_and(x:isfinite():logical_and(y:isfinite())))
  end
  return close
end

-- Differing elements that are listed.
local shown <const> = 5

local function listing(a, b, close, shape, rtol, atol)
  local x, y = a:double():totable(), b:double():totable()
  local lines, count, largest, ratio = {}, 0, nil, nil
  for i, is_close in ipairs(close:totable()) do
    if not is_close then
      count = count + 1
      local distance = math.abs(x[i] - y[i])
      local relative = y[i] ~= 0 and distance / math.abs(y[i]) or math.huge
      if distance ~= distance then distance, relative = math.huge, math.huge end
      if not largest or distance > largest.value then largest = { value = distance, i = i } end
      if not ratio or relative > ratio.value then ratio = { value = relative, i = i } end
      if count <= shown then
        lines[#lines + 1] = ("  %s: got %s, expected %s"):format(
        position(i, shape), show(x[i]), show(y[i]))
      end
    end
  end
  if count > shown then lines[#lines + 1] = ("  and %d more"):format(count - shown) end
  table.insert(lines, 1, ("tensors differ in %d of %d elements (%.3g %%)"):format(
    count, #x, 100 * count / #x))
  lines[#lines + 1] = ("  largest absolute difference %.6g at %s, largest relative %.6g at %s"):format(
    largest.value, position(largest.i, shape), ratio.value, position(ratio.i, shape))
  lines[#lines + 1] = ("  tolerance: atol %g, rtol %g"):format(atol, rtol)
  return lines
end

local function tensors(a, b, o, path)
  local shape, other = a:size(), b:size()
  local own, wanted = "[" .. table.concat(shape, ", ") .. "]", "[" .. table.concat(other, ", ") .. "]"
  if own ~= wanted then
    return ("tensors differ%s in shape: got %s, expected %s"):format(at(path), own, wanted)
  end
  local kind = b:dtype()
  if a:dtype() ~= kind then
    if o.check_dtype then
      return ("tensors differ%s in type: got %s, expected %s"):format(at(path), a:dtype(), kind)
    end
    local least = { bool = 1, i64 = 2, f64 = 3, f32 = 4 }  -- the looser tolerance of the two
    if least[a:dtype()] > least[kind] then kind = a:dtype() end
    a, b = a:double(), b:double()
  end
  if a:numel() == 0 then return nil end
  local rtol, atol = tolerances(o, kind)
  a, b = a:detach():contiguous():flatten(), b:detach():contiguous():flatten()
  local close = closeness(a, b, o, rtol, atol)
  if close:all() then return nil end
  local lines = listing(a, b, close, #shape == 0 and { 1 } or shape, rtol, atol)
  if path ~= "" then lines[1] = path .. ": " .. lines[1] end
  return table.concat(lines, "\n")
end

local function key_text(key)
  if type(key) == "string" and key:find "^[%a_][%w_]*$" then return "." .. key end
  return "[" .. show(key) .. "]"
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(x, y)
    if type(x) ~= type(y) then return type(x) < type(y) end
    return (type(x) == "number" or type(x) == "string") and x < y
  end)
  return keys
end

-- Characters of the place of a difference: it would grow with the depth, and memory with its square.
local place_max <const> = 2000

local find

local function tables(a, b, o, path, seen)
  if a == b or (seen[a] and seen[a][b]) then return nil end
  seen[a] = seen[a] or {}
  seen[a][b] = true
  if getmetatable(a) == getmetatable(b) and (getmetatable(a) or {}).__eq then
    return ("values differ%s: got %s, expected %s"):format(at(path), tostring(a), tostring(b))
  end
  for _, key in ipairs(sorted_keys(b)) do
    local place = #path < place_max and path .. key_text(key) or path
    if a[key] == nil then return ("missing%s: expected %s"):format(at(place), show(b[key])) end
    local problem = find(a[key], b[key], o, place, seen)
    if problem then return problem end
  end
  for _, key in ipairs(sorted_keys(a)) do
    if b[key] == nil then
      return ("not expected%s: got %s"):format(at(path .. key_text(key)), show(a[key]))
    end
  end
  return nil
end

function find(a, b, o, path, seen)
  if type(a) == "number" and type(b) == "number" then return numbers(a, b, o, path) end
  if is_tensor(a) and is_tensor(b) then return tensors(a, b, o, path) end
  if type(a) == "table" and type(b) == "table" then return tables(a, b, o, path, seen) end
  if rawequal(a, b) or (type(a) == type(b) and a == b) then return nil end
  return ("values differ%s: got %s, expected %s"):format(at(path), show(a), show(b))
end

--- What differs between `actual` and `expected`, in words; nil if nothing does.
function difference.find(actual, expected, o) return find(actual, expected, o, "", {}) end

return difference
