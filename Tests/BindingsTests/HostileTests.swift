/// Lua code that lies to native functions: lists with false lengths, and values whose `__tostring` re-enters them.
import Base
import LuaEngine
import Testing

extension BindingsTests {
  @Suite(.serialized) struct Hostile {
    /// A list whose length is 2^63 - 1, of some 4,150 elements.
    private static let liar = """
      local code = { '[4097]=1' }
      for k = 13, 62 do code[#code + 1] = ('[%d]=1'):format(1 << k) end
      liar = load('return {' .. ('1,'):rep(4096) .. table.concat(code, ',') .. ',[9223372036854775807]=1}')()
      """

    @Test func aListThatLiesAboutItsLengthIsAnErrorEverywhere() throws {
      let session = try Session()
      try session.lua.run(Self.liar, name: "=setup")
      let attack = """
        local tried, refused = 0, 0
        local function attack(f, ...)
          tried = tried + 1
          local ok, e = pcall(f, ...)
          if not ok and tostring(e):find('it has holes', 1, true) then refused = refused + 1 end
        end
        for name, f in next, require 'perilune.native.tensor' do
          if type(f) == 'function' and name ~= 'no_grad' then
            attack(f, liar) attack(f, T.ones(2), liar) attack(f, { liar }) attack(f, liar, liar)
          end
        end
        local models, formats = require 'perilune.models', require 'perilune.formats'
        local model = models.transformer { vocab = 16, dim = 8, layers = 1, heads = 2, max_length = 16 }
        for _, name in ipairs { 'sample', 'logps', 'token_logps', 'last_logits', 'kl' } do
          attack(model[name], model, liar) attack(model[name], model, { liar }, { liar })
        end
        attack(require 'perilune.plot'.line, { y = liar })
        attack(require 'perilune.report'.new {}.table, require 'perilune.report'.new {}, { header = liar, rows = liar })
        attack(formats.json_encode, liar)
        print(tried > 100, refused > 50)
        """
      #expect(try session.output(attack) == "true\ttrue")
    }

    @Test func aReportMayBeUsedByTheTextThatItIsGiven() throws {
      let session = try Session()
      let reentering = """
        local report = require 'perilune.report'
        local r = report.new { title = 'x' }
        r:text(r)
        local evil = setmetatable({}, { __tostring = function() r:text 'inner' return 'outer' end })
        for _, name in ipairs { 'heading', 'text', 'code', 'output', 'error', 'footer' } do r[name](r, evil) end
        r:table { header = { evil }, rows = { { evil } }, caption = 'c' }
        local html, inner = r:html(), 0
        for _ in html:gmatch 'inner' do inner = inner + 1 end
        print(inner, html:find('outer', 1, true) ~= nil)
        """
      #expect(try session.output(reentering) == "8\ttrue")
    }

    @Test func onlyTheKindOfAnErrorMakesItAnInterrupt() throws {
      let session = try Session()
      let kinds = """
        local system = require 'perilune.system'
        local _, e = pcall(T.zeros, -1)
        print(system.is_interrupt 'interrupted!', system.is_interrupt(e), system.is_interrupt(nil))
        """
      #expect(try session.output(kinds) == "false\tfalse\tfalse")
    }
  }
}
