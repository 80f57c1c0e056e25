--- The windows of `fig13_shuffle`, in batches.
local options = require "perilune.options"
local separated = require "perilune.options.separated"

local shuffling = {}

--- One window of the text: a number of batches, 0 for a share of fewer than two, "all", or nil.
local function window_of(text, steps)
  local share = tonumber(text:match "^([%d.]+)%%$")
  if share and share > 0 and share <= 100 then
    local count = math.floor(share / 100 * steps + 0.5)
    return count >= 2 and count or 0
  end
  if text == "all" then return text end
  local count = math.tointeger(tonumber(text))
  return count and count >= 1 and count or nil
end

--- The windows of a text such as "1,4,12.5%,all" for runs of `steps` steps, a list without doubles; a share
-- is of the steps, and one of fewer than two batches is left out. Errors: a part is none of these;
-- all are left out.
--
--   > local shuffling = require "perilune.paper.shuffling"
--   > table.concat(shuffling.windows("1,4,0.1%,12.5%,all", 720), " ")
--   1 4 90 all
--   > shuffling.windows("1,200%", 720)
--   windows takes whole numbers from 1, shares such as 12.5% and "all", separated by commas, not '1,200%'
--   > shuffling.windows("0.1%", 6)
--   windows takes at least one of two batches or more, or 1, for 6 steps, not '0.1%'
function shuffling.windows(text, steps)
  local list, seen = {}, { [0] = true }
  for part in separated(text) do
    local window = window_of(part, steps)
    if not window then
      error(("windows takes whole numbers from 1, shares such as 12.5%% and \"all\", separated by commas, "
        .. "not '%s'"):format(text), 0)
    end
    if not seen[window] then list[#list + 1] = window end
    seen[window] = true
  end
  if #list == 0 then
    error(("windows takes at least one of two batches or more, or 1, for %d steps, not '%s'"):format(
      steps, text), 0)
  end
  return list
end

return options.strict("paper.shuffling", shuffling)
