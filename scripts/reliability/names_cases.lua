--- Calls with names that want to lead elsewhere, in one process. See names.lua.
--
--   perilune names_cases.lua BASE SEED COUNT
--
-- BASE/root is the folder that is given, BASE/outside lies beside it, BASE/cwd is where the process runs.
-- Prints "bad: ..." for a call after which something outside has changed, or that has read from there, and
-- at the end "calls N places N names N refused N".
local perilune = require "perilune"
local damage = dofile(arg[0]:match "^(.*)/" .. "/fuzz_damage.lua")
local system, formats, run = perilune.system, perilune.formats, perilune.run
local T, models = perilune.tensor, perilune.models

local base, seed, count = arg[1], math.tointeger(tonumber(arg[2])), math.tointeger(tonumber(arg[3]))
local root, outside = base .. "/root", base .. "/outside"
system.make_folder(root)
system.make_folder(outside)

local golden = arg[0]:match "^(.*)/scripts/" .. "/Tests/Golden/models/llama-a/"
local weights = T.load(golden .. "model.safetensors")
T.save(outside .. "/x.safetensors", weights)
assert(os.execute(("cd '%s' && cp ../outside/x.safetensors ../outside/x && ln -s ../outside link && "
  .. "ln -s ../outside/x file_link && ln -s / top"):format(root)))

-- MARK: Names

local listed = {
  "..", ".", "", "/", "../x", "../../x", "../outside/x", "a/../../outside/x", outside .. "/x", base, "link",
  "./../outside/x", "link/x", "link/../outside/x", "file_link", "top" .. outside .. "/x", "a\0b", "\0",
  "../outside/x\0.safetensors", "~", "~/x", "$HOME/x", "x/", "a//b", "..\\x", "C:\\x", "%2e%2e/x",
  "..%c0%afx", "\n", "a\nb", ("x"):rep(4096), ("../"):rep(1000) .. "x", ".x", "-rf", "CON", " ", "\xFF\xFE",
  "a'; touch ../outside/y; '", "`touch ../outside/y`", "$(touch ../outside/y)", "..;/x", "é/../../outside/x",
  "file://" .. outside .. "/x", "./", "../", "..\n/x", "x\r", "link\0/x",
}
local pieces <const> = {
  "..", ".", "/", "//", "a", "x", "\0", "\n", "link", "file_link", "outside", "/outside/x", "~", " ", "\\",
  "%2e", "\xFF", "../", "/../", outside, "top", ".safetensors", "run.sqlite",
}
local draw = damage.generator(seed)
local function name_of(i)
  if listed[i] then return listed[i] end
  local parts = {}
  for k = 1, draw(6) do parts[k] = pieces[draw(#pieces)] end
  return table.concat(parts)
end

-- MARK: Places

local config_file <close> = assert(io.open(golden .. "config.json", "rb"))
local text_of_config = config_file:read "a"

--- Loads a model whose index names a file for all of its weights.
local function sharded(name)
  local folder, map = root .. "/model", {}
  system.make_folder(folder)
  system.write_file(folder .. "/config.json", text_of_config)
  for key in pairs(weights) do map[key] = name end
  system.write_file(folder .. "/model.safetensors.index.json",
    formats.json_encode { metadata = {}, weight_map = map })
  return models.load(folder)
end
T.save(root .. "/model-1.safetensors", weights)
assert(os.execute(("mkdir '%s/model' && mv '%s/model-1.safetensors' '%s/model'"):format(root, root, root)))
assert(sharded "model-1.safetensors", "a model of shards is not read")
os.remove(root .. "/model/model-1.safetensors")

local job = run.open { name = "first", config = { a = 1 }, state = {}, folder = root .. "/runs" }
for step in job:steps(2) do job:log { loss = step } end

local function take(one) for step in one:steps(1) do one:log { loss = step } end end

local places = {
  { "run.open", function(name)
    take(run.open { name = name, config = { a = 1 }, state = {}, folder = root .. "/runs" })
  end },
  { "run.resume", function(name) take(run.resume(name, { state = {}, folder = root .. "/runs" })) end },
  { "run.fork", function(name)
    take(run.fork("first", 2, { name = name, state = {}, folder = root .. "/runs" }))
  end },
  { "run.read", function(name) return run.read(name, root .. "/runs"):dump() end },
  { "run.remove", function(name) if name ~= "first" then run.remove(name, root .. "/runs") end end },
  { "run.from_csv", function(name)
    perilune.csv.save(root .. "/in.csv", {
      { run = name, kind = "config", name = "", step = "", value = "{}" },
      { run = name, kind = "figure", name = name, step = 1, value = 1 },
    }, { "run", "kind", "name", "step", "value" })
    run.from_csv(root .. "/in.csv", root .. "/runs")
  end },
  { "a tensor's name", function(name)
    T.save(root .. "/t.safetensors", { [name] = T { 1 } })
    assert(T.load(root .. "/t.safetensors")[name]:item() == 1)
  end },
  { "a figure's name", function(name)
    local one = run.open { name = "logged", config = { a = name }, state = {}, folder = root .. "/logged" }
    for step in one:steps(1) do one:log { [name] = step } end
    run.runs { folder = root .. "/logged" }:tensorboard(root .. "/board")
  end },
  -- The folder has no weights: a model that is read is one of weights from outside.
  { "a shard of a model", function(name) return sharded(name) and "weights from outside" end },
  { "a name in a report", function(name)
    local report = perilune.report.new { title = name }
    report:text(name)
    report:save(root .. "/report.html")
  end },
}

-- MARK: What lies outside

--- Names and contents of what lies beside the root, as text.
local function seen()
  local parts = {}
  for _, folder in ipairs { base, base .. "/cwd", outside } do
    for _, name in ipairs(system.list_folder(folder)) do parts[#parts + 1] = folder .. "/" .. name end
  end
  for _, name in ipairs { "/x", "/x.safetensors" } do
    parts[#parts + 1] = system.sha256_file(outside .. name)
  end
  return table.concat(parts, "\n")
end

local before, calls, refused = seen(), 0, 0
system.write_file(outside .. "/y", "")
assert(seen() ~= before, "what is written outside is not seen")
os.remove(outside .. "/y")

for i = 1, math.max(count, #listed) do
  local name = name_of(i)
  for _, place in ipairs(places) do
    local ok, got = pcall(place[2], name)
    calls, refused = calls + 1, refused + (ok and 0 or 1)
    local after = seen()
    if after ~= before or ok and got == "weights from outside" then
      print(("bad: %s %q: %s"):format(place[1], name:sub(1, 200), after ~= before and after or got))
      before = after
    end
  end
end
print(("calls %d places %d names %d refused %d"):format(calls, #places, math.max(count, #listed), refused))
