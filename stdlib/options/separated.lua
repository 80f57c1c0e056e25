--- The items of a text that an option takes as a list separated by commas.
--
--   > local separated = require "perilune.options.separated"
--   > for item in separated "1e-4, 3e-4" do print(item) end
--   1e-4
--   3e-4

--- Iterates over what stands between the commas of a text, without the blanks around it: "" has one item,
-- which is empty, and the second one of "1,,2" is empty.
local function separated(text) return (text .. ","):gmatch "%s*(.-)%s*," end

return separated
