--- The examples in the comments of these modules are run, and print what they say.
--
-- A comment line "> code" is run as at the prompt: an expression prints its value. The comment line after it,
-- when it is indented alike and does not start with ">", is the text it must print; an error prints its message.
-- A module sees itself under its own name, and keeps what earlier examples of the file set.
local support = dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/support.lua")
local lu = require "luaunit"

local modules = {
  "options", "tasks", "tasks.counter", "tasks.words", "tasks.dialogues", "tasks.stories", "tasks.stories_lexicon", "tasks.sentiment_grammar", "tasks.sentiment_text", "tasks.valence", "tasks.sentiment",
}

local function shown(value)
  return math.type(value) == "float" and ("%.4g"):format(value) or tostring(value)
end

local function run(code, env)
  local chunk = load("return " .. code, "=example", "t", env) or assert(load(code, "=example", "t", env))
  local result = table.pack(pcall(chunk))
  if not result[1] then return (tostring(result[2]):gsub("^[^:]*:%d+: ", "")) end
  return result.n > 1 and shown(result[2]) or nil
end

--- { line, code, wanted } for each example of a file.
local function examples(path)
  local out, number, last = {}, 0, nil
  for line in io.lines(path) do
    number = number + 1
    local indent, code = line:match("^%-%-%-?(%s+)> (.*)$")
    local more, wanted = line:match("^%-%-(%s+)(.-)%s*$")
    if code then
      last = { line = number, code = code, indent = #indent }
      out[#out + 1] = last
    else
      if last and wanted and wanted ~= "" and #more == last.indent then last.wanted = wanted end
      last = nil
    end
  end
  return out
end

TestExamples = {}

for _, name in ipairs(modules) do
  TestExamples["test_" .. name:gsub("%.", "_")] = function()
    local path = support.stdlib .. "/" .. name:gsub("%.", "/") .. ".lua"
    local short, count = name:match("[^.]+$"), 0
    local env = setmetatable({ [short] = require("perilune." .. name) }, { __index = _G })
    for _, example in ipairs(examples(path)) do
      count = count + 1
      local printed = run(example.code, env)
      lu.assertEquals(printed, example.wanted, ("%s.lua:%d: %s"):format(short, example.line, example.code))
    end
    lu.assertTrue(count > 0, name .. " has no example")
  end
end

os.exit(lu.LuaUnit.run())
