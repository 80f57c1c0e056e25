--- What a judge was trained on: its pairs, whatever their order, or rows, so that it is not scored by them.
--
--   > local data = { { prompt = { 1 }, chosen = { 2 }, rejected = { 3 } } }
--   > local swapped = { { prompt = { 1 }, chosen = { 3 }, rejected = { 2 } } }
--   > provenance.of(data).hash == provenance.of(swapped).hash
--   true
--   > provenance.of(data):has(swapped[1])
--   true
local batches = require "perilune.align.batch"
local options = require "perilune.options"
local system = require "perilune.system"

local provenance = {}

--- What is done with pairs that a judge was trained on.
provenance.options = options.spec("judge.seen", {
  { "seen", "refuse", "pairs that the judge was trained on: an error, left out, or used like the others",
    choices = { "refuse", "skip", "use" } },
})

local Provenance = {}
Provenance.__index = Provenance

--- A prompt and two responses as text, the same for both orders.
local function key_of(pair)
  local a, b = table.concat(pair.chosen, " "), table.concat(pair.rejected, " ")
  if b < a then a, b = b, a end
  return ("%s|%s|%s"):format(table.concat(pair.prompt, " "), a, b)
end

--- A prompt and one response as text.
local function row_key(prompt, response)
  return ("%s|%s"):format(table.concat(prompt, " "), table.concat(response, " "))
end

local function made(keys, count)
  local sorted = {}
  for key in pairs(keys) do sorted[#sorted + 1] = key end
  table.sort(sorted)
  return setmetatable({ keys = keys, count = count, hash = system.sha256(table.concat(sorted, "\n")) },
    Provenance)
end

--- Of a list or batch of pairs: `hash`, SHA-256 of its different pairs, `count`, and a method has(pair).
function provenance.of(dataset)
  local batch, keys = batches.of_pairs(dataset, "judge"), {}
  for i = 1, #batch do keys[key_of(batch[i])] = true end
  return made(keys, #batch)
end

--- The same of the rows of a batch: a pair is one of them if either of its responses is.
--
--   > local rows = require "perilune.models".rows({ { 1 } }, { { 2 } })
--   > provenance.of_rows({ rows = rows }):has { prompt = { 1 }, chosen = { 3 }, rejected = { 2 } }
--   true
function provenance.of_rows(batch)
  local rows, keys = batch.rows, {}
  for i = 1, #rows do keys[row_key(rows:prompt(i), rows:response(i))] = true end
  return made(keys, #rows)
end

--- Of all pairs of several judges; nil where none of them was trained.
function provenance.joined(judges)
  local keys, count = {}, 0
  for _, judge in ipairs(judges) do
    if judge.trained_on then
      for key in pairs(judge.trained_on.keys) do keys[key] = true end
      count = count + judge.trained_on.count
    end
  end
  return count > 0 and made(keys, count) or nil
end

--- Whether a pair, in either order, is one of them.
function Provenance:has(pair)
  return self.keys[key_of(pair)] or self:has_row(pair.prompt, pair.chosen)
    or self:has_row(pair.prompt, pair.rejected)
end

--- Whether a prompt with its response is one of the rows.
function Provenance:has_row(prompt, response) return self.keys[row_key(prompt, response)] == true end

function Provenance:__tostring() return ("%d examples, %s"):format(self.count, self.hash:sub(1, 12)) end

--- The pairs of a batch, or its rows if it has no pairs, by which a judge may be scored; `seen` says what
-- becomes of those that it was trained on. `where` opens the messages.
function provenance.unseen(judge, batch, seen, where)
  if not judge.trained_on or seen == "use" then return batch end
  local places, known, rows, is_paired = {}, judge.trained_on, batch.rows, batch:has_pairs()
  local function is_known(i)
    if is_paired then return known:has(batch[i]) end
    return known:has_row(rows:prompt(i), rows:response(i))
  end
  for i = 1, #batch do
    if not is_known(i) then places[#places + 1] = i end
  end
  local count = #batch - #places
  if count == 0 then return batch end
  if seen == "refuse" or #places == 0 then
    local advice = "give others, or seen = \"skip\" or \"use\""
    error(("%s: judge %s was trained on %d of the %d %s; %s"):format(
      where, tostring(judge.name), count, #batch, is_paired and "pairs" or "rows", advice), 3)
  end
  return batch:select(places)
end

return options.strict("align.provenance", provenance)
