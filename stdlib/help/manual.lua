--- The manual as HTML: a page for each module and each subject of the native functions, with a search.
--
-- The pages are those of `help`: their texts, options, and examples with the outputs that the tests check.
-- No page needs the net. `perilune --manual DIR` writes them.
--
--   > local folder = os.tmpname() .. ".d"
--   > manual.write(folder, { quiet = true }) > 100
--   true
--   > require("perilune.system").exists(folder .. "/align.train.html")
--   true
local book = require "perilune.help.book"
local options = require "perilune.options"
local style = require "perilune.help.style"
local system = require "perilune.system"

local manual = {}

--- A text for HTML.
--
--   > manual.escape "a < b & c"
--   a &lt; b &amp; c
function manual.escape(text)
  return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }))
end

local escape = manual.escape

-- Where each name is: name -> address. The end of a name is known too, where only one page has it.
local function addresses(chapters)
  local known, endings = {}, {}
  local function add(name, address)
    known[name] = known[name] or address
    known["perilune." .. name] = known["perilune." .. name] or address
    local ending = name:match "[^.:]+[.:][^.:]+$"
    if ending then endings[ending] = endings[ending] and "" or address end
  end
  for _, chapter in ipairs(chapters) do
    if not chapter.is_native then add(chapter.id, chapter.id .. ".html") end
    for _, page in ipairs(chapter.pages) do add(page.name, chapter.id .. ".html#" .. page.name) end
  end
  for ending, address in pairs(endings) do
    if address ~= "" then known[ending] = known[ending] or address end
  end
  return known
end

-- A line of prose: `code`, names of pages and addresses of the web become links.
local function inline(text, known)
  local parts, at = {}, 1
  while true do
    local from, to, code = text:find("`([^`\n]+)`", at)
    local piece = escape(text:sub(at, (from or 0) - 1))
    piece = piece:gsub("https?://[%w%-._~/?#%[%]@!$&'()*+,;=%%]*[%w/]", '<a href="%0">%0</a>')
    piece = piece:gsub("arXiv:(%d+%.%d+)", '<a href="https://arxiv.org/abs/%1">arXiv:%1</a>')
    piece = piece:gsub("%f[%w_][%a_][%w_]*[.:][%w_.:]*[%w_]", function(name)
      return known[name] and ('<a href="%s">%s</a>'):format(known[name], name)
    end)
    parts[#parts + 1] = piece
    if not from then return table.concat(parts) end
    local name = code:gsub("^%?", ""):gsub("%b()$", "")
    local shown = "<code>" .. escape(code) .. "</code>"
    parts[#parts + 1] = known[name] and ('<a href="%s">%s</a>'):format(known[name], shown) or shown
    at = to + 1
  end
end

-- A block of code: lines with > are what is typed, the others what is shown.
local function code_block(lines)
  local out = {}
  for i, line in ipairs(lines) do
    local mark, code = line:match "^(>>?) (.*)$"
    out[i] = not mark and escape(line)
      or ('<span class="mark">%s</span> <b>%s</b>'):format(escape(mark), escape(code))
  end
  local is_example = lines[1] and lines[1]:find "^> " ~= nil
  return ('<pre%s>%s</pre>'):format(is_example and ' class="example"' or "", table.concat(out, "\n"))
end

--- The text of a page as HTML: paragraphs, and indented lines as code. `known` are the addresses of names.
--
--   > manual.text("Adds `x`.\n\n  > 1 + 1\n  2", {})
--   <p>Adds <code>x</code>.</p>
--   <pre class="example"><span class="mark">&gt;</span> <b>1 + 1</b>
--   2</pre>
function manual.text(text, known)
  local out, paragraph, code = {}, {}, nil
  local function finish()
    if #paragraph > 0 then
      local joined = table.concat(paragraph, "\n")
      out[#out + 1] = "<p>" .. inline(joined, known) .. "</p>"
      paragraph = {}
    end
    if code then
      while code[#code] == "" do code[#code] = nil end
      out[#out + 1] = code_block(code)
      code = nil
    end
  end
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local is_code = line:find "^  +%S" and (code or #paragraph == 0)
    if is_code then
      if not code then finish() end
      code = code or {}
      code[#code + 1] = line:gsub("^  ", "")
    elseif #paragraph == 0 and line:find "^[%w_.:]+%b()$" then
      if code then finish() end
      out[#out + 1] = '<p class="signature"><code>' .. escape(line) .. "</code></p>"
    elseif line == "" then
      if code then code[#code + 1] = "" else finish() end
    else
      if code then finish() end
      paragraph[#paragraph + 1] = line
    end
  end
  finish()
  return table.concat(out, "\n")
end

local function rows(list, cells)
  local out = {}
  for i, one in ipairs(list) do out[i] = "<tr>" .. cells(one) .. "</tr>" end
  return table.concat(out, "\n")
end

local function options_html(list, known)
  if #list == 0 then return "" end
  return '<table class="options"><tr><th>option</th><th>default</th><th>meaning</th></tr>\n'
    .. rows(list, function(o)
      return ("<td><code>%s</code></td><td><code>%s</code></td><td>%s <i>%s</i></td>"):format(
        escape(o.name), escape(o.default), inline(o.sentence, known), escape(o.type))
    end) .. "</table>\n"
end

local function page_html(page, known)
  local parts = {}
  local function add(text) if text ~= "" then parts[#parts + 1] = text end end
  if page.is_native then add("<p>" .. inline(page.summary, known) .. "</p>") end
  add(manual.text(page.text, known))
  if #page.parameters > 0 then
    add('<table class="options">' .. rows(page.parameters, function(p)
      return ("<td><code>%s</code></td><td>%s</td>"):format(escape(p.name), inline(p.text, known))
    end) .. "</table>")
  end
  add(options_html(page.options, known))
  for _, fact in ipairs(page.facts) do
    add(("<p><span class=\"label\">%s</span> %s</p>"):format(escape(fact.name), inline(fact.text, known)))
  end
  for _, block in ipairs(page.blocks) do
    local lines = {}
    for _, example in ipairs(block) do
      lines[#lines + 1] = "> " .. example.code:gsub("\n", "\n>> ")
      if example.wanted ~= "" then lines[#lines + 1] = example.wanted end
    end
    local all = {}
    for line in (table.concat(lines, "\n") .. "\n"):gmatch "(.-)\n" do all[#all + 1] = line end
    add(code_block(all))
  end
  return table.concat(parts, "\n")
end

local function links(list)
  return rows(list, function(one)
    return ('<td><a href="%s">%s</a></td><td>%s</td>'):format(
      one.address, escape(one.name), escape(one.summary))
  end)
end

local function chapter_html(chapter, known)
  local parts = { "<h1>" .. escape(chapter.title) .. "</h1>" }
  local parent = not chapter.is_native and chapter.id:match "^(.*)%.[^.]+$"
  if parent and known[parent] then
    table.insert(parts, 1, ('<p class="up">in <a href="%s">%s</a></p>'):format(known[parent], escape(parent)))
  end
  parts[#parts + 1] = manual.text(chapter.text, known)
  if chapter.own then parts[#parts + 1] = options_html(chapter.own.options, known) end
  if chapter.more then parts[#parts + 1] = "<pre>" .. escape(chapter.more) .. "</pre>" end
  local list = {}
  for _, module in ipairs(chapter.modules) do
    list[#list + 1] = { name = module.title, address = module.id .. ".html", summary = module.summary }
  end
  for _, page in ipairs(chapter.pages) do
    list[#list + 1] = { name = page.name, address = "#" .. page.name, summary = page.summary }
  end
  if #list > 1 then parts[#parts + 1] = '<table class="contents">' .. links(list) .. "</table>" end
  for _, page in ipairs(chapter.pages) do
    parts[#parts + 1] = ('<section id="%s"><h2><a href="#%s">%s</a></h2>\n%s</section>'):format(
      escape(page.name), escape(page.name), escape(page.title), page_html(page, known))
  end
  return table.concat(parts, "\n")
end

local function index_html(chapters)
  local parts, part = { "<h1>Perilune</h1>", "<p>A laboratory for online versus offline preference "
    .. "optimisation. Type above to search names, sentences and options.</p>" }, nil
  local list = {}
  local function finish()
    if #list > 0 then parts[#parts + 1] = '<table class="contents">' .. links(list) .. "</table>" end
    list = {}
  end
  for _, chapter in ipairs(chapters) do
    if chapter.part ~= part then
      finish()
      part = chapter.part
      parts[#parts + 1] = "<h2>" .. escape(part) .. "</h2>"
    end
    list[#list + 1] = { name = chapter.title, address = chapter.id .. ".html", summary = chapter.summary }
  end
  finish()
  return table.concat(parts, "\n")
end

-- A text of JavaScript.
local function quoted(text)
  return '"' .. text:gsub('[\\"]', "\\%0"):gsub("\n", " "):gsub("<", "\\x3c") .. '"'
end

-- The words of a page, each once, for the search.
local function searched(page)
  local all = { page.title, page.summary, page.text }
  for _, o in ipairs(page.options) do all[#all + 1] = o.name .. " " .. o.sentence end
  for _, p in ipairs(page.parameters) do all[#all + 1] = p.name .. " " .. p.text end
  for _, fact in ipairs(page.facts) do all[#all + 1] = fact.text end
  local known, words = {}, {}
  for word in table.concat(all, " "):lower():gsub("_", " "):gmatch "[%w\x80-\xff]+" do
    if not known[word] and #word > 1 then words[#words + 1] = word end
    known[word] = true
  end
  return table.concat(words, " ")
end

local function search_index(chapters)
  local lines = {}
  local function add(name, address, page)
    lines[#lines + 1] = ("[%s,%s,%s,%s]"):format(
      quoted(name), quoted(address), quoted(page.summary), quoted(searched(page)))
  end
  for _, chapter in ipairs(chapters) do
    if chapter.own then add(chapter.title, chapter.id .. ".html", chapter.own) end
    for _, page in ipairs(chapter.pages) do add(page.name, chapter.id .. ".html#" .. page.name, page) end
  end
  return "const pages = [\n" .. table.concat(lines, ",\n") .. "\n];\n"
end

local function whole(title, body)
  return ([[<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title><style>%s</style></head><body>
<header><a href="index.html">Perilune</a> <input id="search" type="search" placeholder="search" autofocus>
<button id="mode" title="light or dark">&#9680;</button></header>
<main><div id="found"></div><div id="page">
%s
</div></main><script src="pages.js"></script><script>%s</script></body></html>
]]):format(escape(title), style.css, body, style.script)
end

local spec = options.spec("help.manual.write", { { "quiet", false, "no line that says what was written" } })

--- Writes the manual into a folder, which is made; returns the number of files.
--
-- Errors: a file cannot be written.
function manual.write(folder, given)
  local o = spec:fill(given)
  if type(folder) ~= "string" or folder == "" then
    error("manual: expected a folder, got " .. options.show(folder), 2)
  end
  local chapters = book.chapters()
  local known = addresses(chapters)
  system.make_folder(folder)
  system.write_file(folder .. "/pages.js", search_index(chapters))
  system.write_file(folder .. "/index.html", whole("Perilune", index_html(chapters)))
  for _, chapter in ipairs(chapters) do
    local body = chapter_html(chapter, known)
    system.write_file(("%s/%s.html"):format(folder, chapter.id), whole(chapter.title .. " - Perilune", body))
  end
  if not o.quiet then print(("%d pages in %s/index.html"):format(#chapters, folder)) end
  return #chapters + 2
end

return manual
