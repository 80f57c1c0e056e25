--- An event file for TensorBoard: the figures of a run as scalars.
--
-- A record is its length, the masked CRC-32C of the length, the bytes, and their masked CRC-32C (TFRecord);
-- the bytes are a message Event { wall_time = 1, step = 2, file_version = 3, summary = 5 } of protocol
-- buffers. TensorFlow, tensorflow/core/lib/io/record_writer.h and core/util/event.proto.
local native = require "perilune.native.run"
local system = require "perilune.system"

local crcs = {}
for i = 0, 255 do
  local crc = i
  for _ = 1, 8 do crc = crc & 1 == 1 and crc >> 1 ~ 0x82F63B78 or crc >> 1 end
  crcs[i] = crc
end

--- The masked CRC-32C (Castagnoli) of bytes.
local function masked_crc(bytes)
  local crc = 0xFFFFFFFF
  for i = 1, #bytes do crc = crcs[(crc ~ bytes:byte(i)) & 0xFF] ~ crc >> 8 end
  crc = crc ~ 0xFFFFFFFF
  return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
end

local function record(bytes)
  local length = ("<I8"):pack(#bytes)
  return length .. ("<I4"):pack(masked_crc(length)) .. bytes .. ("<I4"):pack(masked_crc(bytes))
end

local function varint(x)
  local bytes = {}
  repeat
    local low = x & 0x7F
    x = x >> 7
    bytes[#bytes + 1] = string.char(x ~= 0 and low | 0x80 or low)
  until x == 0
  return table.concat(bytes)
end

--- A field of bytes: its number with wire type 2, its length and the bytes.
local function field(number, bytes) return varint(number << 3 | 2) .. varint(#bytes) .. bytes end

local function event(time, step, name, value)
  local scalar = field(1, name) .. "\x15" .. ("<f"):pack(value)
  return "\x09" .. ("<d"):pack(time) .. "\x10" .. varint(step) .. field(5, field(1, scalar))
end

--- Writes the figures of a run to FOLDER/events.out.tfevents.TIME.ID. Returns the path.
return function(run, folder)
  local created = run.created
  local parts = { record("\x09" .. ("<d"):pack(created) .. field(3, "brain.Event:2")) }
  local times = {}
  for _, tick in ipairs(native.records(run.path, "tick")) do times[tick.step] = tick.time end
  for name in pairs(run.last) do
    local steps, values = native.curve(run.path, name, "all")
    for i, step in ipairs(steps) do
      local bytes = record(event(times[step] or created, step, name, values[i]))
      parts[#parts + 1] = { step = step, name = name, bytes = bytes }
    end
  end
  local head = table.remove(parts, 1)
  table.sort(parts, function(a, b)
    if a.step ~= b.step then return a.step < b.step end
    return a.name < b.name
  end)
  for i, part in ipairs(parts) do parts[i] = part.bytes end
  system.make_folder(folder)
  local path = ("%s/events.out.tfevents.%d.%s"):format(folder, math.floor(created), run.id)
  system.write_file(path, head .. table.concat(parts))
  return path
end
