--- Answers of several policies side by side, with what judges say of them and log-ratios in colour.
--
--   local prompts = task:prompts("test", 64)
--   explore({ online = on, offline = off }, prompts, { task = task, reference = sft, judge = gold })
--
-- In a terminal it takes the whole screen: n and p (or the arrows) step through the prompts, r draws
-- again, 1 to 9 and tab choose the policies, t shows tokens with their ids, / searches, ? lists the keys,
-- q ends. Without a terminal the same is printed for all prompts; in a notebook it is shown as HTML.
--
-- The colour of a token is its log-ratio against the reference, as in `align.show`; without colours it is
-- a letter under the token. Below the answers stands the probability that the answer of one policy is
-- better than that of another, as each judge says; a judge without probabilities gives 1, 0 or 0.5. It is
-- the mean over the `k` answers.
--
--   > local align = require "perilune.align"
--   > local coin = align.policy.table { contexts = { { 0 } }, vocab = 2 }
--   > local o = { max_new_tokens = 1, reference = coin, seed = 1, color = false }
--   > local text = tostring(explore.new({ a = coin, b = coin:clone() }, { { 0 } }, o))
--   > text:match "prompt 1: 0", text:match "a +| b" ~= nil or text:match "a +\u{2502} b" ~= nil
--   prompt 1: 0	true
local attempt = require "perilune.attempt"
local answers = require "perilune.explore.answers"
local judges = require "perilune.align.judge"
local layout = require "perilune.explore.layout"
local native = require "perilune.native.plot"
local options = require "perilune.options"
local page = require "perilune.explore.page"
local policies = require "perilune.align.policy"
local sampling = require "perilune.align.sampling"
local system = require "perilune.system"
local terminal = require "perilune.display.terminal"
local tokens = require "perilune.align.show.tokens"

local explore = {}

local spec = options.spec("explore", {
  { "judge", options.optional "table|function", "the judge, or judges by name: { gold = , proxy = }" },
  { "proxy", options.optional "table|function", "another judge, shown beside the first" },
  { "reference", options.optional(policies.types), "log-ratios are against it; without it log pi is shown" },
  { "k", 1, "answers of each policy to a prompt", least = 1, most = 64 },
  { "task", options.optional "table", "gives tokenizer, stop and max_new_tokens where they are not given" },
  { "tokenizer", options.optional "table|Tokenizer", "has decode(ids); ids alone are shown without one" },
  { "count", options.optional("integer", 1), "prompts that are printed; all unless given" },
  { "screen", true, "whether a terminal is taken as a whole; false prints" },
  { "color", options.optional "boolean", "colours in text; by default as the terminal and NO_COLOR say" },
  { "width", options.optional("integer", 20), "columns of text; by default those of the terminal" },
  options.native("Model:sample"):only {
    "max_new_tokens", "temperature", "top_k", "top_p", "min_p", "stop", "seed",
  },
})

local Exploration = { __name = "Exploration" }
Exploration.__index = Exploration

local function refuse(message, ...) error("explore: " .. message:format(...), 4) end

--- A policy, or what has one: a run of align.train, { label =, policy = }.
local function policy_of(value)
  if policies.is(value) then return value end
  return type(value) == "table" and policies.is(value.policy) and value.policy or nil
end

--- The policies as a list of { name, policy }.
local function named(given)
  if policy_of(given) then given = { given } end
  if type(given) ~= "table" then
    refuse("expected a policy, a list, or policies by name, got %s", options.show(given))
  end
  local list, names = {}, {}
  for i, value in ipairs(given) do
    local label = not policies.is(value) and type(value) == "table" and value.label
    local name = type(label) == "string" and label ~= "" and label or ("policy %d"):format(i)
    list[i] = { name = name, policy = value }
  end
  for name in pairs(given) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do list[#list + 1] = { name = name, policy = given[name] } end
  if #list == 0 then refuse("there is no policy") end
  for _, entry in ipairs(list) do
    local found = policy_of(entry.policy)
    if not found then refuse("%s is no policy and no run, but %s", entry.name, options.show(entry.policy)) end
    entry.policy = found
  end
  return list
end

--- The judges as a list of { name, judge }.
local function judges_of(o)
  local list = {}
  local function add(name, given)
    local ok, judge = attempt.call(judges.as_judge, given)
    if not ok then refuse("%s is no judge, but %s", name, options.show(given)) end
    list[#list + 1] = { name = name, judge = judge }
  end
  local given = o.judge
  if type(given) == "table" and given.prefer == nil and next(given) ~= nil then
    local names = {}
    for name in pairs(given) do
      if type(name) ~= "string" then refuse("judge must be a judge, or judges by name") end
      names[#names + 1] = name
    end
    table.sort(names)
    for _, name in ipairs(names) do add(name, given[name]) end
  elseif given ~= nil then
    local name = type(given) == "table" and type(given.name) == "string" and given.name
    add(name or "judge", given)
  end
  if o.proxy ~= nil then add("proxy", o.proxy) end
  return list
end

--- Prompts as lists of ids; texts are encoded.
local function encoded(prompts, o)
  if type(prompts) ~= "table" or #prompts == 0 then
    refuse("expected a list of prompts, lists of token ids or texts, got %s",
      type(prompts) == "table" and "an empty one" or options.show(prompts))
  end
  local list = {}
  for i, prompt in ipairs(prompts) do
    if type(prompt) == "string" and o.tokenizer then
      prompt = o.tokenizer:encode(prompt)
    elseif type(prompt) ~= "table" then
      refuse("prompt %d must be a list of token ids%s, got %s", i,
        type(prompt) == "string" and ", or a text beside a tokenizer" or "", options.show(prompt))
    end
    if #prompt == 0 then refuse("prompt %d is empty", i) end
    list[i] = prompt
  end
  return list
end

--- The answers of policies to prompts as a value, drawn when they are first looked at: its text and
-- `html()` have those of all prompts, or of the first `count`.
--
-- Errors: there is no policy or no prompt; a value is no policy, judge or prompt; an option is unknown.
function explore.new(given, prompts, settings)
  local o = spec:fill(sampling.given(settings), 2)
  o.tokenizer = o.tokenizer or o.task and o.task.tokenizer
  return setmetatable({
    policies = named(given), prompts = encoded(prompts, o), judges = judges_of(o), options = o,
    blocks = {}, draws = {},
  }, Exploration)
end

--- The answers to a prompt if they were drawn.
function Exploration:drawn(number) return self.blocks[number] end

--- The answers to a prompt, see `explore.answers`.
function Exploration:block(number)
  self.blocks[number] = self.blocks[number] or answers.of(self, number, self.draws[number] or 0)
  return self.blocks[number]
end

--- Forgets the answers to a prompt; the next ones are others.
function Exploration:draw_again(number)
  self.draws[number], self.blocks[number] = (self.draws[number] or 0) + 1, nil
end

--- The text of a prompt.
function Exploration:prompt_text(number)
  local line = tokens.line("prompt", self.prompts[number], self.options)
  return table.concat(line.texts or line.ids, line.texts and "" or " ")
end

local function blocks_of(self)
  local blocks = {}
  for i = 1, math.min(#self.prompts, self.options.count or #self.prompts) do blocks[i] = self:block(i) end
  return blocks
end

function Exploration:__tostring()
  local o, out = self.options, {}
  local color = o.color
  if color == nil then color = terminal.has_color() end
  local view = { width = o.width or native.columns(), color = color }
  local blocks = blocks_of(self)
  for i, block in ipairs(blocks) do
    local lines = layout.lines(block, view)
    lines[1] = lines[1]:gsub("^prompt:", ("prompt %d:"):format(i))
    table.move(lines, 1, #lines, #out + 1, out)
    out[#out + 1] = ""
  end
  local more = #self.prompts - #blocks
  if more > 0 then out[#out + 1] = ("and %d more"):format(more) end
  out[#out + 1] = tokens.legend(blocks[1].what, color)
  return table.concat(out, "\n")
end

--- A piece of HTML that needs nothing else.
function Exploration:html() return page(blocks_of(self)) end

function Exploration:__mime() return { ["text/plain"] = tostring(self), ["text/html"] = self:html() } end

--- Shows the answers of policies to prompts: on the whole terminal, as text or in a notebook. `given` is a
-- policy, a list, policies by name, or runs of align.train. Errors: as `explore.new`.
local function call(_, given, prompts, settings)
  local exploration = explore.new(given, prompts, settings)
  local display = require "perilune.display"
  local is_front = rawget(display, "front") ~= nil
  if not is_front and exploration.options.screen and system.is_terminal(0) and system.is_terminal(1) then
    return require "perilune.explore.screen"(exploration)
  end
  display(exploration)
end

options.strict("explore", explore)
getmetatable(explore).__call = call

return explore
