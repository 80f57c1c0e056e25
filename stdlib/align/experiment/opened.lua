--- The task of an experiment: the options that name it, what they must be, and how it is opened.
local options = require "perilune.options"
local system = require "perilune.system"
local tasks = require "perilune.tasks"

local opened = {}

--- Options of the task of a stage.
opened.options = options.spec("experiment.opened", {
  { "task", "sentiment", "name of the task", choices = tasks.names() },
  { "data", "", "file of the task; alone, a file of preference pairs of your own (tasks.from_pairs)" },
  { "model", "", "a pretrained model that the start is trained from, a file or folder of models.load: for "
    .. "tasks of human preferences", size = "pretrained" },
  { "lora", false, "policies and judges are adapters on that model" },
  { "lora_r", 16, "rank of the adapters", least = 1 },
  { "lora_alpha", 32.0, "their scale is lora_alpha / lora_r", above = 0 },
  { "lora_targets", "", "modules that get adapters, separated by commas, or all-linear; unless given q_proj "
    .. "and v_proj, or c_attn" },
  { "cost", -1.0, "what the gold of a written task charges for an error of text; -1 for the task's",
    least = -1 },
  { "small", false, "a small task, by the smoke values of its options", smoke = true },
})

--- Why a file cannot be read; nil where it can.
local function unreadable(path)
  local file <close>, why = io.open(path, "rb")
  if not file then return why end
  local _, problem = file:read(0)
  return problem and path .. ": " .. problem
end

--- Refuses adapters without a pretrained model, such a model or a cost for a task that takes none, a task
-- whose file is not given or cannot be read, and a file for a task that reads none.
function opened.check(o)
  if o.model ~= "" and not tasks[o.task].options.by_name.model then
    error(("model: the task '%s' takes no pretrained model"):format(o.task), 0)
  elseif o.lora and o.model == "" then
    error("lora: adapters need a pretrained model under them, as the option `model`", 0)
  elseif o.model ~= "" and not system.exists(o.model) then
    error(("model: there is no '%s'; expected a file or folder of models.load"):format(o.model), 0)
  end
  for _, name in ipairs { "lora_r", "lora_alpha", "lora_targets" } do
    if not o.lora and o[name] ~= opened.options.by_name[name].default then
      error(("%s is of adapters, which `lora` asks for"):format(name), 0)
    end
  end
  if o.cost >= 0 and not tasks[o.task].options.by_name.cost then
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
  local given, names = { r = o.lora_r, alpha = o.lora_alpha }, {}
  for name in o.lora_targets:gmatch "[^,%s]+" do names[#names + 1] = name end
  if #names > 0 then given.targets = names[1] == "all-linear" and names[1] or names end
  return given
end

--- The options of the task itself.
local function given_of(o)
  return {
    path = o.data ~= "" and o.data or nil, cost = o.cost >= 0 and o.cost or nil,
    model = o.model ~= "" and o.model or nil, lora = adapters(o),
  }
end

--- The task of filled options. Errors: its file cannot be read, or leaves a split without a pair of human
-- labels.
function opened.task(o)
  local task = o.made or tasks.open(o.task, given_of(o), o.small)
  local n = task.gold_pairs and task.counts
  if n and math.min(n.train.pairs, n.validation.pairs, n.test.pairs) == 0 then
    error(("data: %s has %d pairs to train with, %d to validate with and %d to test with; an experiment "
      .. "needs some of "
      .. "each. Prompts are drawn for them, about 8 : 1 : 1: give pairs of at least 40 prompts"):format(
      o.data ~= "" and o.data or task.name, n.train.pairs, n.validation.pairs, n.test.pairs), 0)
  end
  return task
end

--- A text that is the same for options of one task.
--
--   > local opened = require "perilune.align.experiment.opened"
--   > opened.key { task = "arena" } == opened.key { task = "arena", cost = 0.3 }
--   false
function opened.key(o)
  local parts = {}
  for _, name in ipairs(opened.options:names()) do parts[#parts + 1] = tostring(o[name]) end
  return table.concat(parts, "\0")
end

--- Bytes of a file that surely has pairs for every split.
local enough <const> = 1 << 20

--- Refuses a small file that leaves a split without a pair; larger ones are looked at when the stage is made.
function opened.check_data(o)
  if o.data == "" or not tasks.needs(o.task) then return end
  local file <close> = io.open(o.data, "rb")
  if file and file:seek "end" < enough then opened.task(o) end
end

return options.strict("align.experiment.opened", opened)
