--- What the help page of a task says of it: its analogue, where its dynamics come from, and what it shows.
--
--   print(about(tasks.sentiment()))
local index = require "perilune.help.index"

-- How these paragraphs begin.
local beginnings <const> = { "An analogue of", "Where the dynamics come from", "What it shows" }

--- The paragraphs as one text, a blank line between two. Nil for a task that is not one of the library's, and
-- where the page has none of them.
--
--   > local about, tasks = require "perilune.tasks.about", require "perilune.tasks"
--   > about(tasks.arena()):match "^[^(]*%w"
--   An analogue of side-by-side comparisons by many people
--   > about { name = "mine", module = "arena" }
--   nil
return function(made)
  local found = type(made.module) == "string" and index.find(made.module, index.entries()) or {}
  local text, kept = found[1] and found[1].name == made.module and found[1].text or "", {}
  for paragraph in (text .. "\n\n"):gmatch "(.-)\n\n+" do
    for _, beginning in ipairs(beginnings) do
      if paragraph:sub(1, #beginning) == beginning then kept[#kept + 1] = paragraph end
    end
  end
  return kept[1] and table.concat(kept, "\n\n")
end
