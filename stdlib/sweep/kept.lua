--- Results of functions kept as runs: the rows of `parallel.map { keep = FOLDER }` and of experiments.
--
-- A row is known by the label and the item, its result is the file result.json of its run. A row that is done
-- has a run that has finished with a result that is whole; another is made, from the last checkpoint of what
-- it trains.
local attempt = require "perilune.attempt"
local errors = require "perilune.errors"
local native = require "perilune.native.run"
local options = require "perilune.options"
local plain = require "perilune.plain"
local system = require "perilune.system"
local identity = require "perilune.run.identity"

local kept = {}

local file <const> = "result.json"

local Kept = { __name = "SweepKept" }
Kept.__index = Kept

--- The rows of items, plain data, in a folder of runs: `rows` has one for each item of `items` that differs
-- from those before it, with `task`, `id`, `config` and `item`; `row_of[i]` is that of item i.
--
-- Errors: an item is no plain data.
function kept.new(folder, label, items)
  local self = setmetatable({ folder = folder, rows = {}, row_of = {} }, Kept)
  local by_id, slug = {}, identity.slug(label, 32)
  for i, item in ipairs(items) do
    local text = plain.encode(item, "item " .. i)
    local id = ("%s-%s"):format(slug, system.sha256(label .. "\n" .. text):sub(1, 12))
    if not by_id[id] then
      local config = { map = label, item = item }
      -- An item may be what no config is, such as bytes that are no UTF-8.
      if not attempt.call(identity.of, config, "item") then config.item = system.sha256(text) end
      by_id[id] = { task = i, id = id, config = config, item = item }
      self.rows[#self.rows + 1] = by_id[id]
    end
    self.row_of[i] = by_id[id]
  end
  return self
end

--- What `read(path, ...)` gives of the run of a row. Errors: its record is damaged, and the message says what
-- to do; no traceback is of use there.
local function read_run(read, path, ...)
  local ok, found = attempt.call(read, path, ...)
  if ok then return found end
  local problem = errors.message(found):gsub("^[^\n:]*:%d+: ", "")
  local is_damaged = problem:find("run.sqlite cannot be read: ", 1, true)
  local advice = (". It is enough to remove the folder %s: the row is made again"):format(path)
  system.refused(problem .. (is_damaged and advice or ""))
end

--- What the run of a row in the folder `path` says of itself; nil where there is none. Errors: its record is
-- damaged.
--
--   > kept.about(os.tmpname() .. ".none")
--   nil
function kept.about(path)
  return system.exists(path .. "/run.sqlite") and read_run(native.about, path) or nil
end

--- What the run of a row says of itself; nil where there is none.
function Kept:about(row) return kept.about(("%s/%s"):format(self.folder, row.id)) end

function Kept:describe(row) return ("item %d"):format(row.task) end

--- Puts the result of a row into its run. Errors: it is no plain data.
function Kept:put(job, result) job:file(file, plain.encode(result, "the result"), "result") end

--- Whether a row is done, and its result. A result that is damaged is named, and the row is not done.
function Kept:get(row)
  local about = self:about(row)
  if not about or about.status ~= "finished" then return false end
  local path, hash = ("%s/%s"):format(self.folder, row.id), nil
  for _, one in ipairs(read_run(native.records, path, "file")) do
    if one.path == file then hash = one.sha256 end
  end
  local handle <close> = io.open(path .. "/" .. file, "rb")
  local text = handle and handle:read "a"
  if not hash or not text or system.sha256(text) ~= hash then
    io.stderr:write(("%s/%s is damaged; made again: %s\n"):format(path, file, self:describe(row)))
    return false
  end
  return true, plain.decode(text)
end

return options.strict("sweep.kept", kept)
