--- What small operations cost: the nanoseconds of a turn of a Lua loop, of the processor.
--
--   bin/perilune --threads=1 scripts/bench/small.lua
--   .bench-venv/bin/python scripts/bench/peers/small.py          the same lines in PyTorch
--
-- `a`, `b` and `s` are tensors of one number, `v` of 1,000, `r` asks for a gradient. The least of 12 loops.
local T = require("perilune").tensor

local count <const> = 100000
local a, b, s, v = T { 1.5 }, T { 2.5 }, T { 3 }:sum(), T.rand(1000)
local r = T { 1.5 }:requires_grad_()

local lines <const> = {
  { "a + b", function() return a + b end },
  { "a + 1.0", function() return a + 1.0 end },
  { "a:exp()", function() return a:exp() end },
  { "a + b, recorded", function() return r + b end },
  { "a:add_(b)", function() return a:add_(b) end },
  { "a:numel()", function() return a:numel() end },
  { "s:item()", function() return s:item() end },
  { "v[i]", function(i) return v[i] end },
  { "v[i]:item()", function(i) return v[i]:item() end },
  { "v[i] = x", function(i) v[i] = 0.5 end },
}

for _, line in ipairs(lines) do
  local name, run, least = line[1], line[2], math.huge
  for _ = 1, 12 do
    collectgarbage()
    local from = os.clock()
    for i = 1, count do run(i % 1000 + 1) end
    least = math.min(least, os.clock() - from)
  end
  print(("%-16s %6.0f ns"):format(name, least / count * 1e9))
end
