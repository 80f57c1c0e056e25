--- Functions side by side, each in a process of its own on one core: several seeds, several settings.
--
--   local results = parallel.map({ 1, 2, 3 }, function(seed, report) return { win = experiment(seed, report) } end)
--
-- A result is plain data (numbers, strings, booleans, tables); models stay in the process that made them.
local system = require "perilune.system"
local formats = require "perilune.formats"
local progress = require "perilune.progress"

local parallel = {}

--- Runs `f(item, report)` for every item, at most `jobs` at once (the number of threads unless given), and returns the
-- results in the order of the items. `report(share)` tells how much of an item is done, from 0 to 1.
--
-- An error in one stops the others and is raised here. Ctrl-C stops all of them.
function parallel.map(items, f, given)
  if type(items) ~= "table" then error("parallel.map: expected a list of items, got " .. type(items), 2) end
  if type(f) ~= "function" then error("parallel.map: expected a function, got " .. type(f), 2) end
  local options = require("perilune.options").fill({ jobs = 0, label = "", quiet = false }, given or {}, "parallel.map")
  local jobs = options.jobs > 0 and options.jobs or system.threads()
  -- The bar counts hundredths of all the work while it goes on, and the items at its end.
  local bar = progress.start { label = options.label, total = 100, quiet = options.quiet }
  local results, ended, shares, running, started, problem = {}, {}, {}, {}, 0, nil

  local function start(index)
    running[index] = system.fork(function(send)
      system.threads(1)
      progress.quiet(true)
      local ok, result = pcall(function()
        local result = f(items[index], function(share) send("share " .. tostring(tonumber(share))) end)
        return formats.json_encode { result == nil and {} or result }
      end)
      if ok then
        send("result " .. result)
      else
        local told, text = pcall(tostring, result)
        if not told then text = "an error that has no text" end
        send("error " .. formats.json_encode(utf8.len(text) and text or (text:gsub("[\x80-\xff]", "?"))))
      end
    end)
  end

  local function take(index, line)
    local word, rest = line:match("^(%a+) (.*)$")
    if word == "share" then
      shares[index] = tonumber(rest)
    elseif word == "result" then
      results[index], ended[index], shares[index] = formats.json_decode(rest)[1], true, 1
    elseif word == "error" then
      problem = formats.json_decode(rest)
    end
  end

  local function collect()
    for index, job in pairs(running) do
      for _, line in ipairs(job:lines(0.05)) do take(index, line) end
      local status = job:status()
      if status then
        for _, line in ipairs(job:lines()) do take(index, line) end
        running[index] = nil
        if not ended[index] then problem = problem or ("item %d: its process ended with status %d"):format(index, status) end
      end
    end
  end

  local ok, raised = pcall(function()
    while not problem and (started < #items or next(running)) do
      local count = 0
      for _ in pairs(running) do count = count + 1 end
      while count < jobs and started < #items do
        started, count = started + 1, count + 1
        start(started)
      end
      collect()
      local done = 0.0
      for _, share in pairs(shares) do done = done + share end
      bar:update(math.floor(100 * done / math.max(#items, 1)))
    end
  end)
  if ok and not problem then bar.done, bar.total = #items, #items end
  bar:finish()
  for _, job in pairs(running) do job:stop() end
  if not ok then error(raised, 0) end
  if problem then error(problem, 2) end
  return results
end

return require "perilune.options".strict("parallel", parallel)
