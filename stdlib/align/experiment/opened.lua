--- The task of an experiment: the options that name it, what they must be, and how it is opened.
--
-- Every option of the task itself is `--task.NAME` of an experiment: `--task refusal --task.over 1`. The
-- exceptions are files, whose content is part of a run, and adapters: `data`, `model` and `lora`.
local attempt = require "perilune.attempt"
local errors = require "perilune.errors"
local files = require "perilune.data.files"
local models = require "perilune.models"
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local pretrained = require "perilune.tasks.pretrained"
local prompts_of = require "perilune.align.sources.prompts"
local records = require "perilune.tasks.records"
local separated = require "perilune.options.separated"
local system = require "perilune.system"
local tasks = require "perilune.tasks"

local opened = {}

local lora = options.native("Model:lora").by_name

--- Options of a task that an experiment takes in another form.
local elsewhere <const> = { path = true, model = true, lora = true, tokenizer = true, tokenizer_path = true }

--- The options of a task that are its own in an experiment, as a spec. Errors: there is no such task.
--
--   > local opened = require "perilune.align.experiment.opened"
--   > table.concat(opened.own "arena":names(), " ")
--   seed cost responses asked
function opened.own(name)
  local complaint = opened.options.by_name.task:complaint(name)
  if complaint then error("--task " .. complaint, 0) end
  local names = {}
  for _, one in ipairs(tasks[name].options:names()) do
    if not elsewhere[one] then names[#names + 1] = one end
  end
  return tasks[name].options:only(names)
end

--- Options of the task of a stage.
opened.options = options.spec("experiment.opened", {
  { "task", "sentiment", "name of the task; --task.seed 2 and the like are its own options",
    choices = tasks.names(), options_of = opened.own },
  { "data", "", "file of the task; alone, a file of preference pairs of your own (tasks.from_pairs)" },
  { "model", "", "a pretrained model that the start is trained from, a file or folder of models.load: for "
    .. "tasks of human preferences", size = "pretrained" },
  { "lora", false, "policies and judges are adapters on that model" },
  { "lora_r", 16, "rank of the adapters", least = lora.r.least, most = limits.width },
  { "lora_alpha", 32.0, "their scale is lora_alpha / lora_r", above = lora.alpha.above,
    most = lora.alpha.most },
  { "lora_targets", "", "modules that get adapters, separated by commas, or all-linear; unless given q_proj "
    .. "and v_proj, or c_attn" },
  { "max_prompt", 0, "tokens of a prompt at most, for tasks of human preferences; 0 for the task's",
    least = 0, most = limits.tokens },
  { "max_response", 0, "tokens of a response at most, likewise", least = 0, most = limits.tokens },
  { "cost", -1.0, "what the gold of a written task charges for an error of text; -1 for the task's",
    least = -1, most = limits.weight },
  { "small", false, "a small task, by the smoke values of its options", smoke = true },
})

--- The options of the task itself among those of an experiment: `o["task.over"]` is its option `over`, and so
-- is `o.task_options.over` of a stage.
--
--   > local opened = require "perilune.align.experiment.opened"
--   > opened.of_task({ task = "refusal", ["task.over"] = 1.0 }).over
--   1.0
function opened.of_task(o)
  local own = {}
  for name, value in pairs(o.task_options or {}) do own[name] = value end
  for name, value in pairs(o) do
    local one = name:match "^task%.(.+)$"
    if one then own[one] = value end
  end
  return own
end

--- Refuses options that the task itself does not take, and those that are given in both forms.
local function check_own(o)
  local own = opened.of_task(o)
  for name, unset in pairs { cost = -1, max_prompt = 0, max_response = 0 } do
    if own[name] ~= nil and (o[name] or unset) ~= unset then
      local flag = name:gsub("_", "-")
      error(("--%s %s and --task.%s %s are both given: one of them is enough"):format(
        flag, o[name], flag, own[name]), 0)
    end
  end
  local spec = opened.own(o.task)
  local ok, problem = attempt.call(spec.fill, spec, own)
  if not ok then error(errors.message(problem), 0) end
end

--- Why a file cannot be read; nil where it can.
local function unreadable(path)
  local file <close>, why = io.open(path, "rb")
  if not file then return why end
  local _, problem = file:read(0)
  return problem and path .. ": " .. problem
end

--- The targets of adapters as `model:lora` takes them; nil unless given. Errors: a name is empty or there
-- twice, or "all-linear" is one of several.
--
--   > local opened = require "perilune.align.experiment.opened"
--   > opened.targets "q_proj, v_proj"[2], opened.targets "all-linear", opened.targets ""
--   v_proj	all-linear	nil
--   > opened.targets "q_proj,,v_proj"
--   lora_targets takes names of modules, separated by commas, each once, or all-linear, not 'q_proj,,v_proj'
function opened.targets(text)
  if text == "" or text == "all-linear" then return text ~= "" and text or nil end
  local names, seen = {}, {}
  for name in separated(text) do
    if name == "" or name == "all-linear" or seen[name] then
      error(("lora_targets takes names of modules, separated by commas, each once, or all-linear, not '%s'")
        :format(text), 0)
    end
    names[#names + 1], seen[name] = name, true
  end
  return names
end

--- Refuses a pretrained model that is none. A file of records is named with the option that takes it.
local function check_model(path)
  if not system.exists(path) then
    error(("model: there is no '%s'; expected a file or folder of models.load"):format(path), 0)
  end
  local ok, problem = attempt.call(models.describe, path)
  if ok then return end
  local is_read, list = attempt.call(files.read, path, 1)
  if is_read and type(list[1]) == "table" then
    error(("model: '%s' is a file of records, which `data` takes; expected a file or folder of models.load")
      :format(path), 0)
  end
  error("model: " .. errors.message(problem), 0)
end

--- Refuses adapters without a pretrained model, such a model, a cost, limits of tokens or own options for a
-- task that takes none, a task whose file is not given or cannot be read, and a file for a task that reads
-- none.
function opened.check(o)
  check_own(o)
  local takes = tasks[o.task].options.by_name
  if o.model ~= "" and not takes.model then
    error(("model: the task '%s' takes no pretrained model"):format(o.task), 0)
  elseif o.lora and o.model == "" then
    error("lora: adapters need a pretrained model under them, as the option `model`", 0)
  elseif o.model ~= "" then
    check_model(o.model)
  end
  opened.targets(o.lora_targets)
  for _, name in ipairs { "max_prompt", "max_response" } do
    if o[name] > 0 and not takes[name] then
      error(("%s: the task '%s' writes its texts itself"):format(name, o.task), 0)
    end
  end
  for _, name in ipairs { "lora_r", "lora_alpha", "lora_targets" } do
    if not o.lora and o[name] ~= opened.options.by_name[name].default then
      error(("%s is of adapters, which `lora` asks for"):format(name), 0)
    end
  end
  if o.cost < 0 and o.cost ~= -1 then
    error(("cost: expected a number from 0, or -1 for the task's, not %s"):format(o.cost), 0)
  elseif o.cost >= 0 and not takes.cost then
    error(("cost: the gold of the task '%s' does not read text as text"):format(o.task), 0)
  end
  if tasks.needs(o.task) and o.data == "" then
    error(("the task '%s' needs its file as `data`: %s"):format(o.task, tasks.needs(o.task)), 0)
  elseif o.data ~= "" then
    if not tasks.needs(o.task) then
      error(("data: the task '%s' reads no file, got '%s'"):format(o.task, o.data), 0)
    end
    local why = unreadable(o.data)
    if why then error("data: cannot read " .. why, 0) end
  end
end

--- The options of adapters as `model:lora` takes them; nil without adapters.
local function adapters(o)
  if not o.lora then return nil end
  return { r = o.lora_r, alpha = o.lora_alpha, targets = opened.targets(o.lora_targets) }
end

--- The options of the task itself.
local function given_of(o)
  local given = opened.of_task(o)
  given.path, given.model, given.lora = o.data ~= "" and o.data or nil, o.model ~= "" and o.model or nil,
    adapters(o)
  if (o.cost or -1) >= 0 then given.cost = o.cost end
  for _, name in ipairs { "max_prompt", "max_response" } do
    if (o[name] or 0) > 0 then given[name] = o[name] end
  end
  return given
end

--- A text that is the same for options of one task.
--
--   > local opened = require "perilune.align.experiment.opened"
--   > opened.key { task = "arena" } == opened.key { task = "arena", ["task.asked"] = 5 }
--   false
function opened.key(o)
  local parts, own = {}, {}
  for _, name in ipairs(opened.options:names()) do parts[#parts + 1] = tostring(o[name]) end
  for name, value in pairs(opened.of_task(o)) do own[#own + 1] = ("%s=%s"):format(name, value) end
  table.sort(own)
  parts[#parts + 1] = table.concat(own, " ")
  if (o.data or "") ~= "" then parts[#parts + 1] = system.sha256_file(o.data) end
  if (o.model or "") ~= "" then parts[#parts + 1] = pretrained.fingerprint(o.model) end
  return table.concat(parts, "\0")
end

--- Refuses human labels that leave a split without a pair.
local function check_pairs(o, task)
  local n = task.gold_pairs and task.counts
  if not n or math.min(n.train.pairs, n.validation.pairs, n.test.pairs) > 0 then return end
  error(("data: %s"):format(records.too_few(o.data ~= "" and o.data or task.name, n, o.batch)), 0)
end

--- Refuses human labels of fewer training prompts than a batch, which online runs draw from them, or of fewer
-- pairs than the proxy's.
local function check_counts(o, task)
  if not (task.gold_pairs and task.counts and o.batch) then return end
  local count = math.min(o.pairs or math.huge, task.counts.train.pairs)
  if (o.proxy_pairs or 0) > count then
    error(("proxy_pairs: %d are more than the %d pairs of %s to train with"):format(
      o.proxy_pairs, count, o.data), 0)
  end
  local prompts = #prompts_of(task:gold_pairs("train", count))
  if prompts >= o.batch then return end
  error(("data: a batch of %d is more than the %d prompt%s, with %d pairs, to train with: %s, or a smaller "
    .. "batch"):format(o.batch, prompts, prompts == 1 and "" or "s", count,
    records.too_few(o.data, task.counts, o.batch)), 0)
end

local last = {}

--- The task of filled options. The one opened last is kept: who asks for the same task of the same files gets
-- it again. Errors: its file cannot be read, or leaves a split without a pair of human labels.
--
--   > local o = { task = "arena", data = "", model = "", cost = -1, small = true }
--   > opened.task(o) == opened.task(o)
--   true
function opened.task(o)
  if o.made then
    check_pairs(o, o.made)
    return o.made
  end
  local key = opened.key(o)
  if last.key ~= key then
    local task = tasks.open(o.task, given_of(o), o.small)
    check_pairs(o, task)
    last = { key = key, task = task }
  end
  return last.task
end

--- Refuses what the task's file does not have: pairs for every split and the proxy, and prompts for a batch.
--
--   > local opened = require "perilune.align.experiment.opened"
--   > opened.check_data { task = "from_pairs", data = "/none.jsonl", model = "", cost = -1 }
--   cannot read /none.jsonl: No such file or directory
function opened.check_data(o)
  if o.data ~= "" and tasks.needs(o.task) then check_counts(o, opened.task(o)) end
end

return options.strict("align.experiment.opened", opened)
