--- Rows of numbers of a golden case as packed float64 tensors.
local tensor = require "perilune.tensor"

local pack = {}

--- A list as a float64 tensor.
function pack.f64(list, grad) return tensor(list, { dtype = "f64", requires_grad = grad or false }) end

--- Ragged rows as one packed tensor, and their lengths.
function pack.rows(rows, grad)
  local all, lengths = {}, {}
  for i, row in ipairs(rows) do
    table.move(row, 1, #row, #all + 1, all)
    lengths[i] = #row
  end
  return pack.f64(all, grad), lengths
end

--- The rows of a packed tensor, a tensor each, through which gradients flow.
function pack.parts(packed, lengths)
  local parts, first = {}, 1
  for row, length in ipairs(lengths) do
    parts[row] = packed:narrow(1, first, length)
    first = first + length
  end
  return parts
end

--- Pairs of two lists of packed rows by name, as a batch: row i of the first half is that of `order[i][1]`,
-- of the second half that of `order[i][2]`. `policy` and `ref` have the rows by name, `more` other columns;
-- the tensors of the policy by name are the second result.
function pack.pairs(batches, policy, ref, order, more)
  local leaves, parts, logps, ref_rows, lengths, writer = {}, {}, {}, {}, {}, {}
  for name, rows in pairs(policy) do
    local packed, own = pack.rows(rows, true)
    leaves[name], parts[name] = packed, pack.parts(packed, own)
  end
  for row, names in ipairs(order) do
    for half, name in ipairs(names) do
      local place = (half - 1) * #order + row
      logps[place], ref_rows[place], writer[place] = parts[name][row], ref[name][row], name
      lengths[place] = #ref[name][row]
    end
  end
  local given = {
    pairs = true, lengths = lengths, logps = tensor.cat(logps, 1), ref_logps = (pack.rows(ref_rows)),
    writer = writer,
  }
  for name, column in pairs(more or {}) do given[name] = column end
  return batches.plain(given), leaves
end

--- The group of each of n rows: `size` rows one after another.
function pack.groups(n, size)
  local group = {}
  for row = 1, n do group[row] = (row - 1) // size + 1 end
  return group
end

--- The rewards of n rows as a tensor, and those of several functions as lists; NaN where one is missing.
function pack.rewards(given, n)
  local numbers, lists, most = {}, {}, 0
  for row = 1, n do
    numbers[row] = type(given[row]) == "number" and given[row] or 0 / 0
    for k in pairs(type(given[row]) == "table" and given[row] or {}) do most = math.max(most, k) end
  end
  for row = 1, n do
    lists[row] = {}
    for k = 1, most do lists[row][k] = (given[row] or {})[k] or 0 / 0 end
  end
  return pack.f64(numbers), most > 0 and lists or nil
end

--- Those of the options of a case that are named.
function pack.only(options, names)
  local some = {}
  for _, name in ipairs(names) do some[name] = options[name] end
  return some
end

return pack
