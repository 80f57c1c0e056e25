/// What the engine's tests share: a class that counts its living objects, and a state with a few native
/// functions.
import Base
import LuaEngine
import Testing

/// Counts living objects, so that a test sees whether every Swift frame was unwound.
final class Probe {
  nonisolated(unsafe) static var alive = 0
  let payload: Int
  init(_ payload: Int = 0) {
    self.payload = payload
    Probe.alive += 1
  }
  deinit { Probe.alive -= 1 }
}

final class Box {
  var number: Double
  init(_ number: Double) { self.number = number }
}

/// A state with the class Box and the module `t`.
func makeLua(memoryLimit: Int? = nil) throws -> Lua {
  let lua = try Lua(memoryLimit: memoryLimit)
  var box = LuaClass<Box>("Box")
  box.method("get") { call, box in
    try call.pushNumber(box.number)
    return 1
  }
  box.method("add") { call, box in
    box.number += try call.number(2)
    try call.pushArgument(1)
    return 1
  }
  box.method("mix") { _, _ in throw Failure(.shape, "inner sizes differ: 2x3 x 4x5", argument: 2) }
  box.property("twice") { .number(2 * $0.number) }
  box.index { (call, box) in
    guard call.kind(2) == .integer else { return 0 }
    try call.pushNumber(box.number + Double(call.integer(2)))
    return 1
  }
  box.newindex { (call, box) in
    box.number = try call.number(3)
    return 0
  }
  box.metamethod("__add") { call in
    try call.pushObject(Box(call.object(1, as: Box.self).number + call.object(2, as: Box.self).number))
    return 1
  }
  try lua.register(box)

  var module = LuaModule()
  module.function("box") { call in
    try call.pushObject(Box(call.isNil(1) ? 0 : call.number(1)))
    return 1
  }
  module.function("matmul") { _ in throw Failure(.shape, "inner sizes differ: 2x3 x 4x5", argument: 2) }
  module.function("chain") { _ in
    throw Failure(
      .io, "cannot load the model", cause: Failure(.format, "bad header", cause: Failure(.value, "length 7")))
  }
  module.function("integer") { call in
    try call.pushInteger(call.integer(1))
    return 1
  }
  module.function("sum") { call in
    try call.pushInteger(call.table(1).integers().reduce(0, &+))
    return 1
  }
  module.function("rows") { call in
    let rows = try call.table(1).listOfIntegerLists()
    try call.push(.list(rows.map { .list($0.map { .int($0) }) }))
    return 1
  }
  module.function("numbers") { call in
    try call.pushNumbers(call.table(1).numbers())
    return 1
  }
  module.function("values") { call in
    try call.push(.list(call.table(1).list()))
    return 1
  }
  module.function("refuse") { call in throw Failure(.value, "refused: \(try call.string(1))") }
  module.function("probe") { call in
    let probe = Probe()
    if try call.integer(1) == 0 { throw Failure(.value, "zero") }
    try call.pushInteger(Probe.alive - 1 + probe.payload)
    return 1
  }
  module.function("through") { call in  // Lua -> Swift -> Lua
    let probe = Probe()
    let results = try call.function(1).call((2...max(2, call.count)).map(call.value))
    for result in results { try call.push(result) }
    return results.count + probe.payload
  }
  module.function("echo") { call in
    for i in stride(from: 1, through: call.count, by: 1) { try call.push(call.value(i)) }
    return call.count
  }
  module.function("spin") { _ in
    while true { try Interrupt.check() }
  }
  module.function("trivial") { call in
    try call.pushInteger(call.integer(1) &+ 1)
    return 1
  }
  try lua.preload("t", module)
  try lua.run("t = require 't'", name: "=setup")
  return lua
}

func text(_ lua: Lua, _ source: String) throws -> String {
  let values = try lua.run(source, name: "=test")
  return try values.map { try lua.text($0) }.joined(separator: " ")
}
