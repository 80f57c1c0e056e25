--- The files of a process at the moment when the power went: what may be there of what was not synced.
--
-- The model promises what POSIX does and no more. A file's contents are kept from its last fsync, the names
-- in a folder from the last fsync of the folder; of later writes and names any may have reached the disk.
--
--   local disk = lost_power.new(root)
--   disk:apply(operation)                     an operation of operations.read
--   disk:write_to(folder, "random", seed)     what is left after a loss
local system = require "perilune.system"

local lost_power = {}

local Disk = {}
Disk.__index = Disk

local function new_folder() return { names = {}, durable = {} } end
local function new_file() return { text = "", pending = {} } end

--- A disk whose only folder is `root`.
function lost_power.new(root)
  return setmetatable({ root = root, top = new_folder(), open = {} }, Disk)
end

--- The losses: of what was not synced nothing is lost, all is, contents are and names not, or a coin decides.
lost_power.losses = { "nothing", "everything", "contents", "random" }

--- The folder of a path, and its name there.
local function find(disk, path)
  local folder, name = disk.top, nil
  for part in path:sub(#disk.root + 1):gmatch "[^/]+" do
    if name then folder = folder.names[name] end
    name = part
  end
  return folder, name
end

local function node_at(disk, path)
  local folder, name = find(disk, path)
  return name and folder.names[name] or folder
end

--- The text after a write at an offset, or after a change of its size.
local function changed(text, change)
  if change.size then
    return text:sub(1, change.size) .. ("\0"):rep(change.size - #text)
  end
  local head = text:sub(1, change.offset)
  local tail = text:sub(change.offset + #change.bytes + 1)
  return head .. ("\0"):rep(change.offset - #head) .. change.bytes .. tail
end

local does = {}

function does.open(disk, handle, creates, truncates, path)
  local folder, name = find(disk, path)
  if name and not folder.names[name] then
    if creates == 0 then return end
    folder.names[name] = new_file()
  end
  local node = name and folder.names[name] or folder
  disk.open[handle] = node
  if truncates == 1 then node.pending[#node.pending + 1] = { size = 0 } end
end

function does.write(disk, handle, offset, bytes)
  local file = disk.open[handle]
  file.pending[#file.pending + 1] = { offset = offset, bytes = bytes }
end

function does.truncate(disk, handle, size)
  local file = disk.open[handle]
  file.pending[#file.pending + 1] = { size = size }
end

function does.sync(disk, handle)
  local node = disk.open[handle]
  if node.names then
    node.durable = {}
    for name, entry in pairs(node.names) do node.durable[name] = entry end
  else
    for _, change in ipairs(node.pending) do node.text = changed(node.text, change) end
    node.pending = {}
  end
end

function does.mkdir(disk, path)
  local folder, name = find(disk, path)
  folder.names[name] = new_folder()
end

function does.unlink(disk, path)
  local folder, name = find(disk, path)
  folder.names[name] = nil
end

function does.rename(disk, from, to)
  local node = node_at(disk, from)
  does.unlink(disk, from)
  local folder, name = find(disk, to)
  folder.names[name] = node
end

function does.exchange(disk, a, b)
  local one, other = node_at(disk, a), node_at(disk, b)
  local folder, name = find(disk, a)
  folder.names[name] = other
  folder, name = find(disk, b)
  folder.names[name] = one
end

function does.mark() end

--- Takes an operation of operations.read.
function Disk:apply(operation) does[operation[2]](self, table.unpack(operation, 3)) end

--- The contents of a file after a loss. A write that a coin keeps may be torn at a sector of 512 bytes.
local function text_after(file, loss)
  local text = file.text
  if loss == "everything" or loss == "contents" then return text end
  for _, change in ipairs(file.pending) do
    if loss == "nothing" then
      text = changed(text, change)
    elseif math.random() < 0.5 then
      if change.bytes and math.random() < 0.3 then
        local sectors = math.random(0, #change.bytes // 512)
        change = { offset = change.offset, bytes = change.bytes:sub(1, 512 * sectors) }
      end
      text = changed(text, change)
    end
  end
  return text
end

--- The names in a folder after a loss.
local function names_after(folder, loss)
  if loss == "everything" then return folder.durable end
  if loss ~= "random" then return folder.names end
  local all, left = {}, {}
  for _, names in ipairs { folder.names, folder.durable } do
    for name in pairs(names) do all[#all + 1] = name end
  end
  table.sort(all)
  for i, name in ipairs(all) do
    if name ~= all[i - 1] then
      left[name] = (math.random() < 0.5 and folder.names or folder.durable)[name]
    end
  end
  return left
end

--- Makes what is left after a loss in an empty folder; returns a hash of it.
function Disk:write_to(folder, loss, seed)
  math.randomseed(seed)
  local parts = {}
  local function make(node, path)
    if not node.names then
      local text = text_after(node, loss)
      local file <close> = assert(io.open(path, "wb"))
      file:write(text)
      parts[#parts + 1] = path:sub(#folder + 1) .. " " .. system.sha256(text)
      return
    end
    parts[#parts + 1] = path:sub(#folder + 1)
    system.make_folder(path)
    local names, sorted = names_after(node, loss), {}
    for name in pairs(names) do sorted[#sorted + 1] = name end
    table.sort(sorted)
    for _, name in ipairs(sorted) do make(names[name], path .. "/" .. name) end
  end
  make(self.top, folder)
  return system.sha256(table.concat(parts, "\n"))
end

return lost_power
