--- Rewards of a reference's responses to each prompt, drawn once: what A*-PO estimates optimal values from.
local options = require "perilune.options"
local judges = require "perilune.align.judge"
local sampling = require "perilune.align.sampling"

local reference_rewards = {}

reference_rewards.options = options.spec("align.reference_rewards", {
  { "reference_responses", 0, "responses of the reference to each prompt, drawn and rewarded once",
    least = 0 },
})

--- Of filled options with `prompts` and `responses`: a function(prompts, reference) that gives the list of
-- rewards of each row, nil where no responses are asked for, and a function of the number of prompts used
-- that gives the number of rewards asked for. What is drawn for a prompt depends on the prompt's place and
-- the seed, not on the step.
function reference_rewards.of(o, scorer)
  local count, known, number = o.reference_responses, {}, {}
  if count == 0 then return function() end, function() return 0 end end
  if not scorer then error("sources.groups: reference_responses need a reward", 3) end
  for i, prompt in ipairs(o.prompts) do number[prompt] = i end
  local function rewards(prompt, reference)
    if not known[prompt] then
      local rows = sampling.draw(reference, reference, { prompt }, o, "reference", 0, count, number[prompt])
      known[prompt] = judges.scores(scorer, rows)
    end
    return known[prompt]
  end
  return function(prompts, reference)
    if not reference then error("sources.groups: reference_responses need the reference of a run", 0) end
    local list = {}
    for _, prompt in ipairs(prompts) do
      for _ = 1, o.responses do list[#list + 1] = rewards(prompt, reference) end
    end
    return list
  end, function(used) return math.min(used, #o.prompts) * count end
end

return options.strict("align.reference_rewards", reference_rewards)
