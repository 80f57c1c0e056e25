--- What the tasks share: splits, checks of arguments, and how their judges and golden policies are trained.
local options = require "perilune.options"
local system = require "perilune.system"

local task = {}

--- The names of the splits.
task.splits = { "train", "validation", "test" }

--- A 32-bit hash of a string: FNV-1a, then the finaliser of SplitMix64. It is the same on every machine.
--
--   > task.hash "" == task.hash "a"
--   false
function task.hash(text)
  local h = 0xCBF29CE484222325
  for i = 1, #text do h = (h ~ text:byte(i)) * 0x100000001B3 end
  h = (h ~ (h >> 30)) * 0xBF58476D1CE4E5B9
  h = (h ~ (h >> 27)) * 0x94D049BB133111EB
  return (h ~ (h >> 31)) >> 32
end

--- The split of a text, 80 : 10 : 10 by its hash: equal texts are in the same split, whatever the seed.
--
--   > task.split_of "Rosa and Maya hurried to the wooden"
--   validation
function task.split_of(text)
  local bucket = task.hash(text) % 10
  return bucket < 8 and "train" or bucket == 8 and "validation" or "test"
end

--- Checks of the arguments of a task's methods, whose errors begin with `where`.
--
-- A method calls them directly, so that an error points at the caller of the method.
function task.checks(where)
  local check = {}
  local function refuse(message, ...) error(where .. ": " .. message:format(...), 4) end

  --- Refuses a split that does not exist.
  function check.split(split)
    for _, name in ipairs(task.splits) do
      if split == name then return end
    end
    refuse("unknown split %s; %s", options.show(split), options.suggest(split, task.splits))
  end

  --- A whole number of at least `least`, below 2^40.
  function check.whole(value, least, what)
    local n = math.type(value) and math.tointeger(value)
    if not n or n < least or n >= 1 << 40 then
      refuse("%s must be a whole number from %d, not %s", what, least, options.show(value))
    end
    return n
  end

  --- Refuses a list that does not hold ids of a vocabulary.
  function check.ids(ids, vocab_size, what)
    if type(ids) ~= "table" then refuse("%s must be a list of ids, not %s", what, options.show(ids)) end
    for i = 1, #ids do
      local id = math.type(ids[i]) and math.tointeger(ids[i])
      if not id or id < 0 or id >= vocab_size then
        refuse("%s has id %s at position %d, which is not in the vocabulary of %d tokens", what,
          options.show(ids[i]), i, vocab_size)
      end
    end
  end

  --- Items skip + 1 to skip + count of the list of a split; all after `skip` when `count` is nil.
  function check.slice(list, split, what, count, skip)
    skip = skip or 0
    count = count or math.max(#list - skip, 0)
    if skip + count > #list then
      local after = skip > 0 and (" after %d"):format(skip) or ""
      refuse("split '%s' has %d %s, not %d%s", split, #list, what, count, after)
    end
    return table.move(list, skip + 1, skip + count, 1, {})
  end

  return check
end

--- SHA-256 of what each token id of a tokenizer decodes to.
--
--   > local words = require "perilune.tasks.words"
--   > local task = require "perilune.tasks.task"
--   > task.tokenizer_hash(words.tokenizer { "tea" }) == task.tokenizer_hash(words.tokenizer { "soup" })
--   false
function task.tokenizer_hash(tokenizer)
  local parts = { tokenizer.vocab_size }
  for _, name in ipairs { "bos", "eos", "pad" } do parts[#parts + 1] = tostring(tokenizer[name]) end
  for id = 0, tokenizer.vocab_size - 1 do
    local text = tokenizer:decode { id }
    parts[#parts + 1] = #text .. ":" .. text
  end
  return system.sha256(table.concat(parts, " "))
end

local function is_finite(x) return type(x) == "number" and x - x == 0 end

--- The preference of two scores: 1 for the first, 0 for the second, 0.5 for a tie. Errors: a score is no
-- finite number; NaN would tie with every other one.
--
--   > task.compare(0.5, 0.2)
--   1
--   > task.compare(0.5, 0 / 0)
--   task.compare: expected two finite numbers as scores of gold, not 0.5 and nan
function task.compare(a, b)
  if not (is_finite(a) and is_finite(b)) then
    error(("task.compare: expected two finite numbers as scores of gold, not %s and %s"):format(
      options.show(a), options.show(b)), 2)
  end
  return a > b and 1 or a < b and 0 or 0.5
end

--- How the judges of a task with responses of some 40 tokens are trained. A pairwise preference model leaves
-- its plateau after some 300 steps and agrees with gold on 0.86 to 0.90 of held-out pairs after 700.
-- `given` replaces options; `kind` is "preference" (a pairwise model) unless it is "reward", a model that
-- reads one response.
--
--   > task.preference({ steps = 1600 }).options.steps, task.preference({}, "reward").kind
--   1600	reward
function task.preference(given, kind)
  local options_of = { steps = 700, batch = 64, lr = 6e-4, warmup = 50, evaluate_every = 100, patience = 5 }
  for name, value in pairs(given or {}) do options_of[name] = value end
  return { kind = kind or "preference", options = options_of }
end

--- The settings of the runs of a task, of which its calibration page is made and which experiments take by
-- default: online IPO with one setting, offline with all combinations of betas and rates. `given` replaces
-- fields.
--
--   > task.runs({ steps = 720 }).steps
--   720
function task.runs(given)
  local offline <const> = { beta = { 0.05, 0.1 }, lr = { 1e-4, 3e-4 } }
  local runs = { beta = 0.05, lr = 3e-4, steps = 480, offline = offline }
  for name, value in pairs(given or {}) do runs[name] = value end
  return runs
end

--- The method `check` of every task: the page of its calibration, see tasks.check.
--
--   > local task = require "perilune.tasks.task"
--   > local tasks = require "perilune.tasks"
--   > tasks.sentiment().check == task.check
--   true
--   > tasks.sentiment():check { step = 9 }
--   tasks.check: unknown option 'step'; did you mean 'steps'?
function task.check(self, given) return require "perilune.tasks.check"(self, given) end

--- The module of a task. Calling it gives what `fields.new` makes, with the name of its spec as `module`;
-- `options` is that spec, `needs` says which file it reads.
--
--   > local task = require "perilune.tasks.task"
--   > task.preference().kind
--   preference
--   > local mine = task.module { new = function(given) return { name = given.name } end }
--   > mine { name = "mine" }.name
--   mine
--   > type(task.checks "tasks.mine")
--   table
function task.module(fields)
  return setmetatable(fields, { __call = function(_, given)
    local made = fields.new(given)
    made.module = fields.options and fields.options.name
    return made
  end })
end

return task
