--- What the store of runs refuses: of its arguments, of a checkpoint's manifest, and of a damaged store.
local lu = require "luaunit"
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local T = require "perilune.tensor"
local native = require "perilune.native.run"
local system = require "perilune.system"

local folder, writer

local refuses <const> = support.refuses

TestRunRefusals = {}

function TestRunRefusals.setUp()
  folder = support.new_path()
  writer = native.create { folder = folder, name = "a", config = "{}", params = { beta = 0.1 }, hash = "h" }
end

function TestRunRefusals.tearDown()
  writer:close()
  os.execute(("rm -rf '%s'"):format(folder))
end

function TestRunRefusals.test_arguments()
  refuses("bad argument #2 to 'set' (expected a number, a text or a boolean, got Tensor)",
    function() writer:set("peak", T { 1 }) end)
  refuses("bad argument #2 to 'cut' (expected at least 1 checkpoint to keep, got 0)",
    function() writer:cut(1, 0) end)
  refuses("bad argument #3 to 'finish_checkpoint' (expected at least 1 checkpoint to keep, got 0)",
    function() writer:finish_checkpoint(writer:begin_checkpoint(1), 1, 0) end)
  refuses("bad argument #2 to 'records' (expected one of event, file, history, tick, got 'log')",
    native.records, writer.folder, "log")
end

--- Steps of 64 bits overflowed in a thinned curve, and a checkpoint of step -1 was never found again.
function TestRunRefusals.test_steps_out_of_range()
  for _, step in ipairs { -1, math.mininteger, (1 << 53) + 1, math.maxinteger } do
    local message = "a step is from 0 to 2^53, got " .. step
    refuses(message, writer.log, writer, step, { loss = 1 })
    refuses(message, writer.event, writer, step, "evaluated", "")
    refuses(message, writer.cut, writer, step)
    refuses(message, writer.begin_checkpoint, writer, step)
    refuses(message, writer.finish_checkpoint, writer, "none", step, 1)
  end
  writer:log(0, { loss = 1 })
  writer:log(1 << 53, { loss = 2 })
  writer:commit()
  local steps, values = native.curve(writer.folder, "loss", 2)
  lu.assertEquals(steps, { 0, 1 << 53 })
  lu.assertEquals(values, { 1, 2 })
  refuses("a checkpoint is of a step from 0 on, got -1", native.seal, folder, -1)
end

function TestRunRefusals.test_arguments_of_a_listing()
  refuses("bad argument #2 to 'list' (expected numbers, texts and booleans by name, got a Tensor)",
    native.list, folder, { beta = T { 1 } }, {})
  refuses("bad argument #2 to 'list' (expected numbers, texts and booleans by name, got one by a number)",
    native.list, folder, { "a" }, {})
  refuses("element [2] is a number, expected a string", native.list, folder, {}, { "id", 1 })
  refuses("element [1] is not valid UTF-8", native.list, folder, {}, { "\xff" })
end

function TestRunRefusals.test_a_run_that_is_not_there()
  local path = folder .. "/b"
  for _, name in ipairs { "open", "remove" } do
    refuses(path .. ": there is no such run", native[name], path)
  end
end

--- What came after `close` was lost without a word, and a checkpoint left a folder.
function TestRunRefusals.test_a_closed_run()
  writer:close()
  writer:close()
  for _, call in ipairs {
    { "log", 1, { loss = 1 } }, { "event", 1, "note", "late" }, { "set", "peak", 1 },
    { "add_file", "run.sqlite", "file", 1 }, { "commit" }, { "begin_checkpoint", 1 },
    { "finish_checkpoint", "none", 1, 1 }, { "newest_checkpoint" }, { "cut", 1 },
    { "note", "moved", "to another disk" }, { "finish", "finished" },
  } do
    refuses("run 'a' is closed: nothing more is recorded", writer[call[1]], writer, table.unpack(call, 2))
  end
  lu.assertEquals({ writer.id, writer.step, writer.problem }, { "a", 0 })
  lu.assertFalse(system.exists(writer.folder .. "/checkpoints/.new-1"))
end

function TestRunRefusals.test_a_job_that_has_ended()
  local run = require "perilune.run"
  local job = run.open { name = "ended", folder = folder, config = {}, state = { counts = { 0 } } }
  for _ in job:steps(2) do job:log { loss = 1 } end
  refuses("job:log: run 'ended' has ended: nothing more is recorded", job.log, job, { loss = 2 })
  refuses("job:set: run 'ended' has ended: nothing more is recorded", job.set, job, "peak", 1)
  refuses("job:file: run 'ended' has ended: nothing more is recorded", job.file, job, "late.txt", "x")
  lu.assertFalse(system.exists(job.folder .. "/late.txt"))
  job:close()
  lu.assertEquals({ run.read("ended", folder).status, job.status }, { "finished", "finished" })
end

--- A folder in a checkpoint would not be in its manifest.
function TestRunRefusals.test_a_folder_in_a_checkpoint()
  local path = writer:begin_checkpoint(1)
  system.make_folder(path .. "/inner")
  refuses(("a checkpoint holds files, and %s/inner is a folder"):format(path), native.seal, path, 1)
end

--- A device is no file that the disk keeps.
function TestRunRefusals.test_a_file_of_a_checkpoint_that_cannot_be_synced()
  local path = writer:begin_checkpoint(1)
  os.execute(("ln -s /dev/null '%s/state'"):format(path))
  refuses(("cannot sync %s/state: Invalid argument"):format(path), native.seal, path, 1)
end

function TestRunRefusals.test_a_manifest_without_its_parts()
  local path = writer:begin_checkpoint(1)
  system.write_file(path .. "/state", "x")
  native.seal(path, 1)
  local manifest = path .. "/manifest.json"
  local whole = support.read(manifest)
  local no_step = path .. ": the manifest has no step or no files"
  local no_size = path .. ": the manifest names a file without size and SHA-256"
  for _, case in ipairs {
    { '"step":1,', "", no_step }, { '"step":1', '"step":1.5', no_step }, { '"files"', '"file"', no_step },
    { '"bytes":1', '"bytes":"1"', no_size }, { '"sha256"', '"sha1"', no_size },
    { '"name":"state"', '"name":"../state"', no_size },
  } do
    local from, to, message = table.unpack(case)
    local changed, count = whole:gsub(from, to)
    lu.assertEquals(count, 1, from)
    system.write_file(manifest, changed)
    refuses(message, native.verify, path)
  end
  system.write_file(manifest, whole)
  lu.assertEquals(native.verify(path), 1)
end

--- A checkpoint that was moved to the name of another step is not the newest one: it is told of.
function TestRunRefusals.test_a_manifest_of_another_step()
  local path = writer.folder .. "/checkpoints/step-00000007"
  system.make_folder(path)
  native.seal(path, 8)
  local newest, _, damaged = writer:newest_checkpoint()
  lu.assertNil(newest)
  lu.assertEquals(damaged, { path .. ": the manifest is of step 8" })
end

local advice <const> = "%s/run.sqlite cannot be read: %s. The run cannot be read or go on until run.sqlite "
  .. "is put back from a copy; its checkpoints in %s/checkpoints are files of their own, and other runs are "
  .. "not touched"

--- A page in the middle is read only by those who ask for the steps on it.
function TestRunRefusals.test_a_damaged_page_of_a_curve()
  for step = 1, 4000 do writer:log(step, { loss = step }) end
  local path, page <const> = writer.folder, 8192
  writer:commit()
  writer:close()
  local store = path .. "/run.sqlite"
  local whole = support.read(store)
  local found = 0
  for at = 1, #whole // page - 1 do
    system.write_file(store,
      whole:sub(1, at * page) .. ("\xaa"):rep(page) .. whole:sub((at + 1) * page + 1))
    if pcall(native.curve, path, "loss", 2) and not pcall(native.curve, path, "loss", "all") then
      found = found + 1
      refuses(advice:format(path, "SQLite says 'database disk image is malformed'", path),
        native.curve, path, "loss", 3000)
    end
  end
  lu.assertTrue(found > 0)
end

--- The log beside a store could hold what is missing in it, so the store is not read without.
function TestRunRefusals.test_a_store_that_is_text_beside_a_log()
  local path = writer.folder
  writer:close()
  system.write_file(path .. "/run.sqlite", ("no database "):rep(1000))
  for _, log in ipairs { "", ("x"):rep(1000) } do
    system.write_file(path .. "/run.sqlite-wal", log)
    refuses(advice:format(path, "it is text, no database", path), native.curve, path, "loss")
  end
end

os.exit(lu.LuaUnit.run())
