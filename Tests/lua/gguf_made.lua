--- Small GGUF files, written by the specification of ggml: magic, version 3, counts, pairs of key and value,
-- tensors.
local gguf = {}

--- The number of a type of value, and how it is packed.
local types <const> = {
  u32 = { 4, "<I4" }, f32 = { 6, "<f" }, bool = { 7, "<B" }, text = { 8, "<s8" },
}

--- A value with its type, as { "u32", 3 }, { "u32", list = { 3 } } or { "text", count = 2, bytes = "..." }.
local function packed(given)
  local number, format = table.unpack(types[given[1]])
  if given.bytes then return string.pack("<I4I4I8", 9, number, given.count) .. given.bytes end
  if not given.list then return string.pack("<I4", number) .. string.pack(format, given[2]) end
  local parts = { string.pack("<I4I4I8", 9, number, #given.list) }
  for _, item in ipairs(given.list) do parts[#parts + 1] = string.pack(format, item) end
  return table.concat(parts)
end

--- Writes a file of these pairs with a table of 12 embeddings of 8 numbers and, where they are given,
-- divisors of the rotary frequencies.
function gguf.write(path, pairs_of, divisors)
  local names, parts = {}, {}
  for name in pairs(pairs_of) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do parts[#parts + 1] = string.pack("<s8", name) .. packed(pairs_of[name]) end
  local table_bytes <const> = 8 * 12 * 4
  local text = "GGUF" .. string.pack("<I4I8I8", 3, divisors and 2 or 1, #names) .. table.concat(parts)
    .. string.pack("<s8I4I8I8I4I8", "token_embd.weight", 2, 8, 12, 0, 0)
  local data = ("\0"):rep(table_bytes)
  if divisors then
    text = text .. string.pack("<s8I4I8I4I8", "rope_freqs.weight", 1, #divisors, 0, table_bytes)
    data = data .. string.pack("<" .. ("f"):rep(#divisors), table.unpack(divisors))
  end
  local file <close> = assert(io.open(path, "wb"))
  file:write(text, ("\0"):rep(-#text % 32), data, ("\0"):rep(-#data % 32))
end

return gguf
