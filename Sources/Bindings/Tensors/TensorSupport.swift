/// Functions of the module for memory and type promotion.
import Autograd
import Base
import LuaEngine
import Tensors

extension Bindings {
  static func addSupport(_ module: inout NativeModule) {
    module.function(
      "memory",
      Page(
        "T.memory()",
        "Memory in bytes: live and peak of tensors, limit (nil without one) and lua, the Lua heap. Counts of buffers since the start: taken by tensors, and fresh, those of them allocated from the system.",
        example: """
          t = T.zeros(1000)
          print(T.memory().live >= 4000)
          """,
        prints: "true")
    ) { call in
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
    module.function(
      "reset_peak",
      Page(
        "T.reset_peak()", "Sets the peak of T.memory() to the bytes alive now.",
        example: """
          T.reset_peak()
          print(T.memory().peak == T.memory().live)
          """,
        prints: "true")
    ) { _ in
      MemoryAccount.resetPeak()
      return 0
    }
    module.function(
      "promote",
      Page(
        "T.promote(dtype, ...)",
        "The common dtype of operands: the largest in the order bool < i64 < f32 < f64.",
        errors: "a name is no dtype",
        example: "print(T.promote('i64', 'f32'))",
        prints: "f32")
    ) { call in
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
