--- The index of a folder of reports: a table of their parameters, states and times that sorts.
local attempt = require "perilune.attempt"
local json = require "perilune.notebook.json"
local options = require "perilune.options"
local page = require "perilune.notebook.page"
local report = require "perilune.report"
local system = require "perilune.system"

local index_page = {}

--- What a file says of the run that it reports, or nil.
local function facts_of(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  local ok, facts
  if path:match "%.html?$" then
    local found = text:match '<script type="application/json" id="perilune">(.-)</script>'
    if not found then return nil end
    ok, facts = attempt.call(json.decode, found)
  else
    ok, facts = attempt.call(function() return json.decode(text).metadata.perilune end)
  end
  return ok and type(facts) == "table" and facts or nil
end

--- The reports of a folder, by name: tables with `file` and what the report says.
local function list(folder)
  local found = {}
  for _, name in ipairs(system.list_folder(folder)) do
    if name ~= "index.html" and (name:match "%.html?$" or name:match "%.ipynb$") then
      local facts = facts_of(folder .. "/" .. name)
      if facts then
        facts.file = name
        found[#found + 1] = facts
      end
    end
  end
  return found
end

local function address(name)
  return (name:gsub("[^%w._~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function is_text(value) return type(value) == "string" or type(value) == "number" end

local function parameters_of(entry)
  return type(entry.parameters) == "table" and entry.parameters or {}
end

local function render(folder, found)
  local names, known = {}, {}
  for _, entry in ipairs(found) do
    for name, value in pairs(parameters_of(entry)) do
      if is_text(value) and not known[name] then names[#names + 1], known[name] = name, true end
    end
  end
  table.sort(names)
  local head = { "<th>report</th>", "<th>title</th>" }
  for _, name in ipairs(names) do head[#head + 1] = ("<th>%s</th>"):format(page.text(name)) end
  for _, name in ipairs { "state", "time", "started" } do head[#head + 1] = ("<th>%s</th>"):format(name) end
  local rows = {}
  for i, entry in ipairs(found) do
    local cells = {
      ('<td><a href="%s">%s</a></td>'):format(address(entry.file), page.text(entry.file)),
      ("<td>%s</td>"):format(page.text(tostring(entry.title))),
    }
    for _, name in ipairs(names) do
      local value = parameters_of(entry)[name]
      cells[#cells + 1] = ("<td>%s</td>"):format(is_text(value) and page.text(tostring(value)) or "")
    end
    local seconds = tonumber(entry.seconds) or 0
    cells[#cells + 1] = ("<td>%s</td>"):format(page.text(tostring(entry.status)))
    cells[#cells + 1] = ('<td data-v="%.3f">%s</td>'):format(seconds, page.seconds(seconds))
    cells[#cells + 1] = ("<td>%s</td>"):format(page.text(tostring(entry.started)))
    rows[i] = "<tr>" .. table.concat(cells) .. "</tr>"
  end
  return report.page {
    title = "Reports of " .. (folder:match "[^/]+$" or folder), style = page.style, script = page.script,
    body = '<div class="wide"><table class="records"><thead><tr>' .. table.concat(head)
      .. "</tr></thead>\n<tbody>\n" .. table.concat(rows, "\n") .. "\n</tbody></table></div>",
  }
end

--- Writes `folder/index.html`, of the reports (.html, .ipynb) that are there. Several processes may do so at
-- once: each looks again after it has written, so that the last one has them all. Returns the path.
function index_page.write(folder)
  local path = folder .. "/index.html"
  local text = render(folder, list(folder))
  for _ = 1, 20 do
    system.write_file(path, text)
    local again = render(folder, list(folder))
    if again == text then break end
    text = again
  end
  return path
end

return options.strict("notebook.index_page", index_page)
