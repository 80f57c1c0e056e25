--- Responses in steps: the rows that a process reward model reads, and the places of its answers.
--
-- The row of a response is its steps, each followed by the separator, and one closing id. What the model says
-- of a step is read where it has read the separator after it: at the response token that follows.
--
--   > local row = steps.joined({ { 5, 6 }, { 7 } }, { 9 }, 1)
--   > table.concat(row.response, " "), table.concat(row.places, " ")
--   5 6 9 7 9 1	4 6
--   > #steps.divided({ 5, 6, 9, 7, 1 }, { 9 }, 1)
--   2
local models = require "perilune.models"
local options = require "perilune.options"
local batches = require "perilune.align.batch"

local steps = {}

--- The response of a list of steps, and the place after each separator.
function steps.joined(list, separator, closing)
  local response, places = {}, {}
  for k, step in ipairs(list) do
    table.move(step, 1, #step, #response + 1, response)
    table.move(separator, 1, #separator, #response + 1, response)
    places[k] = #response + 1
  end
  response[#response + 1] = closing
  return { response = response, places = places }
end

--- Whether `part` stands in `ids` at `place`.
local function stands_at(ids, place, part)
  for k, id in ipairs(part) do
    if ids[place + k - 1] ~= id then return false end
  end
  return true
end

--- The steps of a response, without separators; `closing` at its end is no part of the last step. An empty
-- response is one empty step.
function steps.divided(response, separator, closing)
  local list, step, place, last = {}, {}, 1, #response
  if response[last] == closing then last = last - 1 end
  while place <= last do
    if place + #separator - 1 <= last and stands_at(response, place, separator) then
      list[#list + 1], step, place = step, {}, place + #separator
    else
      step[#step + 1], place = response[place], place + 1
    end
  end
  if #step > 0 or #list == 0 then list[#list + 1] = step end
  return list
end

--- A batch of rows with the columns `step_places` and, where there are labels, `step_labels`, a list a row.
-- `list` has { prompt, steps, labels }.
function steps.batch(list, separator, closing)
  local prompts, responses, places, labels = {}, {}, {}, {}
  for i, one in ipairs(list) do
    local row = steps.joined(one.steps, separator, closing)
    prompts[i], responses[i], places[i], labels[i] = one.prompt, row.response, row.places, one.labels
  end
  local given = { rows = models.rows(prompts, responses), step_places = places }
  if #labels == #list and #list > 0 then given.step_labels = labels end
  return batches.new(given)
end

--- Whether `part` is somewhere in `ids`.
local function has_part(ids, part)
  for place = 1, #ids - #part + 1 do
    if stands_at(ids, place, part) then return true end
  end
  return false
end

local function check(one, i, separator, where)
  local function refuse(message, ...)
    error(("%s: row %d "):format(where, i) .. message:format(...), 0)
  end
  if type(one) ~= "table" then refuse("is %s, expected a table", options.show(one)) end
  for _, part in ipairs { "prompt", "completions", "labels" } do
    if type(one[part]) ~= "table" then refuse("has no list '%s'", part) end
  end
  if #one.completions == 0 then refuse("has no steps") end
  if #one.labels ~= #one.completions then
    refuse("has %d labels for %d steps", #one.labels, #one.completions)
  end
  for k, label in ipairs(one.labels) do
    if type(label) ~= "boolean" then
      refuse("label %d is %s, expected true or false", k, options.show(label))
    end
    if type(one.completions[k]) ~= "table" then refuse("step %d is no list of token ids", k) end
    if has_part(one.completions[k], separator) then refuse("step %d has the separator in it", k) end
  end
end

--- The batch of a stepwise data set: tables with `prompt`, `completions`, a list of steps, lists of ids each,
-- and `labels`, true for each right step; these are TRL's names. `where` opens the messages.
--
--   > steps.of_dataset({ { prompt = { 1 }, completions = { { 2 } }, labels = {} } }, { 9 }, 1, "here")
--   here: row 1 has 0 labels for 1 steps
function steps.of_dataset(dataset, separator, closing, where)
  if type(dataset) ~= "table" then
    error(("%s: expected a list of rows with steps, got %s"):format(where, options.show(dataset)), 0)
  end
  local list = {}
  for i, one in ipairs(dataset) do
    check(one, i, separator, where)
    list[i] = { prompt = one.prompt, steps = one.completions, labels = one.labels }
  end
  return steps.batch(list, separator, closing)
end

return options.strict("align.steps", steps)
