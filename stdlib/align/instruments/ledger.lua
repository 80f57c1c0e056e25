--- Who wrote each response that a step reads, and how stale it is: `run.ledger`, see `?align.ledger`.
--
--   ledger/staleness    log pi_then(y|x) - log pi(y|x) in nats, pi_then who wrote y; its mean over responses
--                       of one writer estimates KL(pi_then || pi). 0 for fresh responses of the policy
--   ledger/age          steps since the policy wrote a response, of those that it wrote
local instruments = require "perilune.align.instruments"

return instruments.define {
  name = "ledger",
  step = function(context, _, m)
    context.ledger:add(context.step, context.pieces)
    for _, piece in ipairs(context.pieces) do
      local batch = piece.batch
      if piece.now and batch.old_logps then
        m:add_all("ledger/staleness", batch:sums "old_logps" - piece.now)
      end
      for i, writer in ipairs(batch.step and batch.writer or {}) do
        if writer == "policy" then
          m:add("ledger/age", (context.step - 1) // context.run.updates_a_batch + 1 - batch.step[i], 1)
        end
      end
    end
  end,
}
