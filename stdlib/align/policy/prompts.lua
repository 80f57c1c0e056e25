--- The check of prompts of everything that draws responses.
local options = require "perilune.options"

local prompts = {}

--- Refuses what is no list of lists of token ids in the name of `where`, pointing at the caller of the
-- function `level` (1) calls above.
--
--   > local prompts = require "perilune.align.policy.prompts"
--   > prompts.check({ { 1, 2 }, { 3.5 } }, "where")
--   where: prompts must be a list of lists of token ids: prompt 2 has 3.5
--   > prompts.check(3, "where")
--   where: prompts must be a list of lists of token ids: got 3
function prompts.check(given, where, level)
  level = (level or 1) + 3
  local function refuse(message, ...)
    error(("%s: prompts must be a list of lists of token ids: "):format(where) .. message:format(...),
      level)
  end
  if type(given) ~= "table" then refuse("got %s", options.show(given)) end
  for i = 1, #given do
    local prompt = given[i]
    if type(prompt) ~= "table" then refuse("prompt %d is %s", i, options.show(prompt)) end
    for k = 1, #prompt do
      if type(prompt[k]) ~= "number" or not math.tointeger(prompt[k]) then
        refuse("prompt %d has %s", i, options.show(prompt[k]))
      end
    end
  end
end

return options.strict("align.policy.prompts", prompts)
