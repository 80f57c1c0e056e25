--- The ledger of a run: who wrote each response that a step read, and its log-probability then and now.
--
--   run.ledger:list()[1]
--   run.ledger:staleness "checkpoint"          -- { ["5f0c...@12"] = { mean, se, count }, ... }
--
-- A record of the list has
--
--   step                    the step that read the response
--   unit, role              its pair and "chosen" or "rejected"; its number and "response" where there are
--                           no pairs
--   checkpoint, written     the weights that wrote it ("hash@step") and the step of the source that drew it
--   writer, sampler         the writer's role ("policy", "reference", ...) and the source with its settings
--   tokens                  its length
--   logp_then               log pi(y|x) of its writer, nil where the batch does not have it
--   logp_now                log pi(y|x) of the policy, before the update
--   logp_ref                log pi(y|x) of the reference, nil where the loss does not read it
--   staleness               logp_then - logp_now in nats; its mean over the responses of one writer estimates
--                           KL(writer || policy)
--
--   > local align, worlds = require "perilune.align", require "perilune.worlds"
--   > local w = worlds.bandit { answers = 4, seed = 1 }
--   > local source = align.sources.online { task = w, prompts = w.prompts, judge = w:judge {}, batch = 1 }
--   > local run = align.train { policy = w:policy(), reference = w.reference, source = source,
--   >>   loss = align.loss.ipo {}, steps = 2, quiet = true }
--   > #run.ledger, run.ledger:list(1)[1].step
--   4	1
--   > run.ledger:staleness("writer").policy.count
--   4
--   > run.ledger:restore(run.ledger:plain())
local stats = require "perilune.align.evaluate.stats"

local Ledger = { __name = "Ledger" }
Ledger.__index = Ledger

--- An empty ledger of the responses of a source.
local function new(source)
  return setmetatable({ sampler = tostring(source.name or "source"), blocks = {}, count = 0 }, Ledger)
end

--- The number of responses.
function Ledger:__len() return self.count end

function Ledger:__tostring() return ("[Ledger %d responses of %d steps]"):format(self.count, #self.blocks) end

--- A list whose entries are all equal as one entry and their number; others as they are.
local function folded(list)
  for i = 2, list and #list or 0 do
    if list[i] ~= list[1] then return list end
  end
  return list and { all = list[1], count = #list }
end

--- Adds the pieces of a step: { batch =, now = }, `now` the policy's log-probability of each row, [n].
function Ledger:add(step, pieces)
  local last = self.blocks[#self.blocks]
  if last and last.step >= step then return end
  local block = { step = step }
  for i, piece in ipairs(pieces) do
    local batch = piece.batch
    block[i] = {
      pairs = batch:has_pairs() and #batch or nil, now = piece.now, lengths = batch.lengths,
      before = batch.old_logps and batch:sums "old_logps",
      ref = batch.ref_logps and batch:sums("ref_logps"):detach(),
      checkpoint = folded(batch.checkpoint), written = folded(batch.step), writer = folded(batch.writer),
    }
    self.count = self.count + batch.lengths:numel()
  end
  self.blocks[#self.blocks + 1] = block
end

--- A column as a list.
local function listed(column)
  if type(column) == "userdata" then return column:totable() end
  if not (column and column.count) then return column or {} end
  local list = {}
  for i = 1, column.count do list[i] = column.all end
  return list
end

--- Adds the records of a part of a step to a list; `units` are the units of the parts before it.
local function add_records(list, step, part, units, sampler)
  local now, lengths = listed(part.now), listed(part.lengths)
  local before, ref = listed(part.before), listed(part.ref)
  local checkpoint, written, writer = listed(part.checkpoint), listed(part.written), listed(part.writer)
  local n = part.pairs
  for i = 1, #lengths do
    list[#list + 1] = {
      step = step, unit = units + (n and (i - 1) % n + 1 or i),
      role = n and (i <= n and "chosen" or "rejected") or "response",
      checkpoint = checkpoint[i], written = written[i], writer = writer[i], sampler = sampler,
      tokens = math.tointeger(lengths[i]), logp_then = before[i], logp_now = now[i], logp_ref = ref[i],
      staleness = before[i] and now[i] and before[i] - now[i],
    }
  end
  return units + (n or #lengths)
end

--- All records, in the order of the steps; of one step where it is given.
function Ledger:list(step)
  local list = {}
  for _, block in ipairs(self.blocks) do
    local units = 0
    for _, part in ipairs((step or block.step) == block.step and block or {}) do
      units = add_records(list, block.step, part, units, self.sampler)
    end
  end
  return list
end

--- Staleness in nats by a field of the records ("checkpoint", "writer", "step", ...): a table of { mean, se,
-- count }. Errors: no record has the field.
function Ledger:staleness(field)
  local values, means = {}, {}
  for _, record in ipairs(self:list()) do
    local key = record[field]
    if key ~= nil and record.staleness then
      values[key] = values[key] or {}
      table.insert(values[key], record.staleness)
    end
  end
  if next(values) == nil then
    error(("ledger:staleness: no response has '%s' and the log-probability of its writer"):format(
      tostring(field)), 2)
  end
  for key, list in pairs(values) do means[key] = stats.summary(list) end
  return means
end

--- The ledger as plain data, for `restore`.
function Ledger:plain()
  local blocks = {}
  for i, block in ipairs(self.blocks) do
    blocks[i] = { step = block.step }
    for k, part in ipairs(block) do
      local copy = {}
      for name, column in pairs(part) do
        copy[name] = type(column) == "userdata" and column:totable() or column
      end
      blocks[i][k] = copy
    end
  end
  return { sampler = self.sampler, count = self.count, blocks = blocks }
end

--- Makes the ledger what `plain` gave.
function Ledger:restore(data)
  self.sampler, self.count, self.blocks = data.sampler, data.count, data.blocks
end

return new
