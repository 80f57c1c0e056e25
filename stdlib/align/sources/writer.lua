--- A writer with a temperature and a truncation of its own: the other responses of a source keep theirs.
--
--   local careful = align.sources.writer { temperature = 0.5, top_p = 0.9 }
--   align.sources.online { judge = judge, prompts = prompts, second = careful }
--
-- It draws from the policy of the run, or from the policy `of`. The columns `old_logps` are at temperature 1
-- without truncation, `sampling_logps` as drawn. Errors: an option is unknown or out of range; `of` is no
-- policy.
--
--   > writer { temperature = 0.5 }.name
--   writer { temperature = 0.5 }
local options = require "perilune.options"
local policies = require "perilune.align.policy"
local source = require "perilune.align.source"

local settings <const> = { "temperature", "top_k", "top_p", "min_p" }

local spec = options.spec("sources.writer", {
  { "of", options.optional(policies.types), "who writes; the policy of the run unless given" },
  options.native("Model:sample"):only(settings),
})

return function(given)
  local o = spec:fill(given)
  if o.of then policies.check(o.of, "sources.writer: of") end
  return source.new(spec, o, {
    sample = function(_, policy, prompts, how)
      for _, name in ipairs(settings) do how[name] = o[name] end
      return (o.of or policy):sample(prompts, how)
    end,
  })
end
