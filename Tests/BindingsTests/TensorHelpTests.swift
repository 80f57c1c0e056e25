/// Help pages, the manual and the profiler.
import Optim
import Testing

extension BindingsTests {
  @Suite(.serialized) struct TensorHelp {
    @Test func pagesOfOperationsByNameAndByFunction() throws {
      let s = try Session()
      _ = try s.output("help = require 'perilune.help'")
      let page = try s.output("help 'logsumexp'")
      for words in ["logsumexp", "dim", "formula", "shapes", "> print"] { expect(page.contains(words), true) }
      expect(try s.output("help(T.logsumexp)"), page)
      expect(try s.output("help(T{1}.logsumexp)"), page)
      expect(try s.output("help 'T.logsumexp'"), page)
      expect(try s.output("help 'logsumexpp'"), "no help on 'logsumexpp'; did you mean 'logsumexp'?")
      expect(try s.output("help(print)").contains("writes its arguments"), true)
      expect(try s.output("help(T{1})").hasPrefix("Tensor: an array of f32"), true)
      expect(try s.output("help(5)"), "no help on a number")
    }

    @Test func commentsAboveLuaFunctionsAreTheirPages() throws {
      let s = try Session()
      _ = try s.output("help = require 'perilune.help'")
      expect(
        try s.output("help(help.apropos)").contains(
          "Names, signatures, sentences, formulas and options are searched"), true)
      expect(try s.output("help 'perilune.help'").hasPrefix("Help on operations"), true)
      expect(try s.output("help 'help'").hasPrefix("Help on operations"), true)
    }

    @Test func examplesOfAllPagesPrintWhatThePagesSay() throws {
      let s = try Session()
      let pages =
        try s.lua.run("return require('perilune.native.help').examples()", name: "=test")[0].asTable?.list()
        ?? []
      expect(pages.count > 300, true)
      for case .table(let page) in pages {
        let (name, lua, prints) = (
          try page.get(1).asString ?? "", try page.get(2).asString ?? "", try page.get(3).asString ?? ""
        )
        let found: String
        do { found = try s.output(lua) } catch { found = "\(error)" }
        if prints.isEmpty { Issue.record("\(name): an example that shows no value cannot fail") }
        if found != prints { Issue.record("\(name): \(lua)\nprints\n\(found)\ninstead of\n\(prints)") }
      }
    }

    /// Also the second name of a function: a method, a form in place.
    @Test func everyNativeFunctionIsFoundByItsValue() throws {
      let s = try Session()
      _ = try s.output(
        """
        help, missing, count = require 'perilune.help', {}, 0
        function visit(where, functions)
          for name, f in pairs(functions) do
            if type(f) == 'function' then
              count = count + 1
              if not help.page(f) then missing[#missing + 1] = where .. '.' .. name end
            end
          end
        end
        for name in pairs(package.preload) do
          if name:find '^perilune%.native%.' then visit(name, require(name)) end
        end
        """)
      for (name, methods, getters) in try s.lua.registeredClasses() {
        for table in [methods, getters] {
          try s.lua.setGlobal("methods", .table(table))
          _ = try s.output("visit('\(name)', methods)")
        }
      }
      expect(try s.text("table.concat(missing, ' ')"), "")
      expect(try s.text("count > 500"), "true")
    }

    @Test func nativeModulesHaveOneNameAndScriptsTheShortOne() throws {
      let s = try Session()
      for name in ["models", "tensor", "formats", "system"] {
        expect(try s.text("rawequal(require 'perilune.\(name)', require 'perilune.native.\(name)')"), "true")
      }
      // plot has functions of its own in Lua.
      expect(try s.text("require 'perilune.plot'.frontier ~= nil"), "true")
      expect(
        try s.refusal("require 'perilune.nothing'").contains("module 'perilune.nothing' not found"), true)
    }

    @Test func nativeFunctionsAndMethodsAreFoundByNameAndByValue() throws {
      let s = try Session()
      _ = try s.output("help = require 'perilune.help'; models = require 'perilune.models'")
      _ = try s.output(
        "model = models.transformer{vocab = 11, dim = 8, layers = 1, heads = 2, max_length = 16}")
      let sample = try s.output("help 'Model:sample'")
      for words in [
        "max_new_tokens", "default 32", "1904.09751", "2407.01082", "1805.04833", "errors", "shapes", "> ",
      ] {
        expect(sample.contains(words), true)
      }
      for other in ["help 'sample'", "help(model.sample)", "help 'model:sample'"] {
        expect(try s.output(other).hasPrefix(sample), true)
      }
      expect(try s.output("help 'models.transformer'").contains("kv_heads"), true)
      expect(try s.output("help(models.transformer)"), try s.output("help 'perilune.models.transformer'"))
      expect(try s.output("help 'train_bpe'").contains("vocab_size"), true)
      expect(try s.output("help 'zero_grad'").contains("see also Model:zero_grad, Optimizer:zero_grad"), true)
      expect(try s.output("help 'models'").contains("models.load"), true)
      expect(try s.output("help.apropos 'tokenizer'").contains("tokenizer.load"), true)
    }

    @Test func pagesOfLuaFunctionsTellOptionsWithDefaults() throws {
      let s = try Session()
      _ = try s.output("help = require 'perilune.help'; align = require 'perilune.align'")
      for (name, words) in [
        ("align.train", ["max_grad_norm", "0.0003"]), ("align.sources.online", ["max_new_tokens", "32"]),
        ("align.judge.preference_model", ["patience", "0.0006"]), ("align.sft", ["warmup", "20"]),
      ] {
        let page = try s.output("help(\(name))")
        for word in words where !page.contains(word) { Issue.record("help(\(name)) has no \(word): \(page)") }
        expect(try s.output("help '\(name)'").hasSuffix(page), true)
      }
    }

    /// Declared once in Swift: what Lua reads is what the function fills in and checks.
    @Test func optionsOfANativeFunctionAreAListForLua() throws {
      let s = try Session()
      _ = try s.output(
        """
        native, models = require 'perilune.native.help', require 'perilune.models'
        model = models.transformer{vocab = 11, dim = 8, layers = 1, heads = 2, max_length = 16}
        option = {}
        for _, one in ipairs(native.options 'Model:sample') do option[one.name] = one end
        """)
      expect(
        try s.text("option.top_k.default, math.type(option.top_k.default), option.top_k.least"),
        "0 integer 0")
      expect(try s.text("option.top_p.default, option.top_p.above, option.top_p.most"), "1.0 0 1")
      expect(try s.text("#option.stop.default, option.seeds.default, option.stop.type"), "0 nil table")
      _ = try s.output(
        "for _, one in ipairs(native.options 'optim.schedule') do option[one.name] = one end")
      expect(
        try s.text("table.concat(option.decay.choices, ' '), option.decay.default"),
        "constant linear cosine constant")
      expect(try s.text("option.lr.required, option.decay.required"), "true false")
      expect(
        try s.refusal("native.options 'Model:sampel'").contains("did you mean 'Model:sample'?"), true)
    }

    @Test func anOptionBeyondItsDeclarationIsRefusedByItsName() throws {
      let s = try Session()
      _ = try s.output(
        """
        models, optim = require 'perilune.models', require 'perilune.optim'
        model = models.transformer{vocab = 11, dim = 8, layers = 1, heads = 2, max_length = 16}
        """)
      for (call, message) in [
        (
          "model:sample({{1}}, {top_p = 0})", "option 'top_p': expected a number above 0 and at most 1, got 0"
        ),
        (
          "model:sample({{1}}, {top_p = 0 / 0})",
          "option 'top_p': expected a number above 0 and at most 1, got nan"
        ),
        (
          "model:sample({{1}}, {top_k = 1.5})",
          "option 'top_k': expected a whole number of at least 0, got 1.5"
        ),
        ("model:sample({{1}}, {stop = 3})", "option 'stop': expected a list of token ids, got 3"),
        ("model:sample({{1}}, {stop = {'a'}})", "option 'stop': element [1] is a string"),
        ("model:sample({{1}}, {topk = 1})", "unknown option 'topk'; did you mean 'top_k'?"),
        ("optim.schedule{}", "option 'lr' is missing; expected a number of at least 0"),
        (
          "optim.schedule{lr = 1, decay = 'cubic'}",
          "option 'decay': expected one of \"constant\", \"linear\", \"cosine\", got \"cubic\""
        ),
        (
          "models.transformer{vocab = 0}", "option 'vocab': expected a whole number from 1 to 16777216, got 0"
        ),
        ("T.zeros(2, {dtype = 'f16'})", "option 'dtype': expected one of \"f32\""),
      ] {
        let found = try s.refusal(call)
        if !found.contains(message) { Issue.record("\(call): \(found)") }
      }
    }

    @Test func aproposAndManual() throws {
      let s = try Session()
      _ = try s.output("help = require 'perilune.help'")
      expect(try s.output("help.apropos 'softmax'").contains("log_softmax"), true)
      expect(try s.output("help.apropos 'zzzz'"), "nothing mentions 'zzzz'")
      let manual = try s.text("help.manual()")
      for words in [
        "# Tensors", "## Arithmetic", "# Lua library", "## `align.train`", "### `x:add(other)`", "```lua",
      ] {
        expect(manual.contains(words), true)
      }
    }

    /// The rows add up to what the profiler measured, and that to the clock around it; half of the time in operations.
    @Test func profileAgreesWithTheClock() throws {
      let s = try Session()
      _ = try s.output(
        """
        local x = T.randn(300, 300, {seed = 1}):requires_grad_()
        local function work() for i = 1, 20 do (x:matmul(x)):tanh():sum():backward() end end
        work()
        plain, around = 1e9, 1e9
        for i = 1, 5 do
          plain = math.min(plain, (T.time(work)))
          local seconds, found = T.time(T.profile, work)
          if seconds < around then around, profile = seconds, found end
        end
        sum, other = 0, 0
        for _, row in ipairs(profile) do
          sum = sum + row.ms
          if row.name == "(other)" then other = row.ms end
        end
        """)
      expect(try s.text("math.abs(sum / profile.ms - 1) < 0.01"), "true")
      expect(try s.text("profile.ms / 1000 <= around and profile.ms / 1000 > 0.5 * around"), "true")
      // The best of five runs each: other processes share the machine.
      expect(try s.text("around < 2 * plain and plain < 2 * around"), "true")
      expect(try s.text("other < 0.5 * sum"), "true")
      expect(try s.text("T.time(function(...) return ... end, 1, nil, 3)").hasSuffix("1 nil 3"), true)
    }

    @Test func profileCountsOperations() throws {
      let s = try Session()
      let printed = try s.output(
        """
        local x = T.ones(64, 64):requires_grad_()
        rows = T.profile(function(k) for i = 1, k do (x:matmul(x)):sum():backward() end end, 3)
        """)
      expect(printed.hasPrefix("operation"), true)
      for words in ["matmul ", "matmul backward", "sum", "(other)", "in all"] {
        expect(printed.contains(words), true)
      }
      expect(
        try s.text(
          """
          (function()
            for _, row in ipairs(rows) do if row.name == 'matmul' then return row.calls, row.bytes, row.ms > 0 end end
          end)()
          """), "3 49152 true")
      expect(try s.refusal("T.profile(function() error 'oops' end)").contains("oops"), true)
      expect(try s.text("rows:plot():svg():find('matmul backward', 1, true) ~= nil"), "true")
      expect(
        try s.refusal("rows:plot('x')").contains("profile:plot: expected a whole number from 1, got x"), true)
      expect(
        try s.text("tostring(rows):match '^%[Profile [%d.]+ ms'"),
        "[Profile \(try s.text("('%.3f'):format(rows.ms)")) ms")
      expect(try s.text("T.ones(2):sum():item()"), "2.0")
    }
  }
}
