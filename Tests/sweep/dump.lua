--- Prints the runs of a folder, without times and in the order of their ids, with how their processes ended.
local run = require "perilune.run"
local found = {}
for _, one in ipairs(run.runs { folder = arg[1] }:columns "status") do
  local record, ends = run.read(one.id, arg[1]), {}
  for _, row in ipairs(record:history()) do ends[#ends + 1] = row.what end
  found[#found + 1] = ("%s %s\n%s"):format(one.id, one.status, record:dump())
  io.stderr:write(("%s %s: %s\n"):format(one.id, one.status, table.concat(ends, " ")))
end
table.sort(found)
print(table.concat(found))
