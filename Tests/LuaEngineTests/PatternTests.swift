/// string.find, match, gmatch and gsub give what those of Debian's liblua5.4 give, for random patterns.
import CLua
import LuaEngine
import Testing

@Suite struct PatternTests {
  /// Results and errors of 20,000 calls, a line each.
  private static let program = #"""
    local atoms = {
      "a", "b", ".", "%a", "%d", "%s", "%z", "%w", "[ab]", "[^a]", "[a-c]", "[%a_]", "(", ")", "()", "%1", "%2", "%b()",
      "%f[%a]", "^", "$", "*", "+", "-", "?", "[", "]", "%", "%%", "\0", "é", "%g", "%p", "%x", "%U", "[]]", "[^]]", "%0",
    }
    local texts = { "", "a", "abc", "aab ab(a(b)c) 12", "a\0b", "  x = 1 ", "éa", "(((", "abababab", "a_b c1" }
    local with = {
      "", "%1", "%0%0", "x%%", "%2", "%", "%q", { a = "A", ab = 1 }, function(a) return #tostring(a) > 1 and a end,
      function() return {} end,
    }
    local lines = {}
    local function note(...)
      local words = table.pack(...)
      for i = 1, words.n do words[i] = tostring(words[i]):gsub("0x%x+", "") end
      lines[#lines + 1] = table.concat(words, "|", 1, words.n)
    end
    local function all(...)
      local found = {}
      for a, b in string.gmatch(...) do
        found[#found + 1] = tostring(a) .. "," .. tostring(b)
        if #found > 50 then break end
      end
      return table.concat(found, ";")
    end
    math.randomseed(7)
    for i = 1, 5000 do
      local parts = {}
      for k = 1, math.random(6) do parts[k] = atoms[math.random(#atoms)] end
      local p, s = table.concat(parts), texts[math.random(#texts)]
      local from = math.random(4) == 1 and math.random(-4, 6) or nil
      note(p, s, pcall(string.find, s, p, from, math.random(9) == 1))
      note(p, s, pcall(string.match, s, p, from))
      note(p, s, pcall(all, s, p, from))
      note(p, s, pcall(string.gsub, s, p, with[math.random(#with)], math.random(4) == 1 and math.random(-1, 3) or nil))
    end
    return table.concat(lines, "\n")
    """#

  private func ofLua() throws -> String {
    let L = try #require(luaL_newstate())
    defer { lua_close(L) }
    luaL_openlibs(L)
    let code = Self.program
    try #require(luaL_loadbufferx(L, code, code.utf8.count, "=patterns", "t") == LUA_OK)
    try #require(lua_pcallk(L, 0, 1, 0, 0, nil) == LUA_OK)
    var count = 0
    let bytes = try #require(lua_tolstring(L, -1, &count))
    return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
  }

  @Test func randomPatternsMatchAsInLua() throws {
    let lua = try Lua()
    let result = try lua.load(Array(Self.program.utf8), name: "=patterns").first([])
    let ours: [UInt8]
    switch result {
    case .string(let text): ours = Array(text.utf8)
    case .bytes(let bytes): ours = bytes
    default: ours = []
    }
    let lines = String(decoding: ours, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    let wanted = try ofLua().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(wanted.count == 20_000 && lines.count == wanted.count)
    for (line, other) in zip(lines, wanted) where line != other { #expect(line == other) }
  }
}
