--- The report of a notebook as one HTML file that needs nothing else.
--
--   html.render(record)   -- the text; the place of what a running cell writes is html.page.mark
local json = require "perilune.notebook.json"
local marker = require "perilune.notebook.marker"
local options = require "perilune.options"
local page = require "perilune.notebook.page"
local record = require "perilune.notebook.record"
local report = require "perilune.report"

local html = {}

html.page = {
  mark = record.mark, escape = "html", between = "\n",
  out = '<pre class="output">', err = '<pre class="output stderr">', close = "</pre>",
}

local tagged = marker.has_tag

local function pre(class, text) return ('<pre class="%s">%s</pre>'):format(class, page.text(text)) end

local function base64(bytes)
  local letters <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  local out = {}
  for at = 1, #bytes, 3 do
    local a, b, c = bytes:byte(at, at + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    for k = 0, 3 do
      local index = bits >> (18 - 6 * k) & 63
      out[#out + 1] = (k == 2 and not b or k == 3 and not c) and "=" or letters:sub(index + 1, index + 1)
    end
  end
  return table.concat(out)
end

--- Bytes in base 64 (RFC 4648).
--
--   > require("perilune.notebook.html").base64 "moon"
--   bW9vbg==
html.base64 = base64

--- A display in the richest form that a page shows.
local function shown(bundle, prefix)
  if bundle["text/html"] then return '<div class="output">' .. bundle["text/html"] .. "</div>" end
  if bundle["image/svg+xml"] then
    return '<div class="output">' .. page.svg(bundle["image/svg+xml"], prefix) .. "</div>"
  elseif bundle["image/png"] then
    return ('<div class="output"><img alt="%s" src="data:image/png;base64,%s"></div>'):format(
      page.text(bundle["text/plain"]), base64(bundle["image/png"]))
  elseif bundle["text/markdown"] then
    return '<div class="output">' .. page.markdown(bundle["text/markdown"]) .. "</div>"
  end
  return pre("output", bundle["text/plain"])
end

local function failure(output)
  local parts = { page.text(output.message) }
  if output.source then parts[#parts + 1] = page.text(output.source) end
  if output.traceback and output.traceback ~= "" then parts[#parts + 1] = page.text(output.traceback) end
  return '<pre class="error">' .. table.concat(parts, "\n\n") .. "</pre>"
end

local function outputs_of(cell, number)
  local parts = {}
  for i, output in ipairs(cell.outputs) do
    if output.kind == "stream" then
      parts[i] = pre(output.name == "stdout" and "output" or "output stderr", output.text)
    elseif output.kind == "error" then
      parts[i] = failure(output)
    else
      parts[i] = shown(output.bundle, ("c%d-%d-"):format(number, i))
    end
  end
  if cell.dropped then
    parts[#parts + 1] = pre("output stderr", ("... %d more outputs left out ..."):format(cell.dropped))
  end
  if cell.status == "running" then parts[#parts + 1] = record.mark end
  return table.concat(parts, "\n")
end

local function folded(title, content)
  if content == "" then return "" end
  return ("<details><summary>%s</summary>\n%s\n</details>"):format(title, content)
end

local function input_of(cell)
  if cell.source == "" or tagged(cell, "remove-input") then return "" end
  local code = ('<pre class="code"><code>%s</code></pre>'):format(page.code(cell.source))
  return tagged(cell, "hide-input") and folded("code", code) or code
end

local function body_of(cell, number)
  local parts = {}
  local title = cell.title ~= "" and cell.kind == "code"
  if title then
    parts[1] = ('<h2 class="cell-title" id="%s">%s</h2>'):format(cell.anchor, page.text(cell.title))
  end
  parts[#parts + 1] = input_of(cell)
  for _, line in ipairs(cell.notes or {}) do parts[#parts + 1] = pre("output", line) end
  local outputs = tagged(cell, "remove-output") and "" or outputs_of(cell, number)
  parts[#parts + 1] = tagged(cell, "hide-output") and folded("output", outputs) or outputs
  if cell.seconds then parts[#parts + 1] = ('<p class="time">%s</p>'):format(page.seconds(cell.seconds)) end
  if cell.status == "waiting" and cell.source ~= "" then
    parts[#parts + 1] = '<p class="time">not run</p>'
  end
  for i = #parts, 1, -1 do
    if parts[i] == "" then table.remove(parts, i) end
  end
  local content = table.concat(parts, "\n")
  return tagged(cell, "hide-cell") and folded("cell", content) or content
end

--- The HTML of a Markdown cell with anchors on its headings, which are added to `contents`.
local function prose(cell, taken, contents, title)
  local text = page.markdown(cell.source)
  return (text:gsub("<h([1-6])>(.-)</h%1>", function(level, inner)
    if level == "1" and not contents.has_title and inner == title then
      contents.has_title = true
      return ""
    end
    local anchor = page.anchor(inner, taken)
    if tonumber(level) <= 3 then
      contents[#contents + 1] = { level = tonumber(level), html = inner:gsub("<[^>]*>", ""), anchor = anchor }
    end
    return ('<h%s id="%s">%s</h%s>'):format(level, anchor, inner, level)
  end))
end

local function contents_of(contents)
  if #contents < 2 then return "" end
  local items, least = {}, 3
  for _, entry in ipairs(contents) do least = math.min(least, entry.level) end
  for i, entry in ipairs(contents) do
    local level = entry.level - least + 1
    items[i] = ('<li class="l%d"><a href="#%s">%s</a></li>'):format(level, entry.anchor, entry.html)
  end
  return '<nav class="contents" aria-label="contents"><b>Contents</b>\n<ol>\n' .. table.concat(items, "\n")
    .. "\n</ol></nav>"
end

local function environment_of(list)
  local rows = {}
  for i, entry in ipairs(list) do
    local name, value = page.text(entry[1]), page.text(entry[2])
    rows[i] = ('<tr><th scope="row">%s</th><td>%s</td></tr>'):format(name, value)
  end
  local head = '<details class="environment" open><summary>Environment</summary>\n<div class="wide">'
  return head .. "<table><tbody>\n" .. table.concat(rows, "\n") .. "\n</tbody></table></div></details>"
end

local words <const> = {
  running = "running", done = "done", error = "ended by an error", interrupted = "interrupted",
  ended = "ended by the script",
}

--- What stays the same while the cells run: the HTML of texts, the anchors of cells, the contents.
local function lay_out(self)
  local taken, contents = {}, {}
  for number, cell in ipairs(self.cells) do
    if cell.kind == "markdown" then
      cell.prose = prose(cell, taken, contents, page.text(self.title))
    elseif cell.kind == "raw" then
      cell.prose = pre("plain", cell.source)
    else
      local title = page.text(cell.title ~= "" and cell.title or "cell " .. number)
      cell.anchor = page.anchor(title, taken)
      if cell.title ~= "" then contents[#contents + 1] = { level = 2, html = title, anchor = cell.anchor } end
    end
  end
  self.contents = contents_of(contents)
end

--- The page of a record.
function html.render(self)
  if not self.contents then lay_out(self) end
  local parts = {}
  for number, cell in ipairs(self.cells) do
    local content = cell.prose or cell.status ~= "running" and cell.rendered or body_of(cell, number)
    if not cell.prose then cell.rendered = content end
    if not (tagged(cell, "remove-cell") or content == "") then
      parts[#parts + 1] = ('<section class="cell %s">\n%s\n</section>'):format(cell.kind, content)
    end
  end
  local status = ('<p class="status %s">%s%s</p>'):format(self.status, words[self.status],
    self.status == "running" and "" or " after " .. page.seconds(self:seconds()))
  local facts = json.encode(self:facts()):gsub("<", "\\u003c")
  return report.page {
    title = self.title:gsub("%c", " "), style = page.style, script = page.script,
    head = '<script type="application/json" id="perilune">' .. facts .. "</script>\n",
    body = table.concat({ status, environment_of(self.environment), self.contents,
      table.concat(parts, "\n") }, "\n"),
  }
end

return options.strict("notebook.html", html)
