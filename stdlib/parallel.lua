--- Runs a function for several items at once, each in a process of its own on one core: seeds, settings.
--
--   local results = parallel.map({ 1, 2, 3 }, function(seed, report)
--     return { win = experiment(seed, report) }
--   end)
--
-- A result is plain data: nil, booleans, numbers (NaN and infinity too), strings, and tables of them. Models
-- and tensors stay in the process that made them.
local options = require "perilune.options"
local plain = require "perilune.plain"
local progress = require "perilune.progress"
local system = require "perilune.system"

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
    "folder of the results by item, which are plain data too: the same call continues after any end, also of "
      .. "this process; give another folder where f or what it reads has changed" },
  { "label", "", "label of the progress bar" },
  { "quiet", false, "no progress bar" },
})

--- What a child does: sends lines "share X", then one "result X" or "error X".
local function child(f, item, file)
  return function(send)
    is_child = true
    system.threads(1)
    progress.quiet(true)
    local function report(share) send("share " .. tostring(tonumber(share))) end
    local ok, result = pcall(function() return plain.encode(f(item, report), "the result") end)
    if ok then
      if file then system.write_file(file, result) end
      send("result " .. result)
    elseif system.is_interrupt(result) then
      send "interrupted "
    else
      local has_text, text = pcall(tostring, result)
      send("error " .. plain.encode(has_text and text or "an error without text", "the error"))
    end
  end
end

--- The state of one map: what runs, what has ended and how.
local Map = {}
Map.__index = Map

local function read(self, index, line)
  local kind, rest = line:match "^(%a+) (.*)$"
  if kind == "share" then
    self.shares[index] = tonumber(rest) or self.shares[index]
  elseif kind == "result" then
    self.results[index], self.ended[index], self.shares[index] = plain.decode(rest), true, 1
  elseif kind == "error" then
    self.problems[index] = plain.decode(rest)
  elseif kind == "interrupted" then
    self.problems[index] = "interrupted"
  end
end

--- Reads the results that are kept in a folder, and says where those of the other items go.
local function read_kept(self, items, folder)
  system.make_folder(folder)
  for index, item in ipairs(items) do
    local path = ("%s/%s.json"):format(folder, system.sha256(plain.encode(item, "item " .. index)):sub(1, 24))
    local file <close> = io.open(path, "rb")
    if file then
      self.results[index], self.ended[index], self.shares[index] = plain.decode(file:read "a"), true, 1
    else
      self.files[index] = path
    end
  end
end

--- Reads what the children sent; waits at most `seconds` for each.
local function collect(self, seconds)
  for index, job in pairs(self.running) do
    for _, line in ipairs(job:lines(seconds)) do read(self, index, line) end
    local status = job:status()
    if status then
      for _, line in ipairs(job:lines()) do read(self, index, line) end
      self.running[index] = nil
      if not (self.ended[index] or self.problems[index]) then
        self.problems[index] = ("its process ended with status %d and gave no result"):format(status)
      end
    end
  end
end

local function run_all(self, items, f, jobs, bar)
  local waiting = {}
  for i = 1, #items do
    if not self.ended[i] then waiting[#waiting + 1] = i end
  end
  local next_one = 1
  while next_one <= #waiting or next(self.running) do
    local count = 0
    for _ in pairs(self.running) do count = count + 1 end
    while count < jobs and next_one <= #waiting do
      local index = waiting[next_one]
      next_one, count = next_one + 1, count + 1
      self.running[index] = system.fork(child(f, items[index], self.files[index]))
    end
    collect(self, 0.05)
    local done = 0.0
    for _, share in pairs(self.shares) do done = done + share end
    bar:update(math.floor(100 * done / math.max(#items, 1)))
  end
end

--- The failed items as one message.
local function failures(problems, count)
  local indices, lines = {}, {}
  for index in pairs(problems) do indices[#indices + 1] = index end
  table.sort(indices)
  for i, index in ipairs(indices) do lines[i] = ("item %d: %s"):format(index, problems[index]) end
  local more = #lines > 1 and (" (%d of %d items failed)"):format(#lines, count) or ""
  return ("parallel.map: %s%s"):format(table.concat(lines, "\n"), more)
end

--- Runs `f(item, report)` for every item and returns the results in the order of the items. `report(share)`
-- says which part of an item is done, from 0 to 1, for the progress bar.
--
-- Every item runs, also after another has failed; then an error names the items that failed. Ctrl-C stops all
-- children and raises its error. Give a table as `results` to read what is finished after either of them: the
-- same call with the same table then runs only what is missing. With `keep` it does so in another process,
-- also after kill -9: an item is done once its result is in the folder.
--
--   > parallel.map({ 2, 3 }, function(n) return n * n end, { quiet = true })[2]
--   9
--   > parallel.map({ 2 }, function() error("no luck", 0) end, { quiet = true })
--   parallel.map: item 1: no luck
function parallel.map(items, f, given)
  local o = spec:fill(given)
  if type(items) ~= "table" then error("parallel.map: expected a list of items, got " .. type(items), 2) end
  if type(f) ~= "function" then error("parallel.map: expected a function, got " .. type(f), 2) end
  local self = setmetatable(
    { results = o.results or {}, ended = {}, shares = {}, problems = {}, running = {}, files = {} }, Map)
  for index in pairs(self.results) do self.ended[index], self.shares[index] = true, 1 end
  if o.keep then read_kept(self, items, o.keep) end
  -- The bar counts hundredths of all the work while it runs, and the items at its end.
  local bar = progress.start { label = o.label, total = 100, quiet = o.quiet }
  local ok, raised = pcall(run_all, self, items, f, o.jobs > 0 and o.jobs or system.threads(), bar)
  if not ok then
    pcall(collect, self, 0)
    for _, job in pairs(self.running) do job:stop() end
  end
  local finished = 0
  for _ in pairs(self.ended) do finished = finished + 1 end
  bar.done, bar.total = finished, #items
  bar:finish()
  if not ok then error(raised, 0) end
  if next(self.problems) then error(failures(self.problems, #items), 2) end
  return self.results
end

return options.strict("parallel", parallel)
