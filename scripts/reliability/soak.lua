--- R26: resident bytes and file handles of a training and of a prompt stay the same for an hour.
--
--     bin/perilune scripts/reliability/soak.lua --seconds 3600 --rest 1
--
-- Both are processes of their own, looked at from outside once a second. The first fifth is the warm-up; the
-- growth is that of the median from the second fifth to the last. The prompt gets a line at a time: values,
-- tensors, gradients, pages of help, errors. `rest` is the share of the time that both pause.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"
local system = require "perilune.system"

local o = common.options { seconds = 3600, rest = 1, samples = "" }
local folder = common.folder()

--- Resident kilobytes and open handles of a process; nil after its end.
local function look(pid)
  local status = common.text(("/proc/%d/status"):format(pid))
  local resident = status and status:match "VmRSS:%s*(%d+) kB"
  local ok, handles = pcall(system.list_folder, ("/proc/%d/fd"):format(pid))
  if resident and ok then return { resident = tonumber(resident), handles = #handles } end
end

--- Starts a command in the background, or as one that reads what is written to the pipe returned.
local function start(name, command, is_fed)
  local pipe = io.popen(("echo $$ > %s/%s.pid; exec %s > %s/%s.out 2> %s/%s.err"):format(
    folder, name, command, folder, name, folder, name), is_fed and "w" or "r")
  local pid
  repeat pid = tonumber(common.text(("%s/%s.pid"):format(folder, name)) or "") until pid
  return { name = name, pid = pid, pipe = pipe, samples = {} }
end

local script = common.root .. "/scripts/reliability/soak_training.lua"
local training = start("training", ("'%s' --threads=1 '%s' '%s/runs' %d %g"):format(
  common.program, script, folder, o.seconds, o.rest))
local prompt = start("prompt", ("'%s' --threads=1 --no-init -i"):format(common.program), true)

local lines <const> = {
  "tensor = require 'perilune'.tensor",
  "x = tensor.rand({64, 64}); y = x:matmul(x):sum(); y",
  "w = tensor.tensor({1, 2, 3}); w:requires_grad_(); (w * w):sum():backward(); w.grad",
  "error('wanted')",
  "?tensor.matmul",
  "t = {} for i = 1, 1000 do t[i] = tostring(i) end",
  "1 +",
  "",
  "x:no_such_method()",
  "string.rep('a', 1000):len()",
  "collectgarbage()",
}

local begin, fed = system.clock(), 0
while system.clock() - begin < o.seconds do
  for _ = 1, 10 do
    fed = fed + 1
    prompt.pipe:write(lines[(fed - 1) % #lines + 1], "\n")
    prompt.pipe:flush()
    os.execute "sleep 0.1"
  end
  for _, process in ipairs { training, prompt } do
    process.samples[#process.samples + 1] = look(process.pid)
  end
end
prompt.pipe:write "print('the end')\n"
prompt.pipe:close()
training.pipe:close()

--- The values of some samples, from the least on.
local function sorted(samples, name, from, to)
  local values = {}
  for i = math.floor(#samples * from) + 1, math.floor(#samples * to) do
    values[#values + 1] = samples[i][name]
  end
  table.sort(values)
  return values
end

local function median(...)
  local values = sorted(...)
  return values[(#values + 1) // 2]
end

if o.samples ~= "" then
  local rows = { "second,training KB,training handles,prompt KB,prompt handles" }
  for i = 1, math.min(#training.samples, #prompt.samples) do
    local a, b = training.samples[i], prompt.samples[i]
    rows[#rows + 1] = ("%d,%d,%d,%d,%d"):format(i, a.resident, a.handles, b.resident, b.handles)
  end
  system.write_file(o.samples, table.concat(rows, "\n") .. "\n")
end

for _, process in ipairs { training, prompt } do
  local samples = process.samples
  local before, after = median(samples, "resident", 0.2, 0.4), median(samples, "resident", 0.8, 1)
  local growth = after / before - 1
  common.row("R26", ("%s: growth of resident memory in %d s, from %.1f MB"):format(
    process.name, o.seconds, before / 1024), ("%.2f %%"):format(100 * growth), growth < 0.01)
  -- A save has files open for a moment. A handle that is lost is open in every sample after it.
  local some, last = sorted(samples, "handles", 0.2, 0.4)[1], sorted(samples, "handles", 0.8, 1)[1]
  common.row("R26", process.name .. ": open handles", ("%d, then %d"):format(some, last), last <= some)
end
local out = common.text(folder .. "/prompt.out") or ""
common.row("R26", "the prompt lives to the end", ("%d lines"):format(fed), out:match "the end" ~= nil)
local rounds = (common.text(folder .. "/training.out") or ""):match "(%d+)\t%d+\n$"
common.row("R26", "the training lives to the end", (rounds or "0") .. " rounds",
  rounds ~= nil and common.text(folder .. "/training.err") == "")
common.remove(folder)
common.exit()
