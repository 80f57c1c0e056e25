--- The table of costs: figures of scored responses, worked by hand.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local best_of = require "perilune.tasks.best_of"
local judges = require "perilune.align.judge"
local models = require "perilune.models"
local rows = require "perilune.tasks.costs_rows"
local system = require "perilune.system"
local tasks = require "perilune.tasks"

--- A response: its content, errors, whether it is unfinished, and its length.
local function one(content, errors, unfinished, length)
  return {
    prompt = {}, ids = {}, length = length,
    parts = { content = content, errors = errors, unfinished = unfinished },
  }
end

local by_score <const> = {
  prefers = function(a, b) return a.score > b.score and 1 or a.score < b.score and 0 or 0.5 end,
}

-- Two prompts, two responses each, of which 1 and 2 are to the first prompt.
local drawn <const> = { one(1, 4, 0, 8), one(0.75, 1, 0, 6), one(0.5, 0, 0, 4), one(0.6, 0, 1, 2) }
local others <const> = { one(0.7, 0, 0, 5), one(0.55, 0, 0, 5) }

TestRows = {}

-- At no cost the best are of content 1 and 0.6: both win. The content's mean is 2.85 / 4. The first pair is
-- 1 against 0.7.
function TestRows:test_without_a_cost_content_alone_counts()
  local row = rows.row(by_score, drawn, others, 0)
  lu.assertAlmostEquals(row.score, 2.85 / 4, 1e-12)
  lu.assertAlmostEquals(row.best_score, 0.8, 1e-12)
  lu.assertEquals({ row.wins.mean, row.turned, row.best.errors, row.best.unfinished }, { 1, 0, 2, 0.5 })
end

-- At a cost of 0.1 the scores are 0.6, 0.65, 0.5, 0.4: the best are 0.65, which loses to 0.7, and 0.5, which
-- loses to 0.55. The first pair, 0.6 against 0.7, is turned; the second, 0.5 against 0.55, is not.
function TestRows:test_a_cost_takes_errors_from_the_best_and_turns_labels()
  local row = rows.row(by_score, drawn, others, 0.1)
  lu.assertAlmostEquals(row.score, 2.15 / 4, 1e-12)
  lu.assertAlmostEquals(row.best_score, 1.15 / 2, 1e-12)
  lu.assertEquals({ row.wins.mean, row.turned }, { 0, 0.5 })
  lu.assertEquals({ row.best.errors, row.best.with_errors, row.best.unfinished, row.best.length },
    { 0.5, 0.5, 0, 5 })
end

-- Lengths 8, 6, 4, 2 have mean 5 and variance 5. Scores 1, 0.75, 0.5, 0.6 have mean 0.7125; the squares of
-- their deviations are 0.08265625, 0.00140625, 0.04515625, 0.01265625, the products with those of the lengths
-- 0.8625, 0.0375, 0.2125, 0.3375.
function TestRows:test_the_correlation_of_length_and_score()
  local row = rows.row(by_score, drawn, others, 0)
  lu.assertAlmostEquals(row.correlation, 1.45 / 4 / math.sqrt(5 * 0.0354687500), 1e-9)
  local equal = { one(1, 0, 0, 4), one(0, 0, 0, 4) }
  lu.assertNil(rows.row(by_score, equal, others, 0).correlation)
end

--- The best of n were of other prompts: responses to one prompt are adjacent.
TestBestOf = {}

local function best(judge)
  local of_two = models.rows({ { 1 }, { 1 }, { 2 }, { 2 } }, { { 5 }, { 6 }, { 7 }, { 4 } })
  local rows_of_best = best_of(of_two, 2, judge)
  return { rows_of_best:prompts(), rows_of_best:responses() }
end

function TestBestOf:test_the_best_is_of_its_own_prompt()
  local wanted <const> = { { { 1 }, { 2 } }, { { 6 }, { 7 } } }
  lu.assertEquals(best(judges.from_score("first", function(_, ids) return ids[1] end)), wanted)
  lu.assertEquals(best(judges.from_function("first", function(_, a, b)
    return a[1] > b[1] and 1 or a[1] < b[1] and 0 or 0.5
  end)), wanted)
end

TestCosts = {}

local function small(cost)
  local made = tasks.arena { cost = cost }
  made.model.dim, made.model.layers, made.model.heads, made.model.hidden = 16, 1, 2, 32
  return made
end

local tiny <const> = { prompts = 4, best_of = 3, start_steps = 2, quiet = true }

function TestCosts:test_all_costs_score_the_same_responses_and_the_own_one_is_among_them()
  local found, list = tasks.costs(small(0.2), tiny), {}
  for i, row in ipairs(found.rows) do list[i] = row.cost end
  lu.assertEquals(list, { 0, 0.05, 0.15, 0.2, 0.3 })
  lu.assertEquals(found.rows[1].turned, 0)
  local again = tasks.costs(small(0.3), tiny)
  lu.assertEquals(again.rows[2].score, found.rows[2].score)
  lu.assertEquals(again.start, found.start)
end

function TestCosts:test_the_table_is_markdown()
  local lines = {}
  for line in tasks.costs(small(0), tiny).text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  lu.assertStrContains(lines[1], "Costs of text in arena: 3 responses of the start to each of 4 prompts")
  local counts = {}
  for i = 2, #lines do counts[i - 1] = select(2, lines[i]:gsub("|", "")) end
  lu.assertEquals(counts, { 11, 11, 11, 11, 11, 11 })
end

function TestCosts:test_what_has_no_cost_is_refused()
  local function refusal(task, given) return support.message(tasks.costs, task, given) end
  lu.assertEquals(refusal({ name = "mine" }),
    "tasks.costs: expected a task whose gold charges for errors of text, or its name, not mine")
  lu.assertEquals(refusal("arena", { costs = "0,x" }),
    "tasks.costs: costs takes numbers from 0 to 1000000, separated by commas, not '0,x'")
  lu.assertEquals(refusal("arena", { costs = "-1" }),
    "tasks.costs: costs takes numbers from 0 to 1000000, separated by commas, not '-1'")
end

TestScript = {}

local folder

function TestScript:setUp() folder = support.new_path() end
function TestScript:tearDown() os.execute(("rm -rf '%s'"):format(folder)) end

--- What the script of the calibration pages writes, and its status.
local function calibration(arguments)
  local pipe <close> = assert(io.popen(("'%s' '%s/scripts/experiments/calibration.lua' --smoke --out '%s' %s "
    .. "2>&1; echo status $?"):format(system.program(), support.root, folder, arguments)))
  return pipe:read "a"
end

local function file_of(text)
  local path = folder .. ".jsonl"
  system.write_file(path, text)
  return path
end

--- An infinite cost and a file that gives no task ended in a traceback, the cost after others were trained.
function TestScript:test_costs_and_files_are_refused_in_a_line_before_anything_is_trained()
  lu.assertEquals(calibration "--costs 0.1,1e999", "--costs takes numbers from 0 to 1000000, separated by "
    .. "commas, not '0.1,1e999'\nstatus 1\n")
  for text, expected in pairs {
    [""] = "tasks.from_pairs: %s has no pair to learn from, of 0 records\nstatus 1\n",
    ['{"prompt": "a'] = "%s: string without closing quote (line 1, column 14)\nstatus 1\n",
    ['{"prompt": "\xe9"}'] = "%s: text is not UTF-8 (line 1, column 13)\nstatus 1\n",
  } do
    local path = file_of(text)
    lu.assertEquals(calibration("--task from_pairs --data " .. path), expected:format(path))
  end
  local path = file_of '{"prompt": "a", "chosen": " b", "rejected": " c"}'
  lu.assertStrMatches(calibration("--task from_pairs --data " .. path),
    "data: %S+ has 1 prompt, with [^\n]+\nstatus 1\n")
  os.remove(path)
end

--- The second page lay over the first.
function TestScript:test_pages_of_other_settings_have_other_names()
  local function page(more)
    return calibration("--only-costs --task arena --start-steps 2 " .. more):match "page: (%S+)"
  end
  local first, names = page "--best-of 2", {}
  for i, more in ipairs { "--best-of 3", "--best-of 2 --costs 0.2", "--best-of 2 --seed 7" } do
    names[i] = page(more)
    lu.assertNotNil(names[i], more)
    lu.assertNotEquals(names[i], first)
    for k = 1, i - 1 do lu.assertNotEquals(names[i], names[k]) end
  end
  lu.assertStrMatches(first, ".*/arena%-0%.15%-%x%x%x%x%x%x%-costs%.md")
  lu.assertEquals(page "--best-of 2 --no-quiet --jobs 3", first)
end

--- Its page could not be written after all was trained: there was no folder `from_pairs-name-a`.
function TestScript:test_an_option_with_a_slash_is_no_folder_of_the_page()
  local lines = {}
  for i = 1, 40 do
    lines[i] = ('{"prompt": "What is %d + 1?", "chosen": " %d", "rejected": " %d"}'):format(i, i + 1, i)
  end
  local path = file_of(table.concat(lines, "\n"))
  local printed = calibration("--task.name a/b --steps 2 --task from_pairs --data " .. path)
  lu.assertStrMatches(printed, ".*\npage: " .. folder .. "/from_pairs%-%x%x%x%x%x%x%.txt\nstatus 0\n")
  os.remove(path)
end

os.exit(lu.LuaUnit.run())
