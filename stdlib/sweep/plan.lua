--- The plan of a sweep: a row for each setting and seed, known by the hash of script, arguments and setting.
local attempt = require "perilune.attempt"
local kept = require "perilune.sweep.kept"
local native = require "perilune.native.run"
local options = require "perilune.options"
local plain = require "perilune.plain"
local system = require "perilune.system"

local plan = {}

local taken <const> = { seed = true, sweep = true, script = true }

local function refuse(message, ...) error("sweep: " .. message:format(...), 0) end

local function check_setting(name, value)
  local kind = type(value)
  if type(name) ~= "string" or not name:match "^[%a_][%w_.]*$" then
    refuse("a setting of the grid has a name, got %s", options.show(name))
  elseif taken[name] then
    refuse("the grid may not have '%s', which every row has", name)
  elseif kind ~= "number" and kind ~= "string" and kind ~= "boolean" then
    refuse("'%s' takes numbers, texts and booleans, got %s", name, options.show(value))
  end
end

--- Every combination of the values in a grid, `{ beta = { 0.1, 1 }, side = { "online", "offline" } }`: a list
-- of settings, the last name in the alphabet changing fastest. A list of settings is taken as it is.
--
--   > local plan = require "perilune.sweep.plan"
--   > local list = plan.settings { beta = { 0.1, 1 }, side = { "online", "offline" } }
--   > #list, list[2].beta, list[2].side
--   4	0.1	offline
function plan.settings(grid)
  local list, names = { {} }, {}
  if #grid > 0 then
    for _, setting in ipairs(grid) do
      for name, value in pairs(setting) do check_setting(name, value) end
    end
    return grid
  end
  for name in pairs(grid) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do
    local values = grid[name]
    if type(values) ~= "table" or #values == 0 then
      local what = type(values) == "table" and "an empty one" or options.show(values)
      refuse("'%s' of the grid takes a list of values, got %s", tostring(name), what)
    end
    local more = {}
    for _, setting in ipairs(list) do
      for _, value in ipairs(values) do
        check_setting(name, value)
        local copy = { [name] = value }
        for key, known in pairs(setting) do copy[key] = known end
        more[#more + 1] = copy
      end
    end
    list = more
  end
  return list
end

local function seeds_of(seeds)
  if math.type(seeds) == "integer" and seeds >= 1 then
    local list = {}
    for seed = 1, seeds do list[seed] = seed end
    return list
  end
  if type(seeds) ~= "table" or #seeds == 0 then
    refuse("seeds is a number of seeds or a list of them, got %s", options.show(seeds))
  end
  return seeds
end

local Plan = { __name = "SweepPlan" }
Plan.__index = Plan

--- The head of a plan's file; nil where it is damaged.
local function head_of(path)
  local file <close> = assert(io.open(path, "rb"))
  local ok, head = attempt.call(plain.decode, file:read "l" or "")
  local is_head = ok and type(head) == "table" and head.script and head.created and head.arguments
  return is_head and head or nil
end

--- The script of the last plan with these arguments that has runs, else of the last; nil if there is none.
local function earlier_script(o, home)
  if not system.exists(home) then return nil end
  local best, runs = nil, {}
  for _, run in ipairs(native.list(o.folder, { sweep = o.name }, { "script" })) do runs[run.script] = true end
  for _, name in ipairs(system.list_folder(home)) do
    local key = name:match "^(%x+)%.jsonl$"
    local head = key and head_of(home .. "/" .. name)
    if key and not head then
      refuse("%s/%s is damaged, and --same needs the plans of before: remove it to do without", home, name)
    end
    if head and plain.encode(head.arguments) == plain.encode(o.arguments) then
      head.has_runs = runs[key] == true
      local is_later = best and head.has_runs == best.has_runs and head.created > best.created
      if not best or is_later or head.has_runs and not best.has_runs then best = head end
    end
  end
  return best and best.script
end

--- The plan of filled options: `rows`, each with `task`, `id` and `config`.
function plan.new(o)
  -- The runs are NAME-ID, with 12 digits; a run's name has at most 200 letters.
  if not o.name:find "^[%w_+=,@-][%w_.+=,@-]*$" or #o.name > 187 then
    refuse("the name has 1 to 187 letters, digits and . _ - + = , @, and no leading dot, got %s",
      options.show(o.name))
  end
  local home = ("%s/.sweeps/%s"):format(o.folder, o.name)
  local script = system.sha256_file(arg[0])
  if o.same then script = earlier_script(o, home) or script end
  local key = system.sha256(script .. "\n" .. plain.encode(o.arguments)):sub(1, 12)
  local self = setmetatable({
    name = o.name, folder = o.folder, script = script, arguments = o.arguments, key = key, rows = {},
    home = home, path = ("%s/%s"):format(home, key),
  }, Plan)
  local seen = {}
  for _, seed in ipairs(seeds_of(o.seeds)) do
    for _, setting in ipairs(plan.settings(o.grid)) do
      local config = { seed = seed, sweep = o.name, script = key }
      for name, value in pairs(setting) do config[name] = value end
      local text = plain.encode(config)
      local id = ("%s-%s"):format(o.name, system.sha256(text):sub(1, 12))
      if seen[id] then refuse("rows %d and %d have the same settings", seen[id], #self.rows + 1) end
      self.rows[#self.rows + 1] = { task = #self.rows + 1, id = id, config = config }
      seen[id] = #self.rows
    end
  end
  return self
end

--- Writes the plan, a row a line after its head.
function Plan:write()
  local path = self.path .. ".jsonl"
  local head = { sweep = self.name, script = self.script, arguments = self.arguments, created = os.time() }
  local before = system.exists(path) and head_of(path)
  if before then head.created = before.created end
  local lines = { plain.encode(head) }
  for _, row in ipairs(self.rows) do
    lines[#lines + 1] = plain.encode { task = row.task, id = row.id, config = row.config }
  end
  system.make_folder(self.home)
  system.write_file(path, table.concat(lines, "\n") .. "\n")
end

--- The status of every row by id, nil for one that has no run yet.
function Plan:states()
  local states = {}
  if not system.exists(self.folder) then return states end
  local filters = { sweep = self.name, script = self.key }
  for _, row in ipairs(native.list(self.folder, filters, { "id", "status" })) do
    states[row.id] = row.status
  end
  return states
end

--- The rows that are neither finished nor being made.
function Plan:missing()
  local states, missing = self:states(), {}
  for _, row in ipairs(self.rows) do
    local status = states[row.id]
    if status ~= "finished" and status ~= "running" then missing[#missing + 1] = row end
  end
  return missing
end

--- What the run of a row says of itself; nil where there is none.
function Plan:about(row)
  return kept.about(("%s/%s"):format(self.folder, row.id))
end

--- A row in words: its number and what the grid gives it.
function Plan:describe(row)
  local parts = {}
  for name, value in pairs(row.config) do
    if not taken[name] then parts[#parts + 1] = ("%s = %s"):format(name, tostring(value)) end
  end
  table.sort(parts)
  parts[#parts + 1] = ("seed = %s"):format(tostring(row.config.seed))
  return ("row %d (%s)"):format(row.task, table.concat(parts, ", "))
end

return options.strict("sweep.plan", plan)
