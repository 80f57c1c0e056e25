--- The options that may be typed next: completion inside the braces of a call.
--
--   > local options = require "perilune.options"
--   > options.spec("example.run", { { "steps", 1, "n" }, { "stop", 2, "last id" }, { "lr", 1, "rate" } })
--   [options.Spec example.run]
--   > table.concat(keys "x = example.run { lr = 0.2, st", " ")
--   steps stop
--   > table.unpack(select(2, keys "x = example.run { ste"))
--   steps = 1	n
local typed = require "perilune.options.typed"

--- The names of options that begin with the word at the end of `text` and are not given yet; nil unless the
-- end of `text` is a key in the braces of a call of a function with options.
--
-- The second result has for each name its default, `name = default`, then, after a tab, its meaning.
-- `resolve(path)` gives the value of a path, for functions that the caller has in variables.
return function(text, resolve)
  local place = typed.place(text, resolve)
  if not place or place.kind ~= "key" then return nil end
  local names, details = {}, {}
  for _, entry in ipairs(place.spec.list) do
    if not place.given[entry.name] and entry.name:sub(1, #place.start) == place.start then
      names[#names + 1] = entry.name
      details[#names] = ("%s = %s\t%s"):format(entry.name, entry:default_text(), entry:sentence())
    end
  end
  return names, details
end
