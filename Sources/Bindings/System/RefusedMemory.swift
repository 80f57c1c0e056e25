/// `system.refuse_memory`: what a program does without memory, tried allocation by allocation.
import Base
import LuaEngine

enum RefusedMemory {
  private static let kinds: [(name: String, kinds: Refusals.Kinds)] = [
    ("lua", .lua), ("tensors", .tensors), ("all", [.lua, .tensors]),
  ]

  static func add(_ module: inout NativeModule) {
    module.function(
      "refuse_memory",
      Page(
        "system.refuse_memory(f, first, count = nil, kind = 'all') -> refused, ok, result",
        "Calls f() as pcall does while `count` allocations are refused, from the first-th that f makes; without a count, all "
          + "from there on. kind is \"lua\" (the heap of Lua), \"tensors\" or \"all\". Returns the number of refused ones, whether f "
          + "ended well, and its first result or its error. An allocation that is refused is tried again after a collection: two "
          + "refusals are one failure.",
        errors: "first or count is below 1; the kind is another; Ctrl-C is pressed",
        example: """
          T = require 'perilune.tensor'
          refuse = require 'perilune.system'.refuse_memory
          refused, ok, problem = refuse(function() return T.zeros(3) end, 1, 2, 'tensors')
          print(refused, ok, problem.kind)
          """, prints: "2\tfalse\tmemory")
    ) { call in
      let body = try call.function(1)
      let first = try atLeastOne(call, 2)
      let count = call.isNil(3) ? Int.max : try atLeastOne(call, 3)
      let name = call.isNil(4) ? "all" : try call.string(4)
      guard let kind = kinds.first(where: { $0.name == name }) else {
        throw call.bad(4, "expected lua, tensors or all, got '\(Quoted.name(name))'")
      }
      let (refused, result) = Refusals.during(kind.kinds, first: first, count: count) {
        Result { try body.first([]) }
      }
      try call.pushInteger(refused)
      switch result {
      case .success(let value):
        try call.pushBoolean(true)
        try call.push(value)
      case .failure(let error as LuaError) where error.isInterrupt: throw error
      case .failure(let error):
        try call.pushBoolean(false)
        try call.push((error as? LuaError)?.value ?? .string("\(error)"))
      }
      return 3
    }
  }

  private static func atLeastOne(_ call: Call, _ i: Int) throws -> Int {
    let value = try call.integer(i)
    if value < 1 { throw call.bad(i, "expected 1 or more, got \(value)") }
    return value
  }
}
