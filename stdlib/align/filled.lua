--- A list of `count` times the same value: a column that all rows of a batch share.
--
--   > table.concat(filled(3, "policy"), " ")
--   policy policy policy
return function(count, value)
  local list = {}
  for i = 1, count do list[i] = value end
  return list
end
