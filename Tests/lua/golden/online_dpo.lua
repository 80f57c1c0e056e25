--- Online DPO and IPO: the first response is chosen where its score, less the penalty of an unfinished one,
-- is at least that of the second.
local align = require("perilune").align
local pack = require "golden.pack"

local losses = { sigmoid = "dpo", ipo = "ipo" }

return function(case)
  local i, o, order = case.inputs, case.inputs.options, {}
  local function score(side, row)
    local ends = i["ends_with_eos_" .. side][row]
    return i["scores_" .. side][row] - (ends and 0 or o.missing_eos_penalty or 0)
  end
  for row = 1, #i.scores_first do
    local wins = score("first", row) >= score("second", row)
    order[row] = wins and { "first", "second" } or { "second", "first" }
  end
  local pair, leaves = pack.drawn({ first = i.policy_first, second = i.policy_second },
    { first = i.ref_first, second = i.ref_second }, order)
  local loss = align.loss[losses[o.loss_type]] { beta = o.beta }
  return {
    loss = loss(pair):mean(), inputs = { policy_first = leaves.first, policy_second = leaves.second },
  }
end
