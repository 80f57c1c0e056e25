--- R15, R18, R19, R21, R22, R24 and R29: what the tests of the project measure, each test by its name.
--
--     bin/perilune scripts/reliability/tests.lua
--     bin/perilune scripts/reliability/tests.lua --only R18,R21
--
-- A row is how many tests of a figure pass, or the number that a test prints; it fails where one of them
-- does, is skipped, or is not there. Tests of Swift are those that `scripts/build --build-tests` has built.
-- The row of R15 adds up the table of interrupts.md, which interrupts.py takes hours to make.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local common = require "common"

local o = common.options { only = "all", program = common.program }

--- Figures: `lua` are files of Tests/lua with patterns of names; `swift` are names of functions; `says` is
-- the pattern of the number in what the tests print.
local figures <const> = {
  { "R18", "the same result for a row alone and among longer ones", swift = {
    "aSequenceHasTheSameLogpsAloneAndInABatch", "rowsDoNotDependOnTheirNeighbours",
    "aRowIsTheSameBitsAloneAndAmongOthers",
  } },
  { "R18", "the same result for pairs in another order, and mirrored for answers that are swapped", lua = {
    { "invariances", "order_of_the_batch" }, { "invariances", "swapping_the_answers" },
  } },
  { "R18", "the same step for a batch in pieces", lua = {
    { "invariances", "8_pieces" }, { "train", "TestAccumulation" }, { "every_loss", "in_8_pieces" },
  } },
  { "R18", "the same log-probabilities with and without a cache of keys and values",
    swift = { "cachedLogpsEqualUncachedOnes" } },
  { "R18", "the same bits after a save within any batch", lua = {
    { "every_loss", "goes_on_within" }, { "online_losses", "a_saved_run" }, { "runs", "killed_anywhere" },
  } },
  { "R18", "the same bits online, and offline from its record", lua = { { "align", "in_order_gives" } } },
  { "R18", "the same bits with gradient checkpointing", lua = {
    { "every_loss", "gradient_checkpointing" }, { "memory", "TestCheckpointing" },
  }, swift = { "lossAndGradientsHaveTheSameBitsInFullTrainingAndWithAdapters" } },
  { "R18", "the same bits for rows that share their beginning", lua = { { "shared_prefixes", "Test" } } },
  { "R18", "the same bits with one thread and two",
    swift = { "oneThreadAndTwoDrawTheSameBits", "resultsDoNotDependOnTheThreadCount" } },
  { "R18", "the same step with weights of 1", lua = { { "every_loss", "weights_of_1" } } },
  { "R18", "the same results for a model and a table of its logits", lua = { { "policy", "TestTable" } } },
  { "R18", "the same optimum for every way to write a loss", lua = { { "identities", "Test" } } },
  { "R19", "attempts to leave the sandbox: held", lua = { { "sandbox", "no_attempt_leads_out" } },
    says = "(%d+) attempts to leave" },
  { "R19", "limits of the sandbox, and what it does with files",
    lua = { { "sandbox", "Test" }, { "sandbox_files", "Test" } } },
  { "R21", "operations whose gradients, if they have any, are within 1e-6 of differences in f64",
    swift = { "gradientsAgreeWithDifferences" } },
  { "R21", "every loss: gradients are the slopes", lua = { { "invariances", "gradients_are_the_slopes" } } },
  { "R22", "golden cases of TRL that losses and their gradients match", lua = { { "golden", "Test" } },
    says = "(%d+ of %d+) golden cases run" },
  { "R22", "files of golden cases of PyTorch that operations and their gradients match",
    swift = { "operationsMatchPyTorch" } },
  { "R22", "ten training steps as PyTorch's: losses, gradients, weights", swift = {
    "tenStepsHaveTheLossesAndGradientNormsOfPyTorch", "everyGradientOfTheFirstStepIsPyTorchs",
    "theWeightsAfterTenStepsAreThoseOfPyTorch", "aStepOfIPOIsThatOfPyTorch",
    "everyStepOfEveryOptimizerIsThatOfItsReference",
  } },
  { "R24", "files of the releases before are read, newer ones refused", lua = {
    { "old_runs", "Test" }, { "run", "format_before" },
  }, swift = { "aStoreOfALaterVersionIsRefusedByName" } },
  { "R29", "modules and pages whose examples give what they say",
    lua = { { "doctest", "Test" }, { "pages", "Test" }, { "manual", "Test" } } },
}

local function chosen(id) return common.chosen(o.only, id) end

--- How many tests of Swift pass by name; a case of a test with arguments is one. Nil where one failed.
local function swift_tests()
  local names, passed = {}, {}
  for _, figure in ipairs(figures) do
    for _, name in ipairs(chosen(figure[1]) and figure.swift or {}) do names[#names + 1] = name end
  end
  if #names == 0 then return passed end
  local _, out, err = common.run(([[cd '%s' && bash -c 'source scripts/setup && swift test -c release \
    -Xswiftc -enable-testing --skip-build --no-parallel --filter "%s"']]):format(common.root,
    table.concat(names, "|")))
  for line in (out .. err):gmatch "[^\n]+" do
    local name, rest = line:match " Test ([%w_]+)%(.-%)(.-) passed after "
    if name then passed[name] = (passed[name] or 0) + (tonumber(rest:match "with (%d+) test case") or 1) end
  end
  return passed
end

--- How many tests of a file pass, and what they print; nil where one fails, is skipped or none is there.
local function lua_tests(file, pattern)
  local status, out, err = common.run(("cd '%s' && '%s' 'Tests/lua/%s_test.lua' -p '%s'"):format(common.root,
    o.program, file, pattern))
  local good = tonumber(out:match "Ran %d+ tests in [%d.]+ seconds, (%d+) success" or 0)
  if status ~= 0 or good == 0 or out:find "%d+ skipped" then
    return nil, ("%s, %s: status %d: %s"):format(file, pattern, status, (out .. err):sub(-800))
  end
  return good, out
end

--- Kinds of work of interrupts.md that end slowly, for the reasons that it has.
local excepted <const> = { ["files written"] = true }

if chosen "R15" then
  local kinds, good, slow, slow_names = 0, 0, 0, {}
  for name, result in common.text(common.root .. "/scripts/results/interrupts.md"):gmatch
    "\n| ([^|]+) | %d+ | [^\n]- %% | (%a+) |" do
    kinds = kinds + 1
    if result == "passed" then
      good = good + 1
    elseif excepted[name] then
      slow_names[#slow_names + 1] = name
    else
      slow = slow + 1
    end
  end
  common.row("R15", ("kinds of work that answer Ctrl-C within 250 ms at 99 %% of 200 moments, of %d; "
    .. "excepted: %s"):format(kinds, table.concat(slow_names, ", ")), good, slow == 0 and good > 0)
end

local of_swift = swift_tests()
for _, figure in ipairs(figures) do
  local id, what = figure[1], figure[2]
  if chosen(id) then
    local count, said, is_good = 0, nil, true
    local function add(found, problem)
      count, is_good = count + (found or 0), is_good and found ~= nil
      if not found then io.stderr:write(id, ": ", problem, "\n") end
    end
    for _, name in ipairs(figure.swift or {}) do add(of_swift[name], name .. " has not passed") end
    for _, test in ipairs(figure.lua or {}) do
      local found, out = lua_tests(table.unpack(test))
      add(found, out)
      said = said or found and figure.says and out:match(figure.says)
    end
    common.row(id, what, said or ("%d tests"):format(count), is_good and (said ~= nil or not figure.says))
  end
end
common.exit()
