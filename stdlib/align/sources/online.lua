--- Two fresh responses to each prompt, ordered by the judge.
--
--   align.sources.online { task = task, judge = proxy, prompts = task:prompts("train", 2048) }
--
-- Both responses come from the policy. `first` and `second` are other writers: a model, a writer such as
-- `sources.mixture`, or by name "reference", the reference of the run (XPO: second), or "mixture", the
-- mixture of policy and reference with `mixture_coef` (Nash-MD: second; IPO-MD: both). The column `writer`
-- says whose response a row is: "policy", "reference", "mixture", or the writer's name.
--
-- With `lag` and `refresh` the policy of an earlier step writes: the axis from online to offline, see
-- `?align.versions`. Such a batch has the columns `age`, in steps, and `age_nats`, the KL of the policy from
-- the one that wrote.
--
-- Sampling is not differentiated. Errors: an option is missing, unknown or out of range; there are fewer
-- prompts than a batch; the judge gives something else than 1, 0 or 0.5.
--
--   > online { judge = function(prompt, a, b) return #a < #b end, prompts = { { 1 } }, batch = 1 }.name
--   online { batch = 1 }
local options = require "perilune.options"
local mixture = require "perilune.align.sources.mixture"
local ordered = require "perilune.align.ordered"
local policies = require "perilune.align.policy"
local sampling = require "perilune.align.sampling"
local source = require "perilune.align.source"
local versions = require "perilune.align.versions"

local spec = options.spec("sources.online", {
  ordered.options,
  { "batch", 32, "prompts, and so pairs, of a batch", least = 1 },
  { "first", options.optional "Model|table|string",
    "writer of the first response, or its name; the policy unless given" },
  { "second", options.optional "Model|table|string", "writer of the second response, or its name" },
  versions.options,
  { "mixture_coef", 0.5, "weight of the reference in the writer \"mixture\"", least = 0, most = 1 },
})

local names = { policy = true, reference = true, mixture = true }

local function check_writer(which, given)
  if given == nil or names[given] or policies.is(given) then return end
  if type(given) == "table" and type(given.sample) == "function" then return end
  error(("sources.online: %s must be a model, a writer or \"reference\", \"mixture\" or \"policy\", "
    .. "got %s"):format(which, options.show(given)), 3)
end

--- The writers of a run by name.
local function named(policy, reference, weight)
  return setmetatable({ policy = policy }, { __index = function(all, name)
    if not reference then error("sources.online: the run has no reference", 0) end
    all[name] = name == "reference" and reference or mixture { reference = reference, weight = weight }
    return all[name]
  end })
end

return function(given)
  local o, judge = ordered.filled(spec, given)
  check_writer("first", o.first)
  check_writer("second", o.second)
  local prompts, kept = sampling.dealt(o, o.batch), versions.new(o, "sources.online")
  local members = {
    batch = function(_, step, policy, checkpoint, reference)
      local own, written, age = kept:writer(step, policy, checkpoint)
      local writers, by_name = {}, named(own, reference, o.mixture_coef)
      local function writer(i, wanted)
        wanted = wanted or "policy"
        if type(wanted) ~= "string" then return wanted end
        writers[i] = wanted
        return by_name[wanted]
      end
      local batch = ordered.draw(own, writer(1, o.first), writer(2, o.second), prompts(step), o, judge,
        { step = step, checkpoint = written, writers = writers })
      if own ~= policy then versions.add_age(batch, policy, own, age) end
      return batch
    end,
  }
  if o.lag > 0 or o.refresh > 1 then
    function members.state() return kept:state() end
    function members.restore(_, ...) kept:restore(...) end
  end
  return source.new(spec, o, members)
end
