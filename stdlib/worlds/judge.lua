--- The judge of a world: it knows p(y > y'|x) and decides by it, or draws the label from it.
local flawed = require "perilune.align.judge.flawed"
local from_score = require "perilune.align.judge.from_score"
local judges = require "perilune.align.judge"
local options = require "perilune.options"

local spec = options.spec("worlds.judge", {
  { "labels", "decided", "the likelier order, or one drawn with the probability of it",
    choices = { "decided", "drawn" } },
  { "seed", 0, "seed of the labels that are drawn" },
})

--- A judge with `prefer` and `probability`, as of align.judge, and with `score`, the reward, where the world
-- has one and labels are decided: `reward` of sources.groups. Drawn labels are those of judge.flawed at a
-- temperature of 1: another label each time that a pair is judged, with the decided order as its `truth`.
-- Errors: a prompt or an answer is not of the world.
--
--   > local worlds, models = require "perilune.worlds", require "perilune.models"
--   > local world = worlds.bandit { answers = 2, rewards = { 0, 1 } }
--   > local a, b = models.rows({ { 0 } }, { { 0 } }), models.rows({ { 0 } }, { { 1 } })
--   > world:judge():prefer(a, b)[1]
--   0
--   > world:judge():score(b)[1]
--   1.0
--   > world:judge { labels = "drawn" }:probability(b, a)[1]
--   0.731
return function(world, given)
  local o = spec:fill(given)
  local probabilities = world.preference:totable()
  local made = judges.named { name = "world " .. world.name }
  function made:probability(first, second)
    local found, a, b = {}, first:responses(), second:responses()
    for i, prompt in ipairs(first:prompts()) do
      local x, y = world:place(prompt, a[i])
      local _, other = world:place(prompt, b[i])
      if not (x and y and other) then
        error(("judge %s: row %d is no prompt or answer of the world"):format(self.name, i), 0)
      end
      found[i] = probabilities[x][y][other]
    end
    return found
  end
  function made:prefer(first, second)
    local outcomes = self:probability(first, second)
    for i, p in ipairs(outcomes) do outcomes[i] = p > 0.5 and 1 or p < 0.5 and 0 or 0.5 end
    return outcomes
  end
  if world.reward then
    made.score = from_score(made.name, function(prompt, answer)
      local x, y = world:place(prompt, answer)
      return world.reward_list[x][y]
    end).score
  end
  return o.labels == "drawn" and flawed(made, { label_temperature = 1, seed = o.seed }) or made
end
