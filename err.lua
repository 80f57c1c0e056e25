local function f(x) error('boom'..x) end
local function g() f(1) return 1 end
g()