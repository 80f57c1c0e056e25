-- A native module X without a stdlib/X.lua is also `perilune.X`.
table.insert(package.searchers, function(name)
  local native = "perilune.native." .. (name:match "^perilune%.([%w_]+)$" or "")
  return package.preload[native] and function() return require(native) end or nil
end)
