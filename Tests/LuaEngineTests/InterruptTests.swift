/// Ctrl-C, pressed from within (by a native function, as the handler does it) and from without (a real
/// signal).
import Base
import CLuaShims
import Foundation
import LuaEngine
import Testing

extension Engine {
  @Suite(.serialized) struct Interrupts {
    /// A state that Ctrl-C stops, with `press()`.
    func interruptible() throws -> Lua {
      let lua = try makeLua()
      lua.handleInterrupts()
      lua.clearInterrupts()
      try lua.setGlobal(
        "press",
        .function(
          lua.function("press") { _ in
            shim_interrupt_press()
            return 0
          }))
      return lua
    }

    func expectInterrupt(_ lua: Lua, _ source: String) {
      do {
        try lua.run(source, name: "=loop")
        Issue.record("not interrupted: \(source)")
      } catch let error as LuaError {
        #expect(error.isInterrupt, "\(error)")
      } catch { Issue.record("\(error)") }
      lua.clearInterrupts()
      #expect((try? text(lua, "local n = 0; for i = 1, 1000 do n = n + i end; return n")) == "500500")
    }

    @Test func oneAfterTheOther() throws {
      let lua = try interruptible()
      // First press: an error that pcall may hold, once.
      #expect(
        try text(
          lua,
          "local ok, e = pcall(function() press() while true do end end); local n = 0; for i = 1, 1e5 do n = i end; return ok, e.kind, n"
        )
          == "false interrupted 100000")
      lua.clearInterrupts()
      expectInterrupt(lua, "press() while true do end")
      expectInterrupt(lua, "coroutine.wrap(function() press() while true do end end)()")
      #expect(
        try text(
          lua,
          "local co = coroutine.create(function() press() while true do end end); return select(2, coroutine.resume(co)).kind"
        ) == "interrupted")
      lua.clearInterrupts()
      expectInterrupt(lua, "press() t.spin()")
      // Second press: no pcall and no coroutine holds it.
      expectInterrupt(
        lua,
        "press() pcall(function() while true do end end) press() while true do pcall(function() while true do end end) end"
      )
      expectInterrupt(
        lua,
        "pcall(press) pcall(press) while true do pcall(coroutine.wrap(function() while true do pcall(function() while true do end end) end end)) end"
      )
      expectInterrupt(lua, "pcall(press) pcall(press) while true do pcall(t.spin) end")
      expectInterrupt(
        lua, "pcall(press) pcall(press) while true do pcall(t.through, function() while true do end end) end")
      expectInterrupt(lua, "table.sort({3, 2, 1}, function(a, b) press() while true do end end)")
      shim_interrupt_target(nil)
    }

    @Test func aListThatIsBeingReadIsNotTakenForABadOne() throws {
      let lua = try interruptible()
      for (name, read) in [
        ("integers", { (table: LuaTable) in _ = try table.integers() }),
        ("numbers", { (table: LuaTable) in _ = try table.numbers() }),
      ] {
        try lua.setGlobal(
          name,
          .function(
            lua.function(name) { call in
              shim_interrupt_press()
              try read(try call.table(1))
              return 0
            }))
        expectInterrupt(lua, "local list = {} for i = 1, 1e5 do list[i] = i end \(name)(list)")
      }
    }

    @Test func aPressCountsAsTheFirstOnceTheLastWasHandled() throws {
      let lua = try interruptible()
      let caught = "local ok, e = pcall(function() press() while true do end end); return e.kind"
      #expect(try text(lua, caught) == "interrupted")
      usleep(1_200_000)
      #expect(try text(lua, caught + ", e.kind") == "interrupted interrupted")
      lua.clearInterrupts()
      // Without the pause it is the second press, which no pcall catches.
      expectInterrupt(lua, "pcall(function() press() while true do end end) \(caught)")
      shim_interrupt_target(nil)
    }

    @Test func onlyTheKindOfAnErrorMakesItAnInterrupt() throws {
      let lua = try makeLua()
      do {
        try lua.run("error 'interrupted!'", name: "=test")
      } catch let error as LuaError { #expect(!error.isInterrupt) }
    }

    @Test func aHookOfTheUserOutlivesAnInterrupt() throws {
      let lua = try interruptible()
      try lua.run("calls = 0; debug.sethook(function() calls = calls + 1 end, 'c')", name: "=setup")
      expectInterrupt(lua, "press() while true do end")
      #expect(try text(lua, "local n = calls; math.abs(1); return calls > n") == "true")
      try lua.run("debug.sethook()", name: "=end")
      shim_interrupt_target(nil)
    }

    @Test func aRealSignalStopsEveryKindOfLoop() throws {
      let lua = try interruptible()
      let loops = [
        "while true do end", "t.spin()",
        "coroutine.wrap(function() while true do end end)()", "while true do t.trivial(1) end",
        "while true do t.through(t.trivial, 1) end", "while true do local b = t.box(1) + t.box(2) end",
        "return (('a'):rep(40) .. 'b'):find(('a*'):rep(30) .. 'c')",
        "return (('a'):rep(40) .. 'b'):gsub(('a*'):rep(30) .. 'c', '')",
      ]
      for round in 0..<5 {
        for loop in loops {
          let timer = Thread {
            usleep(UInt32(3000 + 1000 * round))
            kill(getpid(), SIGINT)
          }
          timer.start()
          expectInterrupt(lua, loop)
        }
      }
      shim_interrupt_target(nil)
    }
  }
}
