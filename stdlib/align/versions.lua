--- Earlier versions of the policy, which write the responses of a source with `lag` or `refresh`.
--
-- The batch drawn after t steps is written by the policy of step floor((t - lag) / refresh) * refresh, the
-- start where that is below 0. `lag = 0, refresh = 1` is online training, an endless lag is offline training
-- on the start's responses: the axis between them as one number. Tang et al. 2024, arXiv:2405.08448, app. G
-- and conclusion; semi-online training, `refresh = s`: Lanchantin et al. 2025, arXiv:2506.21495; `lag`:
-- Noukhovitch et al. 2024, arXiv:2410.18252.
local options = require "perilune.options"

local versions = {}

--- The options of a source that draws from earlier versions.
versions.options = options.spec("align.versions", {
  { "lag", 0.0,
    "steps by which the policy that writes is behind, a whole number; math.huge: the start writes",
    least = 0, finite = false },
  { "refresh", 1, "steps between renewals of the policy that writes", least = 1 },
})

--- The step of the policy that writes the batch after `taken` steps.
--
--   > local versions = require "perilune.align.versions"
--   > print(versions.step_of(7, { lag = 0, refresh = 1 }), versions.step_of(7, { lag = 2, refresh = 4 }))
--   7	4
--   > versions.step_of(7, { lag = math.huge, refresh = 1 })
--   0
function versions.step_of(taken, o)
  if o.lag >= taken then return 0 end
  return (taken - math.tointeger(o.lag)) // o.refresh * o.refresh
end

local Versions = {}
Versions.__index = Versions

--- The model that writes the batch of `step`, its checkpoint, and its age in steps. Called for the steps in
-- order; a step that is repeated gives the same version. In place of a version of a step at which the source
-- was not asked, as after `sources.switch`, the next one that is kept writes.
function Versions:writer(step, policy, checkpoint)
  local o, taken = self.options, step - 1
  if o.lag == 0 and o.refresh == 1 then return policy, checkpoint, 0 end
  if self.policy ~= policy then self.kept, self.policy = {}, policy end
  local wanted = versions.step_of(taken, o)
  if taken % o.refresh == 0 or taken == 0 or not next(self.kept) then
    self.kept[taken] = { model = policy:clone(), checkpoint = checkpoint }
  end
  for known in pairs(self.kept) do
    if known < wanted or known > taken or o.lag == math.huge and known > 0 then self.kept[known] = nil end
  end
  local oldest = wanted
  if not self.kept[wanted] then
    oldest = taken
    for known in pairs(self.kept) do oldest = math.min(oldest, known) end
  end
  local version = self.kept[oldest]
  return version.model, version.checkpoint, taken - oldest
end

--- Plain data and models by name, for `source:state()`, and back.
function Versions:state()
  local checkpoints, models = {}, {}
  for step, version in pairs(self.kept) do
    checkpoints[tostring(step)], models[("version-%d"):format(step)] = version.checkpoint, version.model
  end
  return { checkpoints = checkpoints }, models
end

function Versions:restore(data, models, policy)
  self.kept, self.policy = {}, policy
  for text, checkpoint in pairs(data.checkpoints) do
    local step = math.tointeger(tonumber(text))
    self.kept[step] = { model = models[("version-%d"):format(step)], checkpoint = checkpoint }
  end
end

--- The versions that a source with filled options reads. Errors: lag is no whole number and not endless.
function versions.new(o, where)
  if o.lag ~= math.huge and not math.tointeger(o.lag) then
    error(("%s: option 'lag' must be a whole number from 0 or math.huge, not %s"):format(where, o.lag), 3)
  end
  return setmetatable({ options = o, kept = {}, policy = nil }, Versions)
end

--- Adds to a batch how old its writer is: the columns `age` in steps and `age_nats`, the KL of the policy
-- from the writer summed over the response, exact at every token. Both are 0 for the policy itself.
function versions.add_age(batch, policy, writer, age)
  local n = #batch.rows
  batch.age = require "perilune.tensor".full({ n }, age)
  batch.age_nats = writer == policy and batch.age:clone() or (policy:kl(writer, batch.rows))
end

return options.strict("align.versions", versions)
