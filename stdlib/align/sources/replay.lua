--- The batches of an earlier run's `stream`, token for token.
--
-- In order they reproduce that run exactly (Tang et al. 2024, arXiv:2405.08448, app. F); `window = n`
-- shuffles whole batches within windows of n, `window = "all"` over the whole stream (app. G).
--
--   align.sources.replay(online.stream, { window = 4, seed = 1 })
--
-- Errors: the stream is empty, or shorter than the run; the window is no whole number from 1 and not "all".
--
--   > replay({ { { step = 1 } }, { { step = 2 } } }):batch(2)[1].step
--   2
--   > replay({})
--   sources.replay: the stream is empty
local options = require "perilune.options"
local system = require "perilune.system"
local source = require "perilune.align.source"

local spec = options.spec("sources.replay", {
  { "window", options.optional "integer|string", "batches of a window, or \"all\"; 1 keeps the order",
    least = 1 },
  { "seed", 0, "seed of the shuffling" },
})

return function(stream, given)
  local o = spec:fill(given)
  if type(stream) ~= "table" then
    error("sources.replay: expected the stream of a run, got " .. type(stream), 2)
  end
  if #stream == 0 then error("sources.replay: the stream is empty", 2) end
  local window = o.window or 1
  if type(window) == "string" then
    if window ~= "all" then
      error(("sources.replay: window must be a whole number from 1 or \"all\", got '%s'"):format(window), 2)
    end
    window = #stream
  end
  local shuffled, permutation
  return source.new(spec, o, {
    steps = #stream,
    batch = function(_, step)
      if step > #stream then error(("the stream has %d batches"):format(#stream), 0) end
      local index, at = (step - 1) // window, (step - 1) % window
      if window == 1 then return stream[step] end
      local size = math.min(window, #stream - index * window)
      if shuffled ~= index then
        shuffled, permutation = index, system.permutation(size, o.seed, "pairs/replay", index)
      end
      return stream[index * window + permutation[at + 1]]
    end,
  })
end
