/// Help pages, the manual and the profiler.
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
      expect(try s.output("help(print)").contains("no help on this function"), true)
      expect(try s.output("help(T{1})").hasPrefix("Tensor: methods\n  "), true)
      expect(try s.output("help(5)"), "no help on a number")
    }

    @Test func commentsAboveLuaFunctionsAreTheirPages() throws {
      let s = try Session()
      _ = try s.output("help = require 'perilune.help'")
      expect(try s.output("help(help.apropos)").contains("Every operation whose name, summary, group or formula contains a word"), true)
      expect(try s.output("help 'perilune.help'").hasPrefix("Help on operations"), true)
      expect(try s.output("help 'help'").hasPrefix("Help on operations"), true)
    }

    /// Functions and methods without a page are found here; the examples of pages print what the pages say.
    @Test func everythingHasAPageWhoseExampleRuns() throws {
      let s = try Session()
      let missing = try s.text("""
        (function()
          local native, missing = require 'perilune.native.help', {}
          local function check(name)
            if not native.page(name) and not native.page((name:gsub('_$', ''))) then missing[#missing + 1] = name end
          end
          for name in pairs(T) do check(name) end
          for name in pairs(debug.getmetatable(T{1}).__methods) do check(name) end
          return table.concat(missing, ' ')
        end)()
        """)
      expect(missing, "")
      let pages = try s.lua.run("return require('perilune.native.help').examples()", name: "=test")[0].asTable?.list() ?? []
      expect(pages.count > 40, true)
      for case .table(let page) in pages {
        let (name, lua, prints) = (try page.get(1).asString ?? "", try page.get(2).asString ?? "", try page.get(3).asString ?? "")
        let found: String
        do { found = try s.output(lua) } catch { found = "\(error)" }
        if found != prints { Issue.record("\(name): \(lua)\nprints\n\(found)\ninstead of\n\(prints)") }
      }
    }

    @Test func aproposAndManual() throws {
      let s = try Session()
      _ = try s.output("help = require 'perilune.help'")
      expect(try s.output("help.apropos 'softmax'").contains("log_softmax"), true)
      expect(try s.output("help.apropos 'zzzz'"), "nothing mentions 'zzzz'")
      let manual = try s.text("help.manual()")
      for words in ["# Operations on tensors", "## Arithmetic", "### `x:add(other)`", "```lua"] {
        expect(manual.contains(words), true)
      }
    }

    @Test func profileCountsOperations() throws {
      let s = try Session()
      let printed = try s.output("""
        local x = T.ones(64, 64):requires_grad_()
        rows = T.profile(function(k) for i = 1, k do (x:matmul(x)):sum():backward() end end, 3)
        """)
      expect(printed.hasPrefix("operation"), true)
      for words in ["matmul ", "matmul backward", "sum", "(other)"] { expect(printed.contains(words), true) }
      expect(try s.text("""
        (function()
          for _, row in ipairs(rows) do if row.name == 'matmul' then return row.calls, row.bytes, row.ms > 0 end end
        end)()
        """), "3 49152 true")
      expect(try s.refusal("T.profile(function() error 'oops' end)").contains("oops"), true)
      expect(try s.text("T.ones(2):sum():item()"), "2.0")
    }
  }
}
