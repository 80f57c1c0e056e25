--- The batches that a source gave at earlier steps: what buffers read, saved with a run and restored.
--
-- A batch is kept under its step. Keeping one forgets those of its step and of later ones, so a step that is
-- repeated after Ctrl-C, and a second run on the same source, see what the first time saw.
--
--   > local kept = require "perilune.align.memory"()
--   > for step = 1, 4 do kept:put(step, "batch " .. step) end
--   > table.concat(kept:between(2, 3), ", ")
--   batch 2, batch 3
--   > kept:put(2, "another") print(table.concat(kept:between(1, 9), ", "))
--   batch 1, another
local packed = require "perilune.align.runs.packed"

local Memory = {}
Memory.__index = Memory

--- Keeps the batch of a step; forgets those before step `first`, where it is given.
function Memory:put(step, batch, first)
  for known in pairs(self.by_step) do
    if known >= step or first and known < first then self.by_step[known] = nil end
  end
  self.by_step[step] = batch
end

--- The batches of the steps from `first` to `last`, in order, and a list of their steps.
function Memory:between(first, last)
  local steps, found = {}, {}
  for step in pairs(self.by_step) do
    if step >= first and step <= last then steps[#steps + 1] = step end
  end
  table.sort(steps)
  for i, step in ipairs(steps) do found[i] = self.by_step[step] end
  return found, steps
end

--- All batches as plain data, and back.
function Memory:state()
  local list = {}
  local found, steps = self:between(-math.huge, math.huge)
  for i, batch in ipairs(found) do list[i] = { step = steps[i], batch = packed.pack(batch) } end
  return list
end

function Memory:restore(list)
  self.by_step = {}
  for _, entry in ipairs(list) do self.by_step[entry.step] = packed.unpack(entry.batch) end
end

return function() return setmetatable({ by_step = {} }, Memory) end
