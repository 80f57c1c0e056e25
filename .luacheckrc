-- What `scripts/check` asks of every Lua file of the project.
std = "lua54"
max_line_length = 110
self = false
ignore = { "581" }  -- `not (x > y)` is not `x <= y` where y is NaN

files["Tests/lua"] = { allow_defined = true, globals = { "Test.*" } }
