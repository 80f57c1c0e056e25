--- Responses token by token: ids, text, where they end, and the log-ratio of every token.
--
--   align.show(pairs[1], { task = task, policy = policy, reference = sft })
--   align.show(run.stream[1], { task = task, policy = policy, reference = sft })
--   align.show(policy, prompts, { task = task, reference = sft })
--
-- What it gives is printed as text: in a terminal the log-ratio of a token is its colour, blue where the
-- policy made it likelier and orange where less likely; without colours (NO_COLOR, a file) a letter under
-- it. Its method `html()` gives a self-contained piece of HTML, for reports (`report.show`) and notebooks.
--
--   > local pair = { prompt = { 2 }, chosen = { 3, 1 }, rejected = { 4 } }
--   > print(show(pair, { stop = { 1 } }))
--   pair 1
--     prompt    2
--     chosen    3  1
--               2 tokens, ended by 1
--     rejected  4
--               1 token, not ended
--
--   > local pair = { prompt = { 2 }, chosen = { 3, 1 }, rejected = { 4 } }
--   > show(pair, { stop = { 1 } }):html():match "<%a+"
--   <div
local batches = require "perilune.align.batch"
local html = require "perilune.align.show.html"
local options = require "perilune.options"
local policies = require "perilune.align.policy"
local sampling = require "perilune.align.sampling"
local tensor = require "perilune.tensor"
local text = require "perilune.align.show.text"
local tokens = require "perilune.align.show.tokens"

local spec = options.spec("align.show", {
  { "policy", options.optional(policies.types), "with a reference: log pi/pi_ref of each token is shown" },
  { "reference", options.optional(policies.types), "without it: log pi of each token is shown" },
  { "task", options.optional "table", "gives tokenizer, stop and max_new_tokens where they are not given" },
  { "tokenizer", options.optional "table|Tokenizer", "has decode(ids); ids alone are shown without one" },
  { "count", 8, "pairs, rows or prompts that are shown", least = 1 },
  { "color", options.optional "boolean", "colours in text; by default as the terminal and NO_COLOR say" },
  { "width", options.optional "integer", "columns of text; by default those of the terminal", least = 20 },
  options.native("Model:sample"):only {
    "max_new_tokens", "temperature", "top_k", "top_p", "min_p", "stop", "seed",
  },
})

local Shown = { __name = "Shown" }
Shown.__index = Shown

--- The text, with colours or letters.
function Shown:__tostring() return text(self) end

--- A piece of HTML without scripts, styles of its own, or addresses to load.
function Shown:html() return html(self) end

--- The number of each token of Rows: the policy's log-ratio, or its log-probability where there is no
-- reference, or what the rows' writer said; and what the number is.
local function values_of(rows, o)
  if o.policy then
    local function logps(model) return tensor.no_grad(model.outputs, model, rows, { "logps" }).logps end
    local own = logps(o.policy)
    if not o.reference then return rows:split(own), "log pi" end
    return rows:split(own - logps(o.reference)), "log pi/pi_ref"
  end
  local column = rows:column "logps"
  if not column then return nil, "" end
  return rows:split(column), "log pi of the writer"
end

--- Who wrote row i of a batch, as a text.
local function origin(batch, i)
  local parts = {}
  if batch.writer then parts[#parts + 1] = "by " .. batch.writer[i] end
  if batch.step then parts[#parts + 1] = ("step %s"):format(tostring(batch.step[i])) end
  if batch.checkpoint and batch.checkpoint[i] ~= "" then parts[#parts + 1] = batch.checkpoint[i] end
  return table.concat(parts, ", ")
end

--- The units of a batch as what `text` and `html` write.
local function shown(batch, o)
  local paired, count = batch:has_pairs(), math.min(#batch:units(), o.count)
  local units = {}
  for i = 1, count do units[i] = i end
  local part = batch:select(units)
  local values, what = values_of(part.rows, o)
  local blocks = {}
  for i, unit in ipairs(part:units()) do
    local block = { title = ("%s %d"):format(paired and "pair" or "prompt", i), lines = {} }
    block.lines[1] = tokens.line("prompt", part.rows:prompt(unit[1]), o)
    for k, row in ipairs(unit) do
      local label = paired and (k == 1 and "chosen" or "rejected") or "response"
      local line = tokens.line(label, part.rows:response(row), o, values and values[row]:totable())
      line.note = tokens.note(line, o, what, origin(part, row))
      block.lines[#block.lines + 1] = line
    end
    blocks[i] = block
  end
  return setmetatable({
    blocks = blocks, what = what, more = #batch:units() - count, options = o,
  }, Shown)
end

--- Rows with two columns of facts that a batch can have.
local function as_batch(given)
  if (getmetatable(given) or {}).__name == "Rows" then return batches.new { rows = given } end
  if getmetatable(given) then return given end
  local made = batches.of_pairs(given.prompt and { given } or given, "align.show")
  if #made == 0 then error("align.show: expected a pair or a list of pairs, got an empty list", 3) end
  return made
end

--- Shows a pair { prompt =, chosen =, rejected = }, a list of pairs, a batch, Rows, or a policy's responses
-- to prompts, lists of token ids. Errors: it is none of these; an option is unknown or of another type.
--
--   > show(3)
--   align.show: expected a pair, a batch, Rows, or a policy and prompts, got 3
return function(given, prompts, more)
  local is_policy = policies.is(given)
  local o = spec:fill(sampling.given(is_policy and more or not is_policy and prompts or nil))
  o.tokenizer = o.tokenizer or o.task and o.task.tokenizer
  if is_policy then
    if type(prompts) ~= "table" or type(prompts[1]) ~= "table" then
      error("align.show: expected a list of prompts, lists of token ids, after the policy", 2)
    end
    o.policy = given
    local few = table.move(prompts, 1, math.min(#prompts, o.count), 1, {})
    local made = shown(batches.new { rows = sampling.draw(given, given, few, o, "evaluation") }, o)
    made.more = #prompts - #few
    return made
  end
  if type(given) ~= "table" and (getmetatable(given) or {}).__name ~= "Rows" then
    error("align.show: expected a pair, a batch, Rows, or a policy and prompts, got "
      .. options.show(given), 2)
  end
  return shown(as_batch(given), o)
end
