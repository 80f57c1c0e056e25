--- The angle between the online and the offline gradient of one policy.
--
-- The gradient of the loss on the batch of the step, and that on a batch of the source `other`: of an online
-- run `align.sources.offline(pairs)`, of an offline run an online source.
--
--   cosine/between    mean cosine of the gradient of a half of one batch and of a half of the other
--   cosine/own        cosine of the two halves of the run's own batch
--   cosine/other      cosine of the two halves of the other batch
--
-- Gradients of small batches are noisy, which lowers every cosine: `between` compares with the other two, and
-- between / sqrt(own * other) corrects for the noise (attenuation, Spearman 1904).
local options = require "perilune.options"
local instruments = require "perilune.align.instruments"
local gradient = require "perilune.align.train.gradient"
local probe = require "perilune.align.probe"

--- The gradients of the two halves of a batch; nil for a batch of one unit.
local function halves(context, batch, where)
  local run, count = context.run, #batch:units()
  if count < 2 then return nil end
  local o = setmetatable({ mini_batches = 1, gradient_accumulation_steps = 1 }, { __index = run.options })
  local found = {}
  for half = 1, 2 do
    local units = {}
    for i = half, count - count % 2, 2 do units[#units + 1] = i end
    local view = gradient.prepared(run, batch:select(units), where)
    found[half] = probe.gradient(run, view, 1, where, { options = o })
  end
  return found
end

return instruments.define {
  name = "cosine", default = false,
  options = {
    { "other", options.required "table", "the source whose gradient is compared with that of the run" },
  },
  gradient = function(context, o, m)
    local other, where = context.batch_of(o.other)
    local a, b = halves(context, context.batch, context.where), halves(context, other, where)
    local function add(name, x, y)
      local cosine = x and y and probe.cosine(x, y)
      if cosine then m:add(name, cosine, 1) end
    end
    for _, x in ipairs(a or {}) do
      for _, y in ipairs(b or {}) do add("cosine/between", x, y) end
    end
    if a then add("cosine/own", a[1], a[2]) end
    if b then add("cosine/other", b[1], b[2]) end
  end,
}
