--- How responses are drawn: the options, and the independent random stream of each role.
--
-- Two responses that are compared must be independent. Drawn with the same uniform numbers they are coupled,
-- and their win rate is another quantity than p(a > b): by 5 points on the toy of the tests.
local batches = require "perilune.align.batches"
local options = require "perilune.options"
local policies = require "perilune.align.policy"
local shards = require "perilune.align.shards"

local sampling = {}

-- Two responses of a pair; a checkpoint's responses, those it is compared with, and its second responses.
-- The responses of instruments have streams of their own.
local streams = {
  first = 1, second = 2, evaluation = 3, baseline = 4, evaluation_second = 5,
  instruments = 6, instruments_ref = 7, instruments_best = 8, reference = 9,
}

local names = { "max_new_tokens", "temperature", "top_k", "top_p", "min_p", "stop", "seed" }

--- The options of everything that draws responses.
sampling.options = options.spec("align.sampling", {
  { "prompts", options.required "table", "list of prompts, each a list of token ids" },
  { "task", options.optional "table", "gives max_new_tokens and stop where they are not given" },
  options.native("Model:sample"):only(names),
})

--- The given options, with the task's max_new_tokens and stop where they are not given.
function sampling.given(given)
  local task = type(given) == "table" and given.task
  if type(task) ~= "table" then return given end
  local all = { max_new_tokens = task.max_response, stop = task.stop }
  for name, value in pairs(given) do all[name] = value end
  return all
end

--- A function of the step that gives its `size` prompts, of filled options.
function sampling.dealt(o, size)
  local numbers = batches(#o.prompts, size, o.seed, "pairs/prompts", 3)
  return function(step)
    local prompts = {}
    for i, number in ipairs(numbers(step)) do prompts[i] = o.prompts[number] end
    return prompts
  end
end

--- Rows of `count` responses to each prompt, drawn by `writer`: a policy, or a table with a method
-- `sample(policy, prompts, options)`, which gives Rows, and `is_free` where a response does not depend on the
-- other prompts. Rows i of roles "first" and "second" are independent.
-- The first prompt has the number `first` (1).
function sampling.draw(writer, policy, prompts, o, role, step, count, first)
  return shards.rows(prompts, function(some, number)
    local how = { stream = streams[role], step = step, count = count, first = (first or 1) + number - 1 }
    for _, name in ipairs(names) do how[name] = o[name] end
    if not policies.is(writer) then return writer:sample(policy, some, how) end
    return writer:sample(some, how)
  end, policies.is(writer) or writer.is_free)
end

--- For each of the rows 1 where its response ends with a stop token, 0 where it was cut off.
--
--   > local rows = require "perilune.models".rows({ { 5 }, { 5 } }, { { 2, 1 }, { 2, 3 } })
--   > table.concat(sampling.finished(rows, { stop = { 1 } }), " ")
--   1 0
function sampling.finished(rows, o)
  local stops, finished = {}, {}
  for _, id in ipairs(type(o.stop) == "table" and o.stop or { o.stop }) do stops[id] = true end
  for i, response in ipairs(rows:responses()) do finished[i] = stops[response[#response]] and 1 or 0 end
  return finished
end

return options.strict("align.sampling", sampling)
