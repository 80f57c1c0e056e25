--- Command lines: values, switches, smoke values, and what is refused.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local lu = require "luaunit"
local perilune = require "perilune"
local cli, options = perilune.cli, perilune.options

local spec = options.spec("cli test", {
  { "steps", 300, "optimiser steps", least = 1, smoke = 6 },
  { "kl_prompts", 256, "prompts of the KL", smoke = 32 },
  { "beta", 0.1, "strength", above = 0 },
  { "loss", "ipo", "the loss", choices = { "ipo", "dpo" } },
  { "window", options.optional "integer|string", "batches of a window" },
  { "quiet", false, "no bar" },
  { "cache", true, "use the cache" },
  { "policy", options.required "Model", "trained in place" },
})

local function read(...) return cli.read({ ... }, spec) end
local function refusal(...) return support.message(cli.read, { ... }, spec) end

TestCli = {}

function TestCli:test_values_have_the_type_of_their_option()
  local o = read("--steps=20", "--beta", "1", "--kl-prompts", "3.0", "--loss", "dpo")
  lu.assertEquals({ o.steps, o.beta, o.kl_prompts, o.loss }, { 20, 1, 3, "dpo" })
  lu.assertEquals(math.type(o.kl_prompts), "integer")
  lu.assertEquals({ read("--window", "4").window, read("--window", "all").window }, { 4, "all" })
  lu.assertNil(read().window)
end

function TestCli:test_a_switch_is_set_or_unset_without_a_value()
  local o = read("--quiet", "--no-cache")
  lu.assertEquals({ o.quiet, o.cache }, { true, false })
  lu.assertEquals(refusal "--quiet=1", "--quiet takes no value")
end

function TestCli:test_smoke_values_give_way_to_given_ones()
  local o = read("--smoke", "--steps", "9")
  lu.assertEquals({ o.smoke, o.steps, o.kl_prompts, o.beta }, { true, 9, 32, 0.1 })
  lu.assertFalse(read().smoke)
end

function TestCli:test_a_wrong_value_is_refused_by_the_rule_of_its_option()
  lu.assertEquals(refusal("--steps", "0"), "--steps must be a whole number of at least 1, not 0")
  lu.assertEquals(refusal("--steps", "many"), "--steps must be a whole number, not 'many'")
  lu.assertEquals(refusal "--beta=0", "--beta must be a number above 0, not 0")
  lu.assertEquals(refusal("--beta", "1e999"), "--beta must be a finite number, not inf")
  lu.assertEquals(refusal("--loss", "ip"), "--loss must be one of ipo, dpo, not 'ip'; did you mean 'ipo'?")
  lu.assertEquals(refusal("--steps"), "--steps needs a value")
end

function TestCli:test_an_unknown_option_is_refused()
  lu.assertEquals(refusal "--step", "unknown option '--step'; did you mean '--steps'?")
  lu.assertEquals(refusal "--kl_promts", "unknown option '--kl_promts'; did you mean '--kl-prompts'?")
  lu.assertEquals(refusal "--zzzzzzzzzz", "unknown option '--zzzzzzzzzz'; see --help")
  lu.assertEquals(refusal "steps", "unexpected argument 'steps': options start with --")
end

function TestCli:test_a_value_that_cannot_be_typed_is_no_option_of_the_command_line()
  lu.assertStrContains(refusal("--policy", "x"), "unknown option '--policy'")
end

function TestCli:test_a_value_has_options_of_its_own()
  local own = {
    ipo = options.spec("cli test ipo", { { "beta", 0.1, "strength", above = 0 }, { "clip", true, "clip" } }),
    bo2 = options.spec("cli test bo2", {}),
  }
  local whole = options.spec("cli test whole", {
    { "loss", "ipo", "the loss", options_of = function(name) return own[name] end }, { "steps", 3, "steps" },
  })
  local o = cli.read({ "--loss.beta=2", "--no-loss.clip", "--steps", "4" }, whole)
  lu.assertEquals({ o.loss, o["loss.beta"], o["loss.clip"], o.steps }, { "ipo", 2, false, 4 })
  lu.assertNil(cli.read({}, whole)["loss.beta"], "what is not given is the default of the loss")
  lu.assertEquals(cli.settings(o)["--loss.beta"], 2)
  local function message(...) return support.message(cli.read, { ... }, whole) end
  lu.assertEquals(message("--loss.beta", "0"), "--loss.beta must be a number above 0, not 0")
  lu.assertEquals(message("--loss.bate", "1"), "unknown option '--loss.bate'; did you mean '--loss.beta'?")
  lu.assertEquals(message("--loss", "bo2", "--loss.beta", "1"), "unknown option '--loss.beta'; see --help")
end

function TestCli:test_the_settings_name_the_options_as_they_are_typed()
  lu.assertEquals(cli.settings({ kl_prompts = 4 }, { sft = "1f" }), { ["--kl-prompts"] = 4, sft = "1f" })
end

function TestCli:test_help_lists_every_option_with_its_default_and_smoke_value()
  local program = arg[-1]
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  file:write [[local P = require "perilune"
local spec = P.options.spec("s", { { "steps", 300, "optimiser steps", least = 1, smoke = 6 } })
P.cli.parse(arg, spec, "s.lua: a script")]]
  file:flush()
  local pipe <close> = assert(io.popen(("'%s' '%s' --help"):format(program, path)))
  lu.assertEquals(pipe:read "a", table.concat({
    "s.lua: a script", "", "options:", "  --steps 300              optimiser steps; at least 1",
    "  --smoke                  a short run that shows that everything works: --steps 6", "" }, "\n"))
  os.remove(path)
end

-- The output and the status of a script that checks its options by this code.
local function checking(code)
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  file:write(("require 'perilune.cli'.checked(function() %s end) print 'goes on'"):format(code))
  file:flush()
  local pipe = assert(io.popen(("'%s' '%s' 2>&1; echo status $?"):format(arg[-1], path)))
  local text = pipe:read "a"
  pipe:close()
  os.remove(path)
  return text
end

function TestCli:test_a_wrong_option_is_one_line_and_status_1()
  lu.assertEquals(checking "error('there is no loss', 0)", "there is no loss\nstatus 1\n")
  lu.assertEquals(checking "error 'a batch is too large'", "a batch is too large\nstatus 1\n")
  lu.assertEquals(checking "require 'perilune.tensor'.zeros(-1)":match "status.*", "status 1\n")
  lu.assertEquals(checking "", "goes on\nstatus 0\n")
end

function TestCli:test_ctrl_c_while_options_are_checked_is_130()
  local text = checking "os.execute '(sleep 0.3; kill -INT $PPID) &' while true do os.time() end"
  lu.assertStrContains(text, "interrupted!")
  lu.assertStrContains(text, "status 130")
  lu.assertNotStrContains(text, "goes on")
end

os.exit(lu.LuaUnit.run())
