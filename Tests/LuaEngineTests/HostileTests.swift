/// Lua code that attacks the embedding: lists that lie about their length, and the debug library.
import Base
import Testing

@testable import LuaEngine

extension Engine {
  @Suite(.serialized) struct Hostile {
    /// A list of 4096 elements with the keys 2^13, 2^14, ..., 2^62 and 2^63 - 1: its length is 2^63 - 1.
    static let liar = """
      local code = { '[4097]=1' }
      for k = 13, 62 do code[#code + 1] = ('[%d]=1'):format(1 << k) end
      liar = load('return {' .. ('1,'):rep(4096) .. table.concat(code, ',') .. ',[9223372036854775807]=1}')()
      assert(#liar > 1 << 40)
      """

    @Test func aListThatLiesAboutItsLengthIsRefused() throws {
      let lua = try makeLua()
      try lua.run(Self.liar, name: "=setup")
      for call in ["t.sum(liar)", "t.rows(liar)", "t.rows { liar }", "t.values(liar)", "t.numbers(liar)"] {
        let message = try text(lua, "return select(2, pcall(function() return \(call) end)).message")
        #expect(message.contains("but far fewer elements: it has holes"), "\(call): \(message)")
      }
    }

    @Test func methodsWhoseUpvaluesWereReplacedAreErrors() throws {
      let lua = try makeLua()
      let damage = """
        local index = debug.getmetatable(t.box(1)).__index
        for _, value in ipairs { 5, 'x', print, true } do
          for i = 1, 3 do
            local b, before = t.box(1), select(2, debug.getupvalue(index, i))
            debug.setupvalue(index, i, value)
            pcall(function() return b.get, b.twice, b[1], b.nothing end)
            debug.setupvalue(index, i, before)
          end
          local get, before = t.box(1).get, select(2, debug.getupvalue(t.box(1).get, 1))
          debug.setupvalue(get, 1, value)
          assert(not pcall(get, t.box(1)))
          debug.setupvalue(get, 1, before)
          local wrapped = coroutine.wrap(function() end)
          debug.setupvalue(wrapped, 1, value)
          assert(not pcall(wrapped))
        end
        return t.box(3):get()
        """
      #expect(try text(lua, damage) == "3.0")
    }

    /// A function that loses its one owner while it runs is kept to the end of the call, and no longer.
    @Test func aFunctionMayReplaceItsOwnUpvalueWhileItRuns() throws {
      let lua = try makeLua()
      weak var running: NativeEntry?
      var wasKept = false
      var module = LuaModule()
      module.function("refuse_after") { call in
        running = call.entry
        _ = try call.function(1).call([])
        wasKept = running != nil
        if !wasKept { return 0 }
        throw call.bad(2, "after the callback")
      }
      try lua.preload("own", module)
      let damage = """
        local f = require 'own'.refuse_after
        local _, e = pcall(f, function()
          debug.setupvalue(f, 1, nil)
          for _ = 1, 2 do collectgarbage() end
        end)
        return e and e.message, (pcall(f, print))
        """
      #expect(try text(lua, damage) == "bad argument #2 to 'refuse_after' (after the callback) false")
      #expect(wasKept && running == nil)
    }

    @Test func objectsWithAnotherMetatableAreSafe() throws {
      let lua = try makeLua()
      let damage = """
        local file = debug.getmetatable(io.stdout)
        for _, f in ipairs { io.stdout.write, io.stdout.read, io.stdout.close, io.stdout.lines, io.stdout.seek, file.__gc,
            file.__tostring, file.__close, io.type } do
          local b = debug.setmetatable(t.box(1), file)
          pcall(f, b, 'x')
        end
        local text = tostring(debug.setmetatable(t.box(1), file))
        local handle = debug.setmetatable(assert(io.open '/dev/null'), debug.getmetatable(t.box(1)))
        local ok = pcall(t.box(1).get, handle)
        debug.setmetatable(handle, file)
        collectgarbage()
        return text, ok
        """
      #expect(try text(lua, damage) == "file (closed) false")
    }

    @Test func aChangedRegistryIsAnError() throws {
      let lua = try makeLua()
      let damage = """
        local registry, saved = debug.getregistry(), {}
        -- What plain Lua's own libraries use is left alone: they do not survive either.
        for key, value in next, registry do
          if type(value) == 'table' and math.type(key) == 'integer' and key > 2 or type(key) == 'userdata' then
            saved[key] = value
          end
        end
        local errors = 0
        for key, value in next, saved do
          registry[key] = 7
          local b = t.box
          for _, f in ipairs { function() return b(1) end, function() error 'x' end, function() t.integer 'x' end,
              function() return t.sum { 1 } end, function() return t.echo { 1 } end } do
            if not pcall(f) then errors = errors + 1 end
          end
          registry[key] = value
        end
        collectgarbage()
        return errors > 0, t.box(2):get()
        """
      #expect(try text(lua, damage) == "true 2.0")
    }

    @Test func messagesAreReadableWhateverNamesHold() throws {
      let lua = try makeLua()
      let escaped = try text(lua, "return select(2, pcall(t.refuse, 'a\\27[2Jb\\7c'))")
      #expect(escaped.hasSuffix("refused: a\\27[2Jb\\7c"))
      #expect(try text(lua, "return #tostring(select(2, pcall(t.refuse, ('x'):rep(5e6)))) < 5000") == "true")
    }

    @Test func anErrorHasItsReasonWithoutTheNameOfTheFunction() throws {
      let lua = try makeLua()
      #expect(
        try text(lua, "local e = select(2, pcall(t.integer, 'x')); return e.reason")
          == "number expected, got string")
      #expect(
        try text(lua, "local e = select(2, pcall(t.matmul)); return e.reason, e.kind")
          == "inner sizes differ: 2x3 x 4x5 shape")
    }
  }
}
