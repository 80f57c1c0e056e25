--- Losses and gradients against numbers that TRL's own code computed.
--
-- The file is ../shared/data/golden/losses.json (TRL 1.16.0, 1.10.0 and 0.28.0, torch 2.15, float64;
-- `formula/*` from the formulas of the papers), or the one that PERILUNE_GOLDEN names, of the same format.
--
-- `golden/FAMILY.lua` returns a function(case) for the cases of a family. It gives
--
--   loss     a tensor or number, nil where the case has none
--   inputs   by the case's names, the f64 tensors with gradient, packed: policy_chosen = tensor [N], ...
--   outputs, metrics   numbers, lists or tensors by the case's names, as far as they are computed
--
-- or nil and the reason why the case is not run.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local formats = require "perilune.formats"
local system = require "perilune.system"

--- Families whose adapter has another name.
local adapters = { ["dpo_0.28"] = "dpo_old", apo_zero_unpaired = "kto" }

--- At least so many of the file's 307 cases run.
local least = 280

local function family_of(case)
  return case.name:match "^hand/([^/]+)" or case.name:match "^[^/]+"
end

--- All numbers of a value in their order: a number, a tensor, nested lists. Missing values are NaN.
local function flat(value, into)
  into = into or {}
  if type(value) == "userdata" then value = value:detach():flatten():totable() end
  if type(value) == "table" then
    for i = 1, #value do flat(value[i], into) end
  elseif type(value) == "boolean" then
    into[#into + 1] = value and 1 or 0
  else
    into[#into + 1] = tonumber(value) or 0 / 0
  end
  return into
end

--- Why `got` is not `expected`, lists of numbers, within `tolerance` of the largest expected entry (of
-- `floor` at least); nil where it is.
local function difference(got, expected, tolerance, floor)
  if #got ~= #expected then return ("%d numbers, expected %d"):format(#got, #expected) end
  local largest, worst, at = floor, 0, nil
  for i, x in ipairs(expected) do
    if x == x then largest = math.max(largest, math.abs(x)) end
    local apart = math.abs(got[i] - x)
    local both_missing = x ~= x and got[i] ~= got[i]
    if not both_missing and not (apart <= worst) then worst, at = apart, i end
  end
  if worst <= tolerance * largest then return nil end
  return ("%.17g, expected %.17g at %d"):format(got[at], expected[at], at)
end

--- The largest entry of the gradients of a case, all inputs together.
local function largest_of(gradients)
  local largest = 1e-12
  for _, group in pairs(gradients) do
    for _, rows in pairs(group) do
      for _, x in ipairs(flat(rows)) do largest = math.max(largest, x == x and math.abs(x) or 0) end
    end
  end
  return largest
end

--- What is wrong with what an adapter gave for a case, as a list of texts.
local function complaints(case, given)
  local wrong, exact = {}, case.double or {}
  local function check(what, got, expected, tolerance, floor)
    local complaint = difference(flat(got), flat(expected), tolerance, floor)
    if complaint then wrong[#wrong + 1] = ("%s: %s: %s"):format(case.name, what, complaint) end
  end
  -- A case of TRL in float32 that was not computed a second time in float64.
  local exactness = case.dtype:find "float32" and not case.double and 1e4 or 1
  if type(case.loss) == "number" then
    if given.loss == nil then return { case.name .. ": no loss" } end
    check("loss", given.loss, exact.loss or case.loss, 1e-9 * exactness, 1)
    if type(given.loss) == "userdata" and given.loss:requires_grad() then given.loss:backward() end
  end
  local gradients = {}
  for _, group in ipairs { "grad_policy_logps", "grad_other" } do
    gradients[group] = exact[group] or case[group] or {}
  end
  local largest = largest_of(gradients)
  for _, group in pairs(gradients) do
    for name, expected in pairs(group) do
      local leaf = (given.inputs or {})[name]
      if not leaf then return { ("%s: no input '%s'"):format(case.name, name) } end
      check("gradient of " .. name, leaf:grad() or leaf:detach() * 0, expected, 1e-8 * exactness, largest)
    end
  end
  for _, group in ipairs { "outputs", "metrics" } do
    for name, got in pairs(given[group] or {}) do
      local all = exact[group] or exact
      local expected = all[name]
      if expected == nil then expected = (case[group] or {})[name] end
      check(name, got, expected, group == "outputs" and 1e-9 or 1e-6, 1)
    end
  end
  return wrong
end

local function adapter_of(family)
  local name = "golden." .. (adapters[family] or family)
  local path = package.searchpath(name, package.path)
  return path and require(name)
end

local path = os.getenv "PERILUNE_GOLDEN"
local is_given = path ~= nil
path = path or support.data .. "/golden/losses.json"
local cases = system.exists(path) and formats.load_json(path).cases or {}
local ran, reasons = 0, {}

TestGolden = {}

local families = {}
for _, case in ipairs(cases) do
  local family = family_of(case)
  families[family] = families[family] or {}
  table.insert(families[family], case)
end

for family, list in pairs(families) do
  TestGolden["test_" .. family] = function()
    local adapter, wrong, unrun = adapter_of(family), {}, {}
    for _, case in ipairs(list) do
      local given, reason = nil, "no adapter"
      if adapter then given, reason = adapter(case) end
      if given then
        ran = ran + 1
        table.move(complaints(case, given), 1, 1e3, #wrong + 1, wrong)
      else
        local text = reason or "no reason"
        unrun[text] = unrun[text] or {}
        table.insert(unrun[text], case.name)
      end
    end
    for reason, names in pairs(unrun) do
      reasons[#reasons + 1] = ("%d of %s: %s (%s)"):format(#names, family, reason, table.concat(names, ", "))
    end
    if #wrong > 0 then lu.fail(table.concat(wrong, "\n")) end
  end
end

--- The name puts it last: it counts what the others ran.
function TestGolden.test_zz_nearly_all_cases_run()
  if #cases == 0 then
    print "skipped: needs ../shared/data/golden/losses.json"
    lu.skip("needs " .. path)
  end
  print(("%d of %d golden cases run"):format(ran, #cases))
  table.sort(reasons)
  for _, reason in ipairs(reasons) do print("not run: " .. reason) end
  if not is_given then lu.assertTrue(ran >= least, ("%d cases run, expected %d"):format(ran, least)) end
end

os.exit(lu.LuaUnit.run())
