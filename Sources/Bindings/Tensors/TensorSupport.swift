/// Functions of the module that are no operations: memory and type promotion.
import Autograd
import Base
import LuaEngine
import Tensors

extension Bindings {
  static func addSupport(_ module: inout LuaModule) {
    // T.memory() -> {live =, peak =, limit =, lua =} in bytes; limit is nil where there is none. And counts of buffers:
    // {taken =, fresh =}.
    module.function("memory") { call in
      let limit = MemoryAccount.limitBytes
      let buffers = BufferPool.counts
      try call.push(
        .record([
          ("live", .int(MemoryAccount.liveBytes)), ("peak", .int(MemoryAccount.peakBytes)),
          ("limit", limit == .max ? .nil : .int(limit)), ("lua", .int(call.lua.usedBytes)),
          ("taken", .int(buffers.taken)), ("fresh", .int(buffers.fresh)),
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
  }
}
