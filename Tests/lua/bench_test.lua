--- The bench's own reckoning: goals, growth, what it writes where; and a run of it without peers.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local system = require "perilune.system"

local scripts = support.root .. "/scripts/bench"
local program = arg[-1]
local function module(name) return dofile(("%s/%s.lua"):format(scripts, name)) end

local report, sizes = module "report", module "sizes"

TestBench = {}

function TestBench:test_a_ratio_at_the_goal_has_reached_it_and_one_below_has_missed_it()
  local function line(fastest)
    return { name = "train", case = "tiny", figure = "1 tokens/s", goal = 2, fastest = fastest, speed = {} }
  end
  local text = report.speeds({ line(2), line(1.9) }, { "jax" }, { jax = "JAX" })
  lu.assertStrContains(text, "| **2.00** | 2 | reached |")
  lu.assertStrContains(text, "| **1.90** | 2 | **missed** |")
end

function TestBench:test_the_fastest_of_a_line_and_each_peer_are_shown()
  local lines = { { name = "sample", case = "tiny", figure = "f", fastest = 1.5,
    speed = { jax = 1.5, pytorch = 3 } } }
  local text = report.speeds(
    lines, { "pytorch", "jax", "trl" }, { pytorch = "PyTorch", jax = "JAX", trl = "TRL" })
  lu.assertStrContains(text, "| row | case | Perilune | PyTorch | JAX | fastest | goal |  |")
  lu.assertStrContains(text, "| sample | tiny | f | 3.00 | 1.50 | **1.50** |  |  |")
end

function TestBench:test_memory_is_compared_with_PyTorch_or_with_TRL_which_runs_it()
  local function line(name, memory)
    return { name = name, case = "", process = name, peak = 100, memory = memory }
  end
  local lines = { line("train", { pytorch = 150, jax = 90 }), line("online", { trl = 900 }) }
  local text = report.peaks(
    lines, { "pytorch", "jax", "trl" }, { pytorch = "PyTorch", jax = "JAX", trl = "TRL" })
  lu.assertStrContains(text, "| **1.50** | 2 | **missed** |")
  lu.assertStrContains(text, "| **9.00** | 2 | reached |")
end

function TestBench:test_growth_says_where_the_rate_falls()
  local text = report.growth {
    { name = "batch", points = { { size = 16, gflop = 1, ms = 10 }, { size = 32, gflop = 2, ms = 20 },
      { size = 64, gflop = 4, ms = 80 } } },
  }
  lu.assertStrContains(text, "| batch | 32 | 2.00 | 20.00 | 2.00 | 2.00 | 1.00 | 100 | holds |")
  lu.assertStrContains(text, "| batch | 64 | 4.00 | 80.00 | 2.00 | 4.00 | 2.00 | 50 | **falls** to 50 % |")
end

-- 6 * 63 positions * (12 * 4 * 128^2 + 512 * 128) weights, and 6 * 4 layers * 63^2 * 128 of attention a row.
function TestBench:test_the_arithmetic_of_tiny()
  lu.assertEquals(sizes.train_flops(sizes.cases.tiny), 32 * (6 * 63 * (786432 + 65536) + 24 * 3969 * 128.0))
end

function TestBench:test_a_part_of_the_results_is_replaced_and_the_rest_is_kept()
  local path = os.tmpname()
  system.write_file(path, "# Results\n\n<!-- bench -->\nold\n<!-- /bench -->\n\nafter\n")
  report.write(path, "bench", "new")
  report.write(path, "bench growth", "grown")
  local file <close> = assert(io.open(path))
  lu.assertEquals(file:read "a",
    "# Results\n\n<!-- bench -->\nnew\n\n<!-- /bench -->\n\nafter\n\n"
      .. "<!-- bench growth -->\ngrown\n\n<!-- /bench growth -->\n")
  os.remove(path)
end

function TestBench:test_the_chart_has_a_goal_for_each_bar()
  local lines = {}
  for i = 1, 3 do lines[i] = { name = "train", case = tostring(i), fastest = 1.5, goal = 1 + i } end
  local drawn = report.chart(lines):svg()
  local _, goals = drawn:gsub('stroke="#d55e00"', "")
  lu.assertEquals(goals, 4, "three bars and the legend")
  lu.assertNil(report.chart { { name = "call", case = "", fastest = 1 } })
end

--- A path from here as one from any folder.
local function absolute(path) return path:sub(1, 1) == "/" and path or os.getenv "PWD" .. "/" .. path end

local bench_killed = [[
cd '%s'
'%s' '%s/table.lua' --rows train --cases tiny --alone --seconds 60 >log 2>&1 & bench=$!
for i in $(seq 100); do
  child=$(pgrep -P $bench -f core.lua | head -1)
  [ -n "$child" ] && break
  sleep 0.1
done
kill -9 $bench
sleep 0.5
grep -q '^State:.*[RSD]' /proc/$child/status 2>/dev/null && echo "$child goes on" || echo "$child ended"]]

-- Processes of the bench went on for up to 14 s.
function TestBench:test_a_process_of_the_bench_ends_with_it_even_by_kill_9()
  if not os.execute "command -v setpriv >/dev/null 2>&1" then lu.skip "needs setpriv" end
  local folder = os.tmpname()
  os.remove(folder)
  system.make_folder(folder)
  local pipe <close> = assert(io.popen(bench_killed:format(folder, absolute(program), absolute(scripts))))
  local said = pipe:read "a"
  os.execute(("rm -r '%s'"):format(folder))
  lu.assertStrMatches(said, "%d+ ended\n")
end

function TestBench:test_a_short_run_without_peers_measures_and_reports()
  local folder = os.tmpname()
  os.remove(folder)
  system.make_folder(folder)
  local command = "cd '%s' && '%s' '%s/table.lua' --smoke --rows train,sample,seeds,allocations 2>&1"
  local pipe <close> = assert(io.popen(command:format(folder, absolute(program), absolute(scripts))))
  local said = pipe:read "a"
  os.execute(("rm -r '%s'"):format(folder))
  for _, part in ipairs {
    "| train | tiny | %d+ tokens/s |", "| sample against generate%(%) | tiny |",
    "| tiny | %d+ | %d+ | %*%*%d+ %%%*%* |",
    "| online | [%d.]+ steps/s, %d+ tokens/s | [%d.]+ steps/s, %d+ tokens/s |",
  } do
    lu.assertStrMatches(said:gsub("\n", " "), ".*" .. part .. ".*")
  end
  if os.execute "command -v cc >/dev/null" then
    lu.assertStrMatches(said:gsub("\n", " "), ".*| train | Perilune | %d+ %(%d+ KB%) |.*")
  end
end

--- What a script of the bench prints; `line` is its name and its options.
local function said_by(line)
  local name, given = line:match "^(%S+) (.*)$"
  local command = "'%s' '%s/%s' %s 2>&1"
  local pipe <close> = assert(io.popen(command:format(absolute(program), absolute(scripts), name, given)))
  return pipe:read "a"
end

function TestBench:test_the_cost_of_every_instrument_is_shown()
  local said = said_by "instruments.lua --smoke"
  for _, name in ipairs(require "perilune".align.instruments.names()) do
    lu.assertStrMatches(said:gsub("\n", " "), ".* " .. name .. " +[%d.]+ +[%d.]+ +[%d.]+ %%.*")
  end
end

function TestBench:test_the_parts_of_an_experiment_are_timed()
  local said = said_by "stages.lua --smoke"
  local names = "start pairs judge golden online offline evaluation json_lines repetition"
  for name in names:gmatch "%a+_?%a*" do
    local line = ('.*{"name":"%s",[^}]*"processor":[%%d.]+.*'):format(name)
    lu.assertStrMatches(said:gsub("\n", " "), line)
  end
end

function TestBench:test_half_precision_is_measured_side_by_side()
  local said = said_by "half.lua --smoke --rows logps"
  lu.assertStrMatches(said:gsub("\n", " "), ".*| f32 | tiny | [%d.]+ | 1.00 | %d+ MB |.*")
  lu.assertStrMatches(said:gsub("\n", " "), ".*| frozen, Q8_0 | tiny | [%d.]+ | [%d.]+ | %d+ MB |.*")
end

function TestBench:test_every_rounded_copy_moves_the_log_probabilities()
  local said = said_by "rounding.lua --smoke"
  for _, name in ipairs { "products of bf16", "frozen, bf16", "frozen, Q8_0" } do
    local mean, largest = said:match("| " .. name .. " | ([%d.e-]+) | ([%d.e-]+) |")
    lu.assertTrue(0 < tonumber(mean) and tonumber(mean) <= tonumber(largest), said)
    lu.assertTrue(tonumber(largest) < 0.05, said)
  end
end

os.exit(lu.LuaUnit.run())
