--- Runs a function for several items at once, each in a process of its own: seeds, settings.
--
-- Each process has one core. Once fewer items are left than run at once, the last ones share the cores of all
-- of them in equal parts.
--
--   local results = parallel.map({ 1, 2, 3 }, function(seed, report)
--     return { win = experiment(seed, report) }
--   end)
--
-- A result is plain data: nil, booleans, numbers (NaN and infinity too), strings, and tables of them. Models
-- and tensors stay in the process that made them.
--
-- With `keep`, the folder of runs, an item is a run as a row of a sweep is, and what it trains goes on where
-- it was: after Ctrl-C, kill -9 or lost power the same call makes what is missing and nothing else.
--
--   local results = parallel.map(seeds, function(seed, report, job)
--     return align.train { ..., run = job }.points
--   end, { keep = "runs", label = "seeds" })
local errors = require "perilune.errors"
local options = require "perilune.options"
local plain = require "perilune.plain"
local progress = require "perilune.progress"
local system = require "perilune.system"
local kept = require "perilune.sweep.kept"
local pool = require "perilune.sweep.pool"
local rows = require "perilune.sweep.row"

local parallel = {}

local is_child = false

--- Whether this process was started by parallel.map.
--
--   > parallel.in_child()
--   false
function parallel.in_child() return is_child end

local spec = options.spec("parallel.map", {
  { "jobs", 0, "processes at once; 0 for one a thread", least = 0 },
  { "results", options.optional "table",
    "results by item, filled as they come; an item that has one is not run, so a second call continues" },
  { "keep", options.optional "string",
    "folder of runs, in which each item is one with its result: the same call continues after any end, also "
      .. "of this process; items are plain data, and what f or its data depend on belongs into them or the "
      .. "label" },
  { "label", "", "label of the progress bar, and of the runs of `keep`" },
  { "quiet", false, "no progress bar" },
})

--- What a child does: sends lines "share X", then "result X", "error X", "interrupted" or "elsewhere". With
-- `keep` the result is in the run of the row first.
local function child(self, row)
  local function made(report)
    local text
    local function work(job)
      local result = self.f(row.item, report, job)
      text = plain.encode(result, "the result")
      if job then self.kept:put(job, result) end
    end
    if not self.kept then
      work()
      return "result " .. text
    end
    -- Another process may have made it since this one looked.
    local is_done, result = self.kept:get(row)
    if is_done then return "result " .. plain.encode(result) end
    local status, message, raised = rows.attempt(self.kept, row, work)
    if not status then return "elsewhere " end
    if status == "interrupted" then return "interrupted " end
    if status ~= "finished" then error(raised == nil and message or raised, 0) end
    return "result " .. text
  end
  return function(send)
    is_child = true
    progress.quiet(true)
    local ok, said = pcall(made, function(share) send("share " .. tostring(tonumber(share))) end)
    if ok then
      send(said)
    elseif system.is_interrupt(said) then
      send "interrupted "
    else
      local is_refusal = errors.is_refusal(said)
      local has_text, text = pcall(is_refusal and errors.message or tostring, said)
      text = has_text and text or "an error without text"
      send("error " .. plain.encode({ text = text, is_refusal = is_refusal }, "the error"))
    end
  end
end

--- Reads what the child of a row has sent.
local function follow(row, process)
  for _, line in ipairs(process:lines()) do
    local kind, rest = line:match "^(%a+) (.*)$"
    if kind == "share" then
      row.share = tonumber(rest) or row.share
    elseif kind == "result" then
      row.is_done, row.result = true, plain.decode(rest)
    elseif kind == "error" then
      local said = plain.decode(rest)
      row.problem, row.is_refusal = said.text, said.is_refusal
    elseif kind == "interrupted" then
      row.problem = "interrupted"
    elseif kind == "elsewhere" then
      row.problem = pool.again
    end
  end
end

--- The status of a row: by its run where it is kept. A run that has finished without its result is made
-- again.
local function status_of(self, row)
  if row.is_done then return "finished" end
  local about = self.kept and self.kept:about(row)
  if not about or about.status ~= "finished" then return about and about.status end
  row.is_done, row.result = self.kept:get(row)
  return row.is_done and "finished" or "lost"
end

--- Why a row is not done once its process has ended.
local function failure_of(row, code)
  if row.is_done then return nil end
  local problem = row.problem or ("its process ended with status %d and gave no result"):format(code)
  row.problem, row.share = nil, 0
  return problem
end

--- Raises the failures of rows as one error; `count` is the number of items. It is one of the system where
-- each of them is.
local function fail(problems, count)
  table.sort(problems, function(a, b) return a.row.task < b.row.task end)
  local lines, is_refusal = {}, true
  for i, problem in ipairs(problems) do
    lines[i] = ("item %d: %s"):format(problem.row.task, problem.message)
    is_refusal = is_refusal and problem.row.is_refusal
  end
  local more = #lines > 1 and (" (%d of %d items failed)"):format(#lines, count) or ""
  local message = ("parallel.map: %s%s"):format(table.concat(lines, "\n"), more)
  if is_refusal then system.refused(message) end
  error(message, 3)
end

--- Rows of items that are not kept, each one of its own.
local function rows_of(items)
  local list = {}
  for i, item in ipairs(items) do list[i] = { task = i, item = item } end
  return { rows = list, row_of = list }
end

--- Whether all items have a result in the folder of runs, and the results that there are: what
-- parallel.map { keep = folder, label = label } would not make.
--
--   > (parallel.kept({ 1 }, "/nowhere", "squares"))
--   false
function parallel.kept(items, folder, label)
  local plan, results, is_whole = kept.new(folder, label or "", items), {}, true
  for i in ipairs(items) do
    local row = plan.row_of[i]
    if not row.is_done then row.is_done, row.result = plan:get(row) end
    results[i], is_whole = row.result, is_whole and row.is_done
  end
  return is_whole, results
end

--- Runs `f(item, report, job)` for every item and returns the results in the order of the items.
-- `report(share)` says which part of an item is done, from 0 to 1, for the progress bar. With `keep`, `job`
-- is the run of the item, for `align.train { run = job }` and loops of one's own, see `perilune.sweep`.
--
-- Every item runs, also after another has failed; then an error names the items that failed. Ctrl-C ends all
-- children, which save first, and raises its error. Give a table as `results` to read what is finished after
-- either of them: the same call with the same table then runs only what is missing. With `keep` it does so in
-- another process, also after kill -9; items that another process makes are waited for while others are made.
--
--   > parallel.map({ 2, 3 }, function(n) return n * n end, { quiet = true })[2]
--   9
--   > parallel.map({ 2 }, function() error("no luck", 0) end, { quiet = true })
--   parallel.map: item 1: no luck
function parallel.map(items, f, given)
  local o = spec:fill(given)
  if type(items) ~= "table" then error("parallel.map: expected a list of items, got " .. type(items), 2) end
  if type(f) ~= "function" then error("parallel.map: expected a function, got " .. type(f), 2) end
  local plan = o.keep and kept.new(o.keep, o.label, items) or rows_of(items)
  local self = { f = f, kept = o.keep and plan or nil }
  local results = o.results or {}
  for i, row in ipairs(plan.row_of) do
    if results[i] ~= nil then row.is_done, row.result = true, results[i] end
  end
  if o.keep then system.make_folder(o.keep) end
  -- Also after Ctrl-C the results are there.
  local taken = setmetatable({}, { __close = function()
    for i, row in ipairs(plan.row_of) do
      if row.is_done then results[i] = row.result end
    end
  end })
  local guard <close> = taken  -- luacheck: ignore 211
  local jobs = o.jobs > 0 and o.jobs or system.threads()
  local _, problems, elsewhere = pool.run {
    rows = plan.rows, jobs = jobs, threads = math.min(jobs, system.threads()), label = o.label,
    quiet = o.quiet,
    -- A process begins with one thread, and the pool gives it more.
    start = function(row) return system.fork(child(self, row), 1) end,
    status = function(row) return status_of(self, row) end,
    failure = failure_of,
    follow = follow,
    share = function(row) return row.share or 0 end,
  }
  for _, row in ipairs(elsewhere) do
    table.insert(problems, { row = row, message = "another process makes it" })
  end
  if #problems > 0 then fail(problems, #items) end
  return results
end

return options.strict("parallel", parallel)
