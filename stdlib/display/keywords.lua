--- The reserved words of Lua 5.4 (manual, section 3.1), with white space between them.
--
--   > select(2, require "perilune.display.keywords":gsub("%a+", ""))
--   22
return [[
and break do else elseif end false for function goto if in
local nil not or repeat return then true until while
]]
