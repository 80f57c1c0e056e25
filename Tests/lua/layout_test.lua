-- The targets of Package.swift: each declares exactly the targets that its files import.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"

TestLayout = {}

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

local function files(folder, ending)
  local list = {}
  local pipe = assert(io.popen(("find '%s/%s' -name '*.%s' | sort"):format(support.root, folder, ending)))
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

-- name -> { kind, dependencies } of Package.swift.
local function targets()
  local found = {}
  for kind, body in read(support.root .. "/Package.swift"):gmatch "%.(%a+Target)(%b())" do
    found[body:match 'name: "([%w_]+)"'] = { kind = kind, body = body }
  end
  for kind, body in read(support.root .. "/Package.swift"):gmatch "%.(%a+)(%b())" do
    local name = body:match '^%(%s*name: "([%w_]+)"'
    local is_target = kind == "target" or kind == "systemLibrary"
    if name and is_target then found[name] = { kind = kind, body = body } end
  end
  for _, target in pairs(found) do
    target.dependencies = {}
    for name in (target.body:match "dependencies: (%b[])" or ""):gmatch '"([%w_]+)"' do
      target.dependencies[name] = true
    end
  end
  return found
end

function TestLayout.test_each_swift_target_declares_what_it_imports_and_nothing_else()
  local all, complaints = targets(), {}
  for name, target in pairs(all) do
    local folder = (target.kind == "testTarget" and "Tests/" or "Sources/") .. name
    local sources, imported = files(folder, "swift"), {}
    for _, path in ipairs(sources) do
      for module in ("\n" .. read(path)):gmatch "\n[@%w_ ]*import (%w+)" do
        if all[module] and module ~= name then imported[module] = true end
      end
    end
    for module in pairs(imported) do
      if not target.dependencies[module] then complaints[#complaints + 1] = name .. " lacks " .. module end
    end
    for module in pairs(target.dependencies) do
      -- The tests of the shell run the program.
      local is_run = all[module] and all[module].kind == "executableTarget"
      if #sources > 0 and not imported[module] and not is_run then
        complaints[#complaints + 1] = name .. " declares " .. module .. " and does not import it"
      end
    end
  end
  table.sort(complaints)
  lu.assertEquals(complaints, {})
end

function TestLayout.test_the_numeric_core_needs_neither_lua_nor_readline()
  local all = targets()
  local function reaches(name, seen)
    for dependency in pairs(all[name].dependencies) do
      seen[dependency] = true
      reaches(dependency, seen)
    end
    return seen
  end
  for _, name in ipairs { "Base", "Tensors", "Autograd", "Optim", "Formats", "Models", "Plots" } do
    local seen = reaches(name, {})
    for _, border in ipairs { "CLua", "CLuaShims", "CReadline", "CReadlineShims", "LuaEngine" } do
      lu.assertNil(seen[border], name .. " depends on " .. border)
    end
  end
end

function TestLayout.test_the_c_library_is_imported_in_one_place()
  for _, folder in ipairs { "Sources", "Tests" } do
    for _, path in ipairs(files(folder, "swift")) do
      if not path:find "/Base/Platform%.swift$" then
        lu.assertNil(read(path):match "import Glibc" or read(path):match "canImport", path)
      end
    end
  end
end

os.exit(lu.LuaUnit.run())
