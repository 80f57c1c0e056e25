--- What the numbers of a comparison allow, in words.
local needed = require "perilune.align.evaluate.needed"
local options = require "perilune.options"

local words = {}

--- How many more seeds, or prompts, or both, would find a difference of this size and spread with power 0.8,
-- as `evaluate.needed` has it: { seeds = n, prompts = m }. `difference` has { mean, values, of_prompts }.
--
--   > local words = require "perilune.align.compare.words"
--   > words.missing({ mean = 0.1, values = { 0.3, 0.1, -0.1 }, of_prompts = 0 }, 256).seeds
--   31
function words.missing(difference, prompts)
  local found = needed.find(difference.mean, difference.values, difference.of_prompts)
  return {
    seeds = found.repetitions and found.repetitions - #difference.values,
    prompts = found.prompts and (found.prompts - 1) * prompts,
  }
end

local function count(n, noun) return ("%d more %s%s"):format(n, noun, n == 1 and "" or "s") end

--- Where a row is measured: "at 4 nats", "after 2048 labels".
function words.place(key, x)
  if key == "kl" then return ("at %g nat%s"):format(x, x == 1 and "" or "s") end
  if key == "step" then return ("at step %g"):format(x) end
  return ("after %.7g %s"):format(x, key)
end

--- Whether the interval of a difference excludes 0.
function words.is_resolved(difference) return difference.low > 0 or difference.high < 0 end

local function unresolved(row, difference, prompts)
  local missing = words.missing(difference, prompts)
  local more, advice = {}, ("between %.2f and %.2f"):format(difference.low, difference.high)
  if missing.seeds then more[1] = count(missing.seeds, "seed") end
  if missing.prompts then more[#more + 1] = count(missing.prompts, "prompt") end
  if #more > 0 then
    advice = table.concat(more, " and ") .. " would, with power 0.8"
  elseif #difference.values < 2 then
    advice = "one seed tells no spread"
  end
  return ("%s: %s"):format(row.name, advice)
end

--- The sentence of two sides: where one is above the other, by how much, and what would resolve the rest.
-- `rows` are those of the result, `i` the number of the second side.
function words.sentence(sides, rows, i, prompts)
  local first, other = sides[1].label, sides[i].label
  local parts, open, last, least = {}, {}, nil, 0
  for _, row in ipairs(rows) do
    local d = row.differences[i]
    if d then
      least = math.max(least, #d.values)
      if words.is_resolved(d) then
        local order = d.mean > 0 and ("%s above %s"):format(first, other)
          or ("%s above %s"):format(other, first)
        local sign = d.mean > 0 and 1 or -1
        local low, high = math.min(sign * d.low, sign * d.high), math.max(sign * d.low, sign * d.high)
        local figure = ("%s by %.2f [%.2f, %.2f]"):format(row.name, sign * d.mean, low, high)
        parts[#parts + 1] = order == last and figure or ("%s %s"):format(order, figure)
        last = order
      else
        open[#open + 1] = unresolved(row, d, prompts)
      end
    end
  end
  local text = table.concat(parts, ", ")
  if #open > 0 then
    local names = #parts == 0 and ("%s and %s not resolved "):format(first, other) or "; not resolved "
    text = text .. names .. table.concat(open, ", ")
  end
  if text == "" then return ("%s and %s share no measure."):format(first, other) end
  if least < 6 then
    text = text .. (". %d seed%s: the exact p is at least %.2g"):format(
      least, least == 1 and "" or "s", math.min(1, 2 / 2 ^ least))
  end
  return text .. "."
end

return options.strict("align.compare.words", words)
