--- Where pairs come from: the one thing that differs between online and offline.
--
-- A pair is a table of token ids, `prompt`, `chosen`, `rejected`, with what is known of its making: `step` and
-- `checkpoint` of the policy that wrote it, and `chosen_logp`, `rejected_logp`, its log-probabilities then.
--
-- A source gives a batch of pairs for a step: `source:batch(step, policy)`. It also has a `name`. Sources:
--
--   offline(dataset)      batches of a fixed list of pairs
--   online{...}           two fresh answers of the policy to each prompt, ordered by a judge
--   replay(stream)        the batches of an earlier run, in order or shuffled within windows
--   refreshed{...}        fresh answers of a copy of the policy that is renewed every so many steps
--   between(a, b, {...})  a fixed list: one answer of policy a against one of policy b
--   sample(policy, {...}) the same with both answers from one policy
local system = require "perilune.system"
local options = require "perilune.options"
local answers = require "perilune.align.answers"
local batches = require "perilune.align.batches"
local judges = require "perilune.align.judge"

local sources = {}

local function options_with(more)
  local all = answers.options(more)
  all.judge = options.required("any")
  return all
end

local function total(list)
  local sum = 0.0
  for _, x in ipairs(list) do sum = sum + x end
  return sum
end

--- Orders two answers to each prompt by a judge; a tie goes to the first where `coin(i)` is below 1/2.
local function order(prompts, a, b, a_logps, b_logps, judge, origin, coin)
  local preferred = judges.ask(judge, prompts, a, b)
  local batch = {}
  for i = 1, #prompts do
    local first = preferred[i] > 0.5 or preferred[i] == 0.5 and coin(i) < 0.5
    batch[i] = {
      prompt = prompts[i],
      chosen = first and a[i] or b[i],
      rejected = first and b[i] or a[i],
      chosen_logp = total(first and a_logps[i] or b_logps[i]),
      rejected_logp = total(first and b_logps[i] or a_logps[i]),
      step = origin.step,
      checkpoint = origin.checkpoint,
    }
  end
  return batch
end

--- Batches of a fixed list of pairs, shuffled anew each epoch.
--
--   pairs.offline(dataset, { batch = 32, seed = 1 })
--
--   batch = 32            pairs of a batch
--   seed = 0              of the shuffling
--
-- Errors: the dataset is no list, or has fewer pairs than a batch.
--
--   > pairs.offline({ { chosen = { 1 } }, { chosen = { 2 } } }, { batch = 2 }):batch(1)[2].chosen[1] ~= nil
--   true
--   > pairs.offline({}, { batch = 2 })
--   0 prompts or pairs do not fill a batch of 2
function sources.offline(dataset, given)
  local o = options.fill({ batch = options.integer(32, 1), seed = options.integer(0) }, given or {}, "pairs.offline")
  if type(dataset) ~= "table" then error("pairs.offline: expected a list of pairs, got " .. type(dataset), 2) end
  local batch = batches(dataset, o.batch, o.seed, "pairs/offline")
  return { name = "offline", options = o, is_fixed = true, batch = function(_, step) return batch(step) end }
end

--- Two fresh answers of the current policy to each prompt, ordered by the judge.
--
--   pairs.online { task = task, judge = proxy, prompts = task:prompts("train", 2048) }
--
--   judge                 needed: of align.judge, or a function(prompt, a, b) that gives 1, 0, 0.5, true or false
--   prompts               needed: a list of lists of ids
--   batch = 32            prompts, and so pairs, of a batch
--   task = nil            gives max_new_tokens and stop where they are not given
--   max_new_tokens = 32   tokens of an answer at most, its stop token included
--   temperature = 1.0     divides the logits; 0 takes the most likely token
--   top_k = 0             only the k most likely tokens; 0 for all
--   top_p = 1.0           only the most likely tokens that have this probability together
--   min_p = 0.0           only tokens at least this fraction as likely as the most likely one
--   stop = nil            a list of ids that end an answer, such as { tokenizer.eos }
--   seed = 0              of the prompts' order and of the draws
--
-- Sampling is not differentiated: the loss sees the answers as data. Errors: a needed option is missing, one is unknown
-- or out of range; there are fewer prompts than a batch.
--
--   > pairs.online { judge = function(prompt, a, b) return #a < #b end, prompts = { { 1 } }, batch = 1 }.name
--   online
function sources.online(given)
  local o = options.fill(options_with { batch = options.integer(32, 1) }, answers.given(given), "pairs.online")
  o.judge = judges.as_judge(o.judge)
  local prompts = batches(o.prompts, o.batch, o.seed, "pairs/prompts")
  return {
    name = "online",
    options = o,
    batch = function(_, step, policy, checkpoint)
      return sources.draw(policy, policy, prompts(step), o, { step = step, checkpoint = checkpoint })
    end,
  }
end

--- The responses of rows, and the log-probabilities of their tokens.
local function lists(rows)
  local logps = rows:split(rows:column "logps")
  for i, part in ipairs(logps) do logps[i] = part:totable() end
  return rows:responses(), logps
end

--- Two answers of one policy to each prompt.
local function draw_twice(policy, prompts, o, step)
  local drawn, logps = lists(answers.draw(policy, prompts, o, "first", step, 2))
  local first, second, first_logps, second_logps = {}, {}, {}, {}
  for i = 1, #prompts do
    first[i], second[i] = drawn[2 * i - 1], drawn[2 * i]
    first_logps[i], second_logps[i] = logps[2 * i - 1], logps[2 * i]
  end
  return first, second, first_logps, second_logps
end

--- One answer of `a` and one of `b` to each prompt, ordered by `o.judge`: a list of pairs. `o` has the options of
-- pairs.online, filled; `origin` says which `step` and `checkpoint` the answers are of.
function sources.draw(a, b, prompts, o, origin)
  if a == b then
    local first, second, first_logps, second_logps = draw_twice(a, prompts, o, origin.step)
    -- The first of two answers that are drawn alike is as good as a coin.
    return order(prompts, first, second, first_logps, second_logps, o.judge, origin, function() return 0 end)
  end
  local first, first_logps = lists(answers.draw(a, prompts, o, "first", origin.step))
  local second, second_logps = lists(answers.draw(b, prompts, o, "second", origin.step))
  local function coin(i) return system.uniform(o.seed, "pairs/ties", origin.step * #prompts + i) end
  return order(prompts, first, second, first_logps, second_logps, o.judge, origin, coin)
end

--- Fresh answers of a copy of the policy, renewed every `every` steps: 1 is online; a number no run reaches is offline
-- on the start's answers. Lanchantin et al. 2025, arXiv:2506.21495, call it semi-online.
--
--   pairs.refreshed { task = task, every = 10, judge = proxy, prompts = prompts }
function sources.refreshed(given)
  local o = options.fill(
    options_with { batch = options.integer(32, 1), every = options.integer(nil, 1) }, answers.given(given), "pairs.refreshed")
  o.judge = judges.as_judge(o.judge)
  local prompts = batches(o.prompts, o.batch, o.seed, "pairs/prompts")
  local writer, copied, written
  return {
    name = ("refreshed every %d"):format(o.every),
    options = o,
    batch = function(_, step, policy, checkpoint)
      if (step - 1) % o.every == 0 or copied ~= policy then
        writer, copied, written = policy:clone(), policy, checkpoint
      end
      return sources.draw(writer, writer, prompts(step), o, { step = step, checkpoint = written })
    end,
  }
end

--- The batches of an earlier run's `stream`, token for token. In order they reproduce that run exactly (Tang et al.,
-- app. F); `window = n` shuffles whole batches within windows of n, `window = "all"` over the whole stream (app. G).
--
--   pairs.replay(online.stream, { window = 4, seed = 1 })
--
--   window = 1            batches of a window, or "all"; 1 keeps the order
--   seed = 0              of the shuffling
--
-- Errors: the window is no whole number from 1 and not "all"; a batch is asked of an empty stream.
--
--   > pairs.replay({ { { step = 1 } }, { { step = 2 } } }):batch(2)[1].step
--   2
function sources.replay(stream, given)
  local o = options.fill({ window = options.optional("number|string"), seed = options.integer(0) }, given or {}, "pairs.replay")
  if type(stream) ~= "table" then error("pairs.replay: expected the stream of a run, got " .. type(stream), 2) end
  o.window = o.window or 1
  local window = o.window == "all" and #stream or o.window
  if math.type(window) ~= "integer" or window < 1 then
    error(("pairs.replay: window must be a whole number from 1 or \"all\", got %s"):format(tostring(o.window)), 2)
  end
  local held, permutation
  return {
    name = window == 1 and "replay in order" or ("replay shuffled within %s"):format(tostring(o.window)),
    options = o,
    is_fixed = true,
    batch = function(_, step)
      if #stream == 0 then error("pairs.replay: the stream is empty", 2) end
      local place = (step - 1) % #stream
      local index, at = place // window, place % window
      local size = math.min(window, #stream - index * window)
      if held ~= index then held, permutation = index, system.permutation(size, o.seed, "pairs/replay", index) end
      return stream[index * window + (window == 1 and 1 or permutation[at + 1])]
    end,
  }
end

--- A list of pairs: `count` prompts, to each one answer of `a` and one of `b`, ordered by the judge. With checkpoints
-- of an online run these are the paper's D_{a vs b} (fig. 12).
--
--   pairs.between(sft, online.policy, { task = task, judge = gold, prompts = prompts, count = 2048 })
--
--   judge                 needed: of align.judge, or a function(prompt, a, b) that gives 1, 0, 0.5, true or false
--   prompts               needed: a list of lists of ids
--   count                 needed: pairs in all
--   batch = 64            prompts of a draw
--   task = nil            gives max_new_tokens and stop where they are not given
--   max_new_tokens = 32   tokens of an answer at most, its stop token included
--   temperature = 1.0     divides the logits; 0 takes the most likely token
--   top_k = 0             only the k most likely tokens; 0 for all
--   top_p = 1.0           only the most likely tokens that have this probability together
--   min_p = 0.0           only tokens at least this fraction as likely as the most likely one
--   stop = nil            a list of ids that end an answer, such as { tokenizer.eos }
--   seed = 0              of the prompts' order and of the draws
--   label = ""            words of the progress bar, kept in each pair as `checkpoint`
--   quiet = false         no progress bar
--
-- Errors: a needed option is missing, one is unknown or out of range; there are no prompts.
function sources.between(a, b, given)
  local o = options.fill(
    options_with { count = options.integer(nil, 1), batch = options.integer(64, 1), label = "", quiet = false },
    answers.given(given), "pairs.between")
  o.judge = judges.as_judge(o.judge)
  local progress = require "perilune.progress"
  local dataset = {}
  local bar = progress.start { label = o.label ~= "" and o.label or "pairs", total = o.count, quiet = o.quiet }
  local prompts = batches(o.prompts, math.max(math.min(o.batch, o.count, #o.prompts), 1), o.seed, "pairs/prompts")
  local step = 0
  while #dataset < o.count do
    step = step + 1
    for _, pair in ipairs(sources.draw(a, b, prompts(step), o, { step = step, checkpoint = o.label })) do
      if #dataset < o.count then dataset[#dataset + 1] = pair end
    end
    bar:update(#dataset)
  end
  bar:finish()
  return dataset
end

--- A list of pairs whose answers both come from one policy; options and errors as pairs.between.
function sources.sample(policy, given) return sources.between(policy, policy, given) end

--- The different prompts of a list of pairs, in order: what an online run draws from, to see the prompts that offline sees.
--
--   pairs.online { task = task, judge = proxy, prompts = pairs.prompts(golden) }
--
--   > #pairs.prompts { { prompt = { 1 } }, { prompt = { 2 } }, { prompt = { 1 } } }
--   2
function sources.prompts(dataset)
  local seen, prompts = {}, {}
  for _, pair in ipairs(dataset) do
    local key = table.concat(pair.prompt, " ")
    if not seen[key] then seen[key], prompts[#prompts + 1] = true, pair.prompt end
  end
  return prompts
end

--- The same pairs with the order another judge gives them, as a new list. Ties are ordered by a coin: left as they
-- stand, they would count as agreement of the two judges. `seed` (0) is the coin's.
--
--   pairs.relabel(dataset, judge.gold(task))
--
--   > local one = { { prompt = { 1 }, chosen = { 2, 3 }, rejected = { 2 } } }
--   > #pairs.relabel(one, function(prompt, a, b) return #a < #b end)[1].chosen
--   1
function sources.relabel(dataset, judge, given)
  local o = options.fill({ seed = options.integer(0) }, given or {}, "pairs.relabel")
  judge = judges.as_judge(judge)
  local relabelled = {}
  for start = 1, #dataset, 64 do
    local prompts, a, b = {}, {}, {}
    for i = start, math.min(start + 63, #dataset) do
      local pair = dataset[i]
      prompts[#prompts + 1], a[#a + 1], b[#b + 1] = pair.prompt, pair.chosen, pair.rejected
    end
    for k, preferred in ipairs(judges.ask(judge, prompts, a, b)) do
      local pair = dataset[start + k - 1]
      local copy = {}
      for name, value in pairs(pair) do copy[name] = value end
      local turned = preferred < 0.5
      if preferred == 0.5 then turned = system.uniform(o.seed, "pairs/relabelled ties", start + k) < 0.5 end
      if turned then
        copy.chosen, copy.rejected = pair.rejected, pair.chosen
        copy.chosen_logp, copy.rejected_logp = pair.rejected_logp, pair.chosen_logp
      end
      relabelled[#relabelled + 1] = copy
    end
  end
  return relabelled
end

return require "perilune.options".strict("align.pairs", sources)
