--- A run as its store has it: settings, status, figures, events and files.
--
--   local gap = run.read "gap"
--   gap.status, gap.step, gap.config.loss.beta
--   local steps, values = gap:curve "win"
--
--   > local run = require "perilune.run"
--   > local folder = os.tmpname() .. ".runs"
--   > local job = run.open { name = "gap", folder = folder }
--   > for step in job:steps(3) do job:log { loss = 1 / step } end
--   > local seen = run.read("gap", folder)
--   > local steps, losses = seen:curve "loss"
--   > #steps, losses[1], seen:value("loss", "min") < 0.34
--   3	1.0	true
--   > #seen:dump() > 0, #seen:files(), seen:history()[1].what, #seen:events()
--   true	1	started	0
local native = require "perilune.native.run"
local options = require "perilune.options"
local plain = require "perilune.plain"

local Record = { __name = "Run" }

--- The config of the columns of a run. Errors: a damaged store has none.
function Record.config_of(about)
  if type(about.config) ~= "string" then
    error(("run '%s': its store has no settings: it is damaged"):format(about.name or about.id or "?"), 0)
  end
  local config = plain.decode(about.config)
  return type(config) == "table" and config or {}
end

--- Fields beside the methods: the columns of native.run.about, `config` as a table, `last` (the last value of
-- each figure) and `summary` (the figures of the whole run).
function Record:__index(name)
  if Record[name] then return Record[name] end
  if name == "last" or name == "summary" then
    self.last, self.summary = native.figures(self.path)
    return rawget(self, name)
  end
end

--- Refuses what is no name of a run's folder: no path leads elsewhere.
function Record.check_id(id, who, level)
  if type(id) == "string" and id ~= "" and id ~= "." and id ~= ".." and not id:find "[/%z]" then return end
  error(("%s: expected the name of a run's folder, got %s"):format(who, options.show(id)), (level or 2) + 1)
end

--- The run `id` of a folder.
function Record.read(folder, id)
  local path = folder .. "/" .. id
  local record = native.about(path)
  record.id, record.path = id, path
  record.config = Record.config_of(record)
  return setmetatable(record, Record)
end

--- The values of a figure by step, as two lists. A curve of up to 5,000 points is whole, of a longer one they
-- are 500 at equal distances, so that any curve takes milliseconds; `points` is another number of them, or
-- "all". Errors: no such figure.
function Record:curve(name, points)
  local steps, values = native.curve(self.path, name, points)
  if #steps == 0 then
    local others = next(self.last) and options.suggest(name, self.last) or "it has none"
    error(("run '%s' has no figure '%s'; %s"):format(self.id, name, others), 2)
  end
  return steps, values
end

--- One value of a figure: that of the whole run where it has one, else the "last", "max", "min" or "mean"
-- over the steps, NaN left out. Nil where the run has no such figure.
function Record:value(name, take)
  if self.summary[name] ~= nil and not take then return self.summary[name] end
  if not take or take == "last" then return self.last[name] end
  return native.value(self.path, name, take)
end

--- What happened in the run: a list of { step, time, kind, text }.
function Record:events() return native.records(self.path, "event") end

--- Files and checkpoints: a list of { path, step, kind, bytes, sha256 }.
function Record:files() return native.records(self.path, "file") end

--- What happened to the processes of the run: a list of { attempt, time, step, what, text }.
function Record:history() return native.records(self.path, "history") end

--- All that the run is, as sorted lines without times: equal for a run that was cut and resumed and for one
-- that was not.
function Record:dump() return native.dump(self.path) end

--- Settings, the last figures, and the curve of the first preferred figure that the run has.
function Record:__mime() return require "perilune.display.runs".of_record(self) end

function Record:__tostring()
  return ("[Run %s: %s, step %d]"):format(self.id, self.status, self.step)
end

return Record
