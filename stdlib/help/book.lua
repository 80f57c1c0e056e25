--- All pages of help as one list of chapters: what the manual and the definitions of editors are made from.
--
-- A chapter is a module of the Lua library, or a subject of the native functions. It has `id`, `title`,
-- `part`, `text` and `pages`. A page has `name`, `title` (its signature), `summary`, `text`, `options`,
-- `parameters`, `facts` and `blocks`, the examples as `perilune.doctest` reads them.
--
--   > local chapters = book.chapters()
--   > #chapters > 100, chapters[1].part
--   true	Lua library
local doctest = require "perilune.doctest"
local index = require "perilune.help.index"
local native = require "perilune.native.help"

local book = {}

-- The options of a spec as records.
local function options_of(name)
  local spec, list = index.spec(name), {}
  for i, entry in ipairs(spec and spec.list or {}) do
    list[i] = {
      name = entry.name, type = entry:type_text(), default = entry:default_text(), sentence = entry.meaning,
      required = entry.required, choices = entry.choices,
    }
  end
  return list
end

local function lua_page(entry, entries)
  local blocks, is_own = index.examples(entry, entries)
  return {
    name = entry.name, title = entry.title, summary = entry.summary, text = entry.text,
    options = options_of(entry.name), parameters = {}, facts = {}, blocks = is_own and {} or blocks,
    has_example = #blocks > 0, is_module = entry.is_module, path = entry.path, line = entry.line,
  }
end

local function native_blocks(page)
  local block = {}
  for line in (page.example .. "\n"):gmatch "(.-)\n" do
    block[#block + 1] = { code = line, wanted = "" }
  end
  block[#block].wanted = page.prints
  return { block }
end

local function native_page(page)
  local options = {}
  for i, option in ipairs(page.options) do
    local default = option.default
    options[i] = {
      name = option.name, type = option.expected, sentence = option.sentence, required = option.required,
      default = option.required and "required" or default == nil and "nil" or type(default) == "string"
        and ("%q"):format(default) or type(default) == "table" and "{ ... }" or tostring(default),
      lua_type = option.type, choices = option.choices,
    }
  end
  return {
    name = page.name, title = page.signature, summary = page.summary, text = "", options = options,
    parameters = page.parameters, facts = page.facts, blocks = native_blocks(page), has_example = true,
    is_native = true, group = page.group,
  }
end

local function lua_chapters()
  local chapters, entries = {}, index.entries()
  local of_module = {}
  for _, entry in ipairs(entries) do
    if entry.is_module then
      local part = entry.name:match "^experiments" and "Experiments" or "Lua library"
      local chapter = {
        id = entry.name, title = entry.name, part = part, text = entry.text, summary = entry.summary,
        pages = {}, modules = {}, own = lua_page(entry, entries), more = index.own_page(entry.name),
      }
      of_module[entry.name] = chapter
      chapters[#chapters + 1] = chapter
    elseif of_module[entry.module] then
      table.insert(of_module[entry.module].pages, lua_page(entry, entries))
    end
  end
  for _, chapter in ipairs(chapters) do
    local parent = of_module[chapter.id:match "^(.*)%.[^.]+$" or "perilune"]
    if parent and parent ~= chapter then table.insert(parent.modules, chapter) end
  end
  return chapters
end

local function native_chapters()
  local chapters, by_group = {}, {}
  for _, page in ipairs(native.pages()) do
    local key = page.part .. ": " .. page.group
    if not by_group[key] then
      by_group[key] = {
        id = "native." .. key:lower():gsub("[^%w]+", "-"), title = key, part = "Native functions", text = "",
        summary = "", pages = {}, modules = {}, is_native = true,
      }
      chapters[#chapters + 1] = by_group[key]
    end
    table.insert(by_group[key].pages, native_page(page))
  end
  for _, chapter in ipairs(chapters) do
    local names = {}
    for i, page in ipairs(chapter.pages) do names[i] = page.name end
    chapter.summary = table.concat(names, ", ", 1, math.min(#names, 6)) .. (#names > 6 and ", ..." or "")
  end
  return chapters
end

--- The chapters: modules of the Lua library, experiments, then native functions by subject.
--
--   > for _, chapter in ipairs(book.chapters()) do
--   >>   if chapter.id == "csv" then print(chapter.pages[1].name) end end
--   csv.decode
function book.chapters()
  index.load_all()
  local all, experiments = {}, {}
  for _, chapter in ipairs(lua_chapters()) do
    table.insert(chapter.part == "Experiments" and experiments or all, chapter)
  end
  table.move(experiments, 1, #experiments, #all + 1, all)
  local of_native = native_chapters()
  return table.move(of_native, 1, #of_native, #all + 1, all)
end

--- The examples of a page's text and those added to it, as blocks.
--
--   > #book.examples { text = "Adds.\n\n  > 1 + 1\n  2", blocks = {} }
--   1
function book.examples(page)
  local blocks = doctest.blocks("--- " .. page.text:gsub("\n", "\n-- ") .. "\n")
  return table.move(page.blocks, 1, #page.blocks, #blocks + 1, blocks)
end

return book
