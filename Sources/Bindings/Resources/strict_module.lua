-- Makes reading a name that a native module does not have an error that suggests the nearest one.
-- Arguments: the name of the module for `require`, and its name in messages.
local name, title = ...
local open = package.preload[name]
package.preload[name] = function(...)
  return setmetatable(open(...), {
    __index = function(module, key)
      if type(key) ~= "string" then return nil end
      local names = {}
      for known in next, module do names[#names + 1] = known end
      local near = require "perilune.native.help".nearest(key, names)
      local hint = near and ("; did you mean '%s'?"):format(near) or ""
      error(("%s has no '%s'%s"):format(title, key, hint), 2)
    end,
  })
end
