--- The different prompts of pairs, in order: an online run draws from them what an offline run sees.
--
--   align.sources.online { task = task, judge = proxy, prompts = align.sources.prompts(golden) }
--
-- Errors: it is no list, or an element of it has no list of ids `prompt`.
--
--   > #prompts { { prompt = { 1 } }, { prompt = { 2 } }, { prompt = { 1 } } }
--   2
--   > prompts { { chosen = { 1 } } }
--   sources.prompts: pair 1 has no list of token ids 'prompt'
local options = require "perilune.options"

return function(dataset)
  if type(dataset) ~= "table" then
    error("sources.prompts: expected a list of pairs, got " .. options.show(dataset), 2)
  end
  local seen, prompts = {}, {}
  for i = 1, #dataset do
    local pair = not dataset.rows and dataset[i]
    local prompt = dataset.rows and dataset.rows:prompt(i) or type(pair) == "table" and pair.prompt
    if type(prompt) ~= "table" then
      error(("sources.prompts: pair %d has no list of token ids 'prompt'"):format(i), 2)
    end
    local key = table.concat(prompt, " ")
    if not seen[key] then seen[key], prompts[#prompts + 1] = true, prompt end
  end
  return prompts
end
