--- How much likelier the policy makes a drawn answer than its sampler did: the largest log pi/mu, in nats.
--
--   coverage/batch    max log pi(y|x) - log mu(y|x) over the responses of a step, mu who drew them, at the
--                     sampler's temperature
--   coverage/own      max log pi(y|x) - log pi_ref(y|x) over own responses
--
-- A maximum over drawn answers is a lower bound of the maximum over all of them: the coefficient of coverage
-- max_y pi(y|x) / mu(y|x) of Song et al. 2024, arXiv:2406.01462, assumption 4.1.
local instruments = require "perilune.align.instruments"

return instruments.define {
  name = "coverage",
  step = function(context, _, m)
    local largest
    for _, piece in ipairs(context.pieces) do
      local name = piece.batch.sampling_logps and "sampling_logps" or "old_logps"
      if piece.now and piece.batch[name] then
        local ratio = (piece.now - piece.batch:sums(name)):max():item()
        largest = math.max(largest or ratio, ratio)
      end
    end
    if largest then m:add("coverage/batch", largest, 1) end
  end,
  evaluation = function(context, _, m)
    if not context.reference then return end
    m:add("coverage/own", (context.own_logps - context.own_ref_logps):max():item(), 1)
  end,
}
