/// Functions of the module that are no operations: memory, comparison within a tolerance, type promotion.
import Autograd
import Base
import LuaEngine
import Tensors

extension Bindings {
  static func addSupport(_ module: inout LuaModule) {
    // T.memory() -> {live =, peak =, limit =, lua =} in bytes; limit is nil where there is none.
    module.function("memory") { call in
      let limit = MemoryAccount.limitBytes
      try call.push(
        .record([
          ("live", .int(MemoryAccount.liveBytes)), ("peak", .int(MemoryAccount.peakBytes)),
          ("limit", limit == .max ? .nil : .int(limit)), ("lua", .int(call.lua.usedBytes)),
        ]))
      return 1
    }
    module.function("reset_peak") { _ in
      MemoryAccount.resetPeak()
      return 0
    }
    // T.promote("i64", "f32") -> "f32": the type in which two operands meet.
    module.function("promote") { call in
      var found: DType?
      for i in 1...max(1, call.count) {
        let word = try call.string(i)
        guard let dtype = DType(rawValue: word) else { throw call.bad(i, DType.refusal(word)) }
        found = found.map { DType.promote($0, dtype) } ?? dtype
      }
      try call.pushString((found ?? .f32).rawValue)
      return 1
    }
    // T.allclose(a, b, {rtol = 1e-5, atol = 1e-8, equal_nan = false}): |a - b| <= atol + rtol |b| everywhere.
    if Op.byName["allclose"] == nil {
      module.function("allclose") { call in
        let (a, b): (Variable, Variable) = (try call.object(1), try call.object(2))
        let options = call.isNone(3)
          ? try OptionTable(call) : try OptionTable(call, 3, allowed: ["rtol", "atol", "equal_nan"])
        let (rtol, atol) = (try options.number("rtol") ?? 1e-5, try options.number("atol") ?? 1e-8)
        let equalNaN = try options.flag("equal_nan") ?? false
        let shape = try Shape.broadcast(a.value.shape, b.value.shape)
        let left = try a.value.expanded(to: shape).doubles()
        let right = try b.value.expanded(to: shape).doubles()
        let close = zip(left, right).allSatisfy { x, y in
          x == y || abs(x - y) <= atol + rtol * abs(y) && y.isFinite || equalNaN && x.isNaN && y.isNaN
        }
        try call.pushBoolean(close)
        return 1
      }
    }
  }
}
