--- Pieces of HTML that the pages of notebooks share: texts, Markdown, code in colours, headings, the style.
local native = require "perilune.native.notebook"
local options = require "perilune.options"
local scan = require "perilune.notebook.scan"

local page = {}

--- A text for HTML: escaped, valid UTF-8, without terminal codes.
--
--   > local page = require "perilune.notebook.page"
--   > page.text "a < b\0"
--   a &lt; b�
function page.text(text) return native.escape(text, "html") end

local keywords = {}
for word in require "perilune.display.keywords":gmatch "%a+" do keywords[word] = "k" end

local class_of <const> = { string = "s", comment = "c", number = "n" }

--- Lua code with its keywords, texts, numbers and comments in <span>.
--
--   > page.code "return 1"
--   <span class="k">return</span> <span class="n">1</span>
function page.code(source)
  local pieces, at = {}, 1
  for _, token in ipairs(scan.tokens(source)) do
    local class = class_of[token.kind] or keywords[token.text]
    if class then
      pieces[#pieces + 1] = page.text(source:sub(at, token.from - 1))
      local text = page.text(source:sub(token.from, token.to))
      pieces[#pieces + 1] = ('<span class="%s">%s</span>'):format(class, text)
      at = token.to + 1
    end
  end
  pieces[#pieces + 1] = page.text(source:sub(at))
  return table.concat(pieces)
end

local safe_scheme <const> = { http = true, https = true, mailto = true, ftp = true }

--- A destination of a link or picture that a page may have: an address on the web, or a relative one.
local function safe(attribute, address)
  local plain = address:gsub("&#?%w+;", ""):gsub("%s", "")
  local scheme = plain:match "^([%w+.-]*):"
  local is_picture = attribute == "src" and plain:match "^data:image/[%w.+-]+;base64,"
  if is_picture then scheme = nil end
  if scheme and not safe_scheme[scheme:lower()] then address = "#" end
  return ('%s="%s"'):format(attribute, address)
end

--- Markdown as HTML. HTML in it is shown as text, and a link to other than the web leads nowhere.
--
--   > page.markdown "[a](javascript:x)"
--   <p><a href="#">a</a></p>
function page.markdown(text)
  local html = native.markdown(native.escape(text, "text"))
  html = html:gsub('(href)="([^"]*)"', safe):gsub('(src)="([^"]*)"', safe)
  html = html:gsub("<x%-equation( ?[^>]*)>", function(kind)
    return kind:find "display" and '<span class="equation display">' or '<span class="equation">'
  end):gsub("</x%-equation>", "</span>")
  return (html:gsub("%s+$", ""))
end

--- A name for the part of an address after #, of a heading's text; `taken` has those in use.
--
--   > page.anchor("The <b>gap</b>, again", {})
--   the-gap-again
function page.anchor(html, taken)
  local text = html:gsub("<[^>]*>", ""):gsub("&[^;]*;", " "):lower():gsub("[%s%p%c]+", "-")
  text = text:gsub("^%-+", ""):gsub("%-+$", "")
  if text == "" then text = "part" end
  local name, count = text, 1
  while taken[name] do
    count = count + 1
    name = text .. "-" .. count
  end
  taken[name] = true
  return name
end

--- An SVG for a place in a page: without prologue, its ids made unique by a prefix.
function page.svg(text, prefix)
  text = native.escape(text, "text")
  text = text:gsub("^%s*<%?xml.-%?>", ""):gsub("<!DOCTYPE.->", "")
  local ids = {}
  for id in text:gmatch '%sid="([^"]+)"' do ids[id] = prefix .. id end
  text = text:gsub('(%sid=)"([^"]+)"', function(name, id) return ('%s"%s"'):format(name, ids[id]) end)
  text = text:gsub("url%(#([^)]+)%)", function(id) return ids[id] and ("url(#%s)"):format(ids[id]) end)
  text = text:gsub('(href=)"#([^"]+)"', function(name, id)
    return ids[id] and ('%s"#%s"'):format(name, ids[id])
  end)
  text = text:gsub('(aria%-labelledby=)"([^"]+)"', function(name, list)
    return ('%s"%s"'):format(name, (list:gsub("%S+", ids)))
  end)
  return text
end

--- Seconds as a text.
--
--   > page.seconds(0.01234), page.seconds(75)
--   12 ms	1 min 15 s
function page.seconds(seconds)
  if seconds < 0.9995 then return ("%.0f ms"):format(seconds * 1000) end
  if seconds < 59.95 then return ("%.1f s"):format(seconds) end
  local whole = math.floor(seconds + 0.5)
  if whole < 3600 then return ("%d min %d s"):format(whole // 60, whole % 60) end
  return ("%d h %d min"):format(whole // 3600, whole // 60 % 60)
end

page.style = [[
:root { --k: #8250df; --s: #0a6640; --n: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --k: #d2a8ff; --s: #7ee2b8; --n: #79c0ff; } }
main { max-width: 56rem; }
nav.contents { margin: 1.5rem 0; padding: .75rem 1rem; background: var(--soft); border-radius: 6px; }
nav.contents { font-size: .9rem; }
nav.contents ol { margin: .25rem 0 0; padding-left: 1.25rem; list-style: none; }
nav.contents .l2 { padding-left: 1rem; } nav.contents .l3 { padding-left: 2rem; }
a { color: var(--n); }
.status { margin: 0 0 1rem; padding: .4rem .8rem; border-left: 3px solid var(--n); background: var(--soft); }
.status.error { border-color: var(--bad); color: var(--bad); } .status.done { border-color: var(--s); }
details > summary { cursor: pointer; color: var(--quiet); font-size: .875rem; }
.environment th { white-space: nowrap; }
td[align=right], th[align=right] { text-align: right; }
td[align=center], th[align=center] { text-align: center; }
.environment td, .environment th { font-size: .85rem; vertical-align: top; }
.environment td { overflow-wrap: anywhere; }
.cell { margin: 1.25rem 0; }
.cell pre { margin: .5rem 0; max-height: 40rem; overflow: auto; }
.cell .output svg { display: block; max-width: 100%; height: auto; border-radius: 6px; }
.cell .output img { max-width: 100%; } .cell .output { overflow-x: auto; margin: .5rem 0; }
.k { color: var(--k); } .s { color: var(--s); } .n { color: var(--n); }
.c { color: var(--quiet); font-style: italic; }
pre.stderr { background: none; border-left: 3px solid var(--n); border-radius: 0; }
.time { color: var(--quiet); font-size: .75rem; text-align: right; margin: 0; }
h2.cell-title { font-size: 1.1rem; border: 0; margin: 1.75rem 0 0; padding: 0; }
.equation { font-family: ui-monospace, monospace; }
.equation.display { display: block; text-align: center; margin: 1rem 0; }
blockquote { margin: 1rem 0; padding-left: 1rem; border-left: 3px solid var(--rule); color: var(--quiet); }
:not(pre) > code { background: var(--soft); padding: .1em .3em; border-radius: 4px; font-size: .9em; }
th[aria-sort=ascending]::after { content: " \25B4"; } th[aria-sort=descending]::after { content: " \25BE"; }
thead th { cursor: pointer; }
]]

--- What sorts a table by a click on the head of a column, or Enter: numbers as numbers, texts as texts, empty
-- cells last. A table that sorts by itself is left alone.
page.script = [[
(function () {
  function sort(head, key) {
    var row = head.parentNode, table = head.closest("table"), body = table && table.tBodies[0];
    if (row.hasAttribute("onclick")) { if (key) head.click(); return; }
    if (!body) return;
    var column = Array.prototype.indexOf.call(row.cells, head);
    var way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    Array.prototype.forEach.call(row.cells, function (cell) { cell.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
    function value(line) {
      var cell = line.cells[column], text = cell ? cell.textContent.trim() : "";
      var number = Number((cell && cell.dataset.v) || text.replace(/,(?=\d{3})/g, "").replace(/%$/, ""));
      return { text: text, number: text === "" ? NaN : number };
    }
    Array.from(body.rows).map(function (line) { return { line: line, value: value(line) }; })
      .sort(function (a, b) {
        a = a.value; b = b.value;
        if (a.text === "" || b.text === "") return (a.text === "") - (b.text === "");
        var numbers = !isNaN(a.number) && !isNaN(b.number);
        return way * (numbers ? a.number - b.number : a.text.localeCompare(b.text));
      }).forEach(function (item) { body.appendChild(item.line); });
  }
  function on(event) {
    var head = event.target.closest && event.target.closest("thead th");
    if (head && (event.type === "click" || event.key === "Enter")) sort(head, event.key);
  }
  document.addEventListener("click", on);
  document.addEventListener("keydown", on);
  document.querySelectorAll("thead th").forEach(function (head) { head.tabIndex = 0; });
})();
]]

return options.strict("notebook.page", page)
