--- The manual and the definitions for editors, written whole: links, reach, examples, syntax.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local book = require "perilune.help.book"
local definitions = require "perilune.help.definitions"
local manual = require "perilune.help.manual"
local support = require "support"

local contains = lu.assertStrContains

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function files(folder, ending)
  local list = {}
  local pipe <close> = assert(io.popen(("find '%s' -name '*.%s' | sort"):format(folder, ending)))
  for path in pipe:lines() do list[#list + 1] = path end
  return list
end

TestManual = {}

local folder = os.tmpname() .. ".manual"

function TestManual.setUp()
  if not TestManual.written then TestManual.written = manual.write(folder, { quiet = true }) end
end

function TestManual.test_every_link_leads_to_a_page_and_a_place_in_it()
  local texts, ids = {}, {}
  for _, path in ipairs(files(folder, "html")) do
    local name = path:match "[^/]*$"
    texts[name], ids[name] = read(path), {}
    for id in texts[name]:gmatch 'id="([^"]+)"' do ids[name][id] = true end
  end
  local links, broken = 0, {}
  for name, text in pairs(texts) do
    for address in text:gmatch 'href="([^"]+)"' do
      if not address:find "^https?:" then
        links = links + 1
        local page, place = address:match "^([^#]*)#?(.*)$"
        page = page == "" and name or page
        if not texts[page] or place ~= "" and not ids[page][place] then
          broken[#broken + 1] = name .. ": " .. address
        end
      end
    end
  end
  lu.assertEquals(broken, {})
  lu.assertTrue(links > 1000)
end

function TestManual.test_every_page_is_reached_from_the_first()
  local seen, waiting = { ["index.html"] = true }, { "index.html" }
  while #waiting > 0 do
    local text = read(folder .. "/" .. table.remove(waiting))
    for page in text:gmatch 'href="([%w_.%-]+%.html)' do
      if not seen[page] then
        seen[page] = true
        waiting[#waiting + 1] = page
      end
    end
  end
  for _, path in ipairs(files(folder, "html")) do lu.assertTrue(seen[path:match "[^/]*$"], path) end
end

function TestManual.test_pages_need_no_net_and_hold_examples_with_their_outputs()
  local page = read(folder .. "/csv.html")
  contains(page, "records[1].name, records[1].win")
  contains(page, "a, b\t0.5\tnil")
  for _, path in ipairs(files(folder, "html")) do
    local text = read(path)
    lu.assertNil(text:find 'src="https?:', path)
    lu.assertNil(text:find 'rel="stylesheet"', path)
    contains(text, "prefers-color-scheme: dark")
  end
  contains(read(folder .. "/pages.js"), "align.train")
end

function TestManual.test_every_example_of_every_chapter_is_in_its_page()
  for _, chapter in ipairs(book.chapters()) do
    local text = read(("%s/%s.html"):format(folder, chapter.id))
    for _, page in ipairs(chapter.pages) do
      local first = book.examples(page)[1]
      if first then contains(text, manual.escape(first[1].code:match "^[^\n]*"), false, page.name) end
    end
  end
end

TestDefinitions = {}

local tags <const> = {
  meta = true, class = true, field = true, param = true, ["return"] = true, overload = true, operator = true,
}

-- Whether a type of LuaCATS is well formed: names, unions, lists, texts and functions.
local function is_type(text)
  local bare = text:gsub('"[^"]*"', "text"):gsub("fun%b():%s*[%w_.]+", "any"):gsub("fun%b()", "any")
  for part in (bare .. "|"):gmatch "(.-)|" do
    if not part:match "^%s*[%a_][%w_.]*%[?%]?%s*$" then return false end
  end
  return true
end

function TestDefinitions.test_each_file_is_lua_with_annotations_that_are_well_formed()
  local target = os.tmpname() .. ".definitions"
  local count = definitions.write(target, { quiet = true })
  local list = files(target, "lua")
  lu.assertEquals(#list, count)
  for _, path in ipairs(list) do
    local text = read(path)
    lu.assertTrue(text:find "^%-%-%-@meta ?[%w_.]*\n" ~= nil, path)
    local chunk, problem = load(text, "@" .. path)
    lu.assertNotNil(chunk, problem)
    for line in text:gmatch "[^\n]+" do
      local tag, rest = line:match "^%-%-%-@(%a+)%s*(.*)$"
      if tag then
        lu.assertTrue(tags[tag], path .. ": " .. line)
        local kind = rest:match "^[%w_.]+%??%s+(%S+)"
        if tag == "param" then lu.assertTrue(is_type(kind or ""), path .. ": " .. line) end
        if tag == "class" then lu.assertTrue(rest:find "^[%a_][%w_.]*$" ~= nil, path .. ": " .. line) end
        if tag == "field" then
          lu.assertTrue(rest:find "^[%a_][%w_]*%?? %S" ~= nil or rest:find "^%[%a+%] %S" ~= nil,
            path .. ": " .. line)
        end
      end
    end
  end
end

function TestDefinitions.test_options_of_a_function_are_fields_of_a_class()
  local target = os.tmpname() .. ".definitions"
  definitions.write(target, { quiet = true })
  local train = read(target .. "/perilune/align/train.lua")
  contains(train, "---@class perilune.align.train.options\n")
  contains(train, "---@field policy ")
  contains(train, '---@field optimizer? "adamw"|"sgd"|"lion"|"adafactor" ')
  contains(train, "---@param given? perilune.align.train.options\n")
  local tensor = read(target .. "/perilune/classes/Tensor.lua")
  contains(tensor, "---@operator add(Tensor|number): Tensor\n")
  contains(tensor, "function Tensor:matmul(")
  contains(read(target .. "/perilune.lua"), "---@field align perilune.align\n")
  contains(read(target .. "/perilune/models.lua"), "function models.transformer(options) end")
end

function TestDefinitions.test_a_folder_is_asked_for()
  for _, write in ipairs { manual.write, definitions.write } do
    contains(support.message(write, 3), "expected a folder, got 3")
  end
end

os.exit(lu.LuaUnit.run())
