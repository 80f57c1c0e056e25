--- Two fresh responses to each prompt, ordered by the judge.
--
--   align.sources.online { task = task, judge = proxy, prompts = task:prompts("train", 2048) }
--
-- Both responses come from the policy. `first` and `second` are other writers: a model, a writer such as
-- `sources.mixture`, or by name "reference", the reference of the run (XPO: second), or "mixture", the
-- mixture of policy and reference with `mixture_coef` (Nash-MD: second; IPO-MD: both). The column `writer`
-- says whose response a row is: "policy", "reference", "mixture", or the writer's name.
--
-- Sampling is not differentiated. Errors: an option is missing, unknown or out of range; there are fewer
-- prompts than a batch; the judge gives something else than 1, 0 or 0.5.
--
--   > online { judge = function(prompt, a, b) return #a < #b end, prompts = { { 1 } }, batch = 1 }.name
--   online { batch = 1 }
local options = require "perilune.options"
local mixture = require "perilune.align.sources.mixture"
local ordered = require "perilune.align.ordered"
local sampling = require "perilune.align.sampling"
local source = require "perilune.align.source"

local spec = options.spec("sources.online", {
  ordered.options,
  { "batch", 32, "prompts, and so pairs, of a batch", least = 1 },
  { "first", options.optional "Model|table|string",
    "writer of the first response, or its name; the policy unless given" },
  { "second", options.optional "Model|table|string", "writer of the second response, or its name" },
  { "mixture_coef", 0.5, "weight of the reference in the writer \"mixture\"", least = 0, most = 1 },
})

local names = { policy = true, reference = true, mixture = true }

local function check_writer(which, given)
  if type(given) ~= "string" or names[given] then return end
  error(("sources.online: %s must be a model, a writer or \"reference\", \"mixture\" or \"policy\", "
    .. "got '%s'"):format(which, given), 3)
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
  local prompts = sampling.dealt(o, o.batch)
  return source.new(spec, o, {
    batch = function(_, step, policy, checkpoint, reference)
      local writers, by_name = {}, named(policy, reference, o.mixture_coef)
      local function writer(i, wanted)
        wanted = wanted or "policy"
        if type(wanted) ~= "string" then return wanted end
        writers[i] = wanted
        return by_name[wanted]
      end
      return ordered.draw(policy, writer(1, o.first), writer(2, o.second), prompts(step), o, judge,
        { step = step, checkpoint = checkpoint, writers = writers })
    end,
  })
end
