--- The answers of several policies to one prompt: tokens with log-ratios, and what the judges say of them.
local judges = require "perilune.align.judge"
local options = require "perilune.options"
local sampling = require "perilune.align.sampling"
local tensor = require "perilune.tensor"
local tokens = require "perilune.align.show.tokens"

local answers = {}

--- The number of each token of Rows, and what it is.
local function values_of(policy, rows, reference)
  local function logps(model) return tensor.no_grad(model.outputs, model, rows, { "logps" }).logps end
  local own = logps(policy)
  if not reference then return rows:split(own), "log pi" end
  return rows:split(own - logps(reference)), "log pi/pi_ref"
end

--- The probability that the first response is better, a list; outcomes where the judge gives no probability.
local function chances(judge, first, second)
  if type(judge.probability) == "function" then return judges.probability(judge, first, second) end
  return judges.ask(judge, first, second)
end

--- A line of `tokens.line` with the text that each token adds to the one before, and with `gaps`: whether a
-- space is between. Some tokenizers write spaces, or capitals, by the token before.
local function in_context(line, o)
  line.gaps = {}
  for i = 2, line.texts and #line.ids or 0 do
    local before = o.tokenizer:decode { line.ids[i - 1] }
    local both = o.tokenizer:decode { line.ids[i - 1], line.ids[i] }
    local added = both:sub(#before + 1)
    if both:sub(1, #before) == before and added:find "^ ?[^ ]" then
      line.gaps[i] = added:sub(1, 1) == " " and o.tokenizer:decode({ line.ids[i] }):sub(1, 1) ~= " "
      line.texts[i] = tokens.visible(line.gaps[i] and added:sub(2) or added)
    end
  end
  return line
end

local function mean(list)
  local sum = 0.0
  for _, x in ipairs(list) do sum = sum + x end
  return sum / #list
end

--- Adds the scores of the judges that give them to the notes of the lines.
local function add_scores(side, given)
  for _, judge in ipairs(given) do
    if type(judge.judge.score) == "function" then
      local scores = judges.scores(judge.judge, side.rows)
      for i, line in ipairs(side.lines) do
        line.note = ("%s, %s %.3g"):format(line.note, judge.name, scores[i])
      end
    end
  end
end

--- The answers to prompt `number` in draw `draw` (0, 1, ...): { prompt, sides, verdicts, what }.
--
-- A side is { name, lines, rows }. A verdict is { first, second, judge, p }, where p is the probability,
-- as the judge says, that the answer of the first policy is better, the mean over the k answers. The
-- answers of different policies, prompts and draws are independent.
function answers.of(exploration, number, draw)
  local o, ids = exploration.options, exploration.prompts[number]
  local result = { number = number, draw = draw, sides = {}, verdicts = {} }
  result.prompt = in_context(tokens.line("prompt", ids, o), o)
  for s, entry in ipairs(exploration.policies) do
    local policy, step = entry.policy, draw * 1000 + s
    local rows = sampling.draw(policy, policy, { ids }, o, "evaluation", step, o.k, number)
    local values, what = values_of(policy, rows, o.reference)
    local side = { name = entry.name, rows = rows, lines = {} }
    for i, response in ipairs(rows:responses()) do
      local line = in_context(tokens.line("answer", response, o, values[i]:totable()), o)
      line.note = tokens.note(line, o, what, "")
      side.lines[i] = line
    end
    add_scores(side, exploration.judges)
    result.sides[s], result.what = side, what
  end
  for i, first in ipairs(result.sides) do
    for k = i + 1, #result.sides do
      for _, judge in ipairs(exploration.judges) do
        local p = mean(chances(judge.judge, first.rows, result.sides[k].rows))
        table.insert(result.verdicts, { first = i, second = k, judge = judge.name, p = p })
      end
    end
  end
  return result
end

--- The sentences of the verdicts between the shown sides, one for each pair of policies.
function answers.sentences(block, is_shown)
  local lines, by_pair = {}, {}
  for _, v in ipairs(block.verdicts) do
    if not is_shown or is_shown[v.first] and is_shown[v.second] then
      local pair = ("%s over %s"):format(block.sides[v.first].name, block.sides[v.second].name)
      if not by_pair[pair] then
        by_pair[pair] = {}
        lines[#lines + 1] = pair
      end
      table.insert(by_pair[pair], ("%s %.2f"):format(v.judge, v.p))
    end
  end
  for i, pair in ipairs(lines) do
    lines[i] = ("%s: %s"):format(pair, table.concat(by_pair[pair], ", "))
  end
  return lines
end

return options.strict("explore.answers", answers)
