--- The task of summaries: say what a text is about, without inventions or repetitions.
--
-- An analogue of summarisation with human feedback (Stiennon et al. 2020, arXiv:2009.01325; the TL;DR task of
-- Tang et al. 2024): the content can be checked word for word against the text, which a judge that learned
-- from preferences has to learn to do. A prompt is a report of four facts, a response says some of them in
-- short sentences.
--
--   content = min(1, covered / full) - invention * invented - repetition * repeated - 0.01 words
--
-- `covered` is the weight of the distinct facts that the response states (2 for who did what, else 1), `full`
-- is 4: a longer summary than three sentences gains nothing, and each word costs a little. `invented` are
-- statements that differ from the report, `repeated` are made again. A sentence that is none of the corpus's
-- states nothing; that it is broken is an error of text.
--
-- Figures of the corpus (1000 prompts; best of n over 200): score mean 0.02, standard deviation 0.53; best of
-- 2, 4, 16 and 64 responses 0.32, 0.54, 0.77 and 0.84, and the best of 64 wins 0.97 against another response;
-- 3 % of pairs tie; length and score correlate by -0.08.
--
-- The proxy is a reward model of at most 3,000 steps. A pairwise proxy, which has two responses to compare
-- with the report, is right on 58 % of the start's pairs, too few for an online run to rise.
--
-- Where the dynamics come from (scripts/results.md, five repetitions): the proxy is right on 63 to 73
-- % of the start's pairs, online learns to shorten its summaries, to 2 to 14 tokens from 15, and its win rate
-- rises to 0.17, under offline's 0.26. Labelled by gold it goes to 0.57.
--
-- What it shows instead of the paper's gap: what becomes of online with a proxy that cannot read well.
--
--   > task = summary { seed = 1 }
--   > task.tokenizer:decode(task:prompt("train", 1))
--   Lily the teacher sold a boat at the market in the spring.
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local task = require "perilune.tasks.task"
local text = require "perilune.tasks.summary.text"
local written = require "perilune.tasks.written"

local spec = options.spec("tasks.summary", {
  written.options,
  { "invention", 0.4, "what a statement that the text does not make costs",
    least = 0, most = limits.weight },
  { "repetition", 0.3, "what a statement made again costs", least = 0, most = limits.weight },
})

local full <const> = 4

--- The content of a response and its parts.
local function content_of(o, before, words)
  local covered, invented, repeated = text.statements(before, words)
  local coverage = math.min(1, covered / full)
  return coverage - o.invention * invented - o.repetition * repeated - 0.01 * #words,
    { coverage = coverage, invented = invented, repeated = repeated }
end

local function new(given)
  local o = spec:fill(given)
  return written.task {
    name = "summary", options = o, texts = text,
    content = function(before, words) return content_of(o, before, words) end,
    model = { style = "llama", layers = 2, dim = 64, heads = 4, hidden = 172 },
    --- The responses state facts of the report from some 3000 steps on: before, the model has not learned to
    -- copy.
    sft = { steps = 4000, batch = 32, lr = 4e-3 },
    preference = task.preference({ steps = 3000, evaluate_every = 300, patience = 10 }, "reward"),
    golden = { beta = 0.1, lr = 1e-3, steps = 240 },
    runs = task.runs(),
  }
end

return task.module { options = spec, new = new }
