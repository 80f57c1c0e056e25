/// Random calls of every operation from Lua: each must end in a value or an error.
///
/// A trap ends the process, so the test is that it comes to its end. `PERILUNE_FUZZ=1000000` makes more calls,
/// `PERILUNE_FUZZ_SEED=n` repeats others, and `PERILUNE_FUZZ_TRACE=file` keeps the last call in a file, for the one that
/// killed the process.
import Autograd
import Base
import Foundation
import LuaEngine
import Models
import Tensors
import Testing

extension BindingsTests {
  @Suite(.serialized) struct TensorFuzz {
    @Test func randomCallsEndInAValueOrAnError() throws {
      let environment = ProcessInfo.processInfo.environment
      let calls = environment["PERILUNE_FUZZ"].flatMap(Int.init) ?? 20_000
      let seed = environment["PERILUNE_FUZZ_SEED"].flatMap(UInt64.init) ?? 1
      let fuzz = try Fuzz(seed: seed, trace: environment["PERILUNE_FUZZ_TRACE"])
      for _ in 0..<calls { try fuzz.step() }
      expect(fuzz.errors > calls / 20, true)
      // Calls that are all refused would prove little: each operation must have given a value at least once.
      expect(fuzz.ops.map(\.name).filter { !fuzz.succeeded.contains($0) }, [])
    }
  }
}

private final class Fuzz {
  let session: Session
  let call: LuaFunction
  let ops = Op.catalogue
  var random: Philox
  var pool: [Variable] = []
  var succeeded: Set<String> = []
  private var samples: [String: [Op.Sample]] = [:]
  var errors = 0
  let trace: String?

  init(seed: UInt64, trace: String?) throws {
    session = try Session(memoryLimit: 512 << 20)
    random = Philox(seed: seed, stream: "fuzz")
    self.trace = trace
    // The value, or nothing after an error. Whatever the call leaves is also printed, indexed and differentiated.
    call = try session.lua.load(
      """
      local kind, name, args = ...
      local f = T[name]
      if kind == "method" then f = args[1][name]
      elseif kind == "inplace" then f = args[1][name .. "_"]
      elseif kind == "get" then f = function(t, k) return t[k] end
      elseif kind == "set" then f = function(t, k, v) t[k] = v end
      elseif kind == "print" then f = tostring
      elseif kind == "backward" then f = function(t) t:sum():backward() end
      elseif kind == "table" then f = function(t) t:totable() end end
      return f(table.unpack(args, 1, args.n))
      """, name: "=fuzz")
    for _ in 0..<24 { pool.append(try variable()) }
  }

  private func variable() throws -> Variable {
    let rank = random.below(4)
    let shape = Shape(known: (0..<rank).map { _ in random.below(12) == 0 ? 0 : 1 + random.below(4) })
    let numbers = (0..<shape.elementCount).map { _ in
      Double(random.below(9) - 2) * (random.below(3) == 0 ? 0.37 : 1)
    }
    let dtype: DType = [.f32, .f32, .f64, .i64, .bool][random.below(5)]
    let tensor = try Tensor(numbers, shape: shape).cast(to: dtype)
    return Variable(tensor, requiresGrad: dtype.isFloating && random.below(3) == 0)
  }

  func step() throws {
    let (kind, name, arguments) = randomCall()
    if let trace {
      let words = arguments.map { describe($0) }.joined(separator: ", ")
      try "\(kind) \(name)(\(words))\n".write(toFile: trace, atomically: false, encoding: .utf8)
    }
    let table = try session.lua.table()
    for (i, argument) in arguments.enumerated() { try table.set(i + 1, argument) }
    try table.set("n", .int(arguments.count))
    do {
      let results = try call.call([.string(kind), .string(name), .table(table)])
      succeeded.insert(name)
      for case .object(let object) in results {
        if let variable = object as? Variable, variable.value.elementCount <= 512, random.below(2) == 0 {
          pool[random.below(pool.count)] = variable
        }
      }
    } catch is LuaError {
      errors += 1
    }
    if random.below(20) == 0 { pool[random.below(pool.count)] = try variable() }
  }

  // MARK: Calls

  private func randomCall() -> (kind: String, name: String, arguments: [LuaValue]) {
    let target = LuaValue.object(pool[random.below(pool.count)])
    switch random.below(24) {
    case 0: return ("get", "", [target, key()])
    case 1:
      return (
        "set", "", [target, key(), random.below(2) == 0 ? .object(pool[random.below(pool.count)]) : junk()]
      )
    case 2: return ("print", "", [target])
    case 3: return ("backward", "", [target])
    case 4: return ("table", "", [target])
    case 5: return creation()
    default: break
    }
    let op = ops[random.below(ops.count)]
    let kind = ["function", "function", "method", "inplace"][random.below(4)]
    if random.below(2) == 0, let call = sampleCall(op) { return (kind, op.name, call) }
    var arguments: [LuaValue] = []
    var named: [(String, LuaValue)] = []
    for parameter in op.parameters {
      let value = random.below(16) == 0 ? junk() : argument(parameter)
      if !parameter.isTensor && random.below(8) == 0 {
        named.append((parameter.name, value))
      } else {
        arguments.append(value)
      }
    }
    if random.below(12) == 0, !arguments.isEmpty { arguments.removeLast() }
    if random.below(40) == 0 { arguments.append(junk()) }
    if !named.isEmpty { arguments.append(.record(named)) }
    return (kind, op.name, arguments)
  }

  /// One of the operation's own samples, as Lua would write it; often with one argument replaced.
  private func sampleCall(_ op: Op) -> [LuaValue]? {
    if samples[op.name] == nil {
      var source = Samples(seed: 1)
      samples[op.name] = (try? op.samples(&source)) ?? []
    }
    guard let all = samples[op.name], !all.isEmpty else { return nil }
    let sample = all[random.below(all.count)]
    var inputs = sample.inputs[...]
    var attributes = sample.attributes[...]
    var arguments: [LuaValue] = []
    for parameter in op.parameters {
      switch parameter.kind {
      case .tensors: arguments.append(.list(inputs.compactMap { $0.map(fresh) }))
      case .tensor, .operand, .optionalOperand, .optionalTensor:
        arguments.append(inputs.popFirst().flatMap { $0 }.map(fresh) ?? .nil)
      default: arguments.append(attributes.popFirst().map { written($0, parameter) } ?? .nil)
      }
    }
    switch random.below(4) {
    case 0:
      let i = random.below(arguments.count)
      arguments[i] = random.below(4) == 0 ? junk() : argument(op.parameters[i])
    case 1: arguments[random.below(arguments.count)] = arguments[random.below(arguments.count)]
    default: break
    }
    return arguments
  }

  /// The sample's tensor, now and then as f32, stretched, or with a gradient wanted.
  private func fresh(_ tensor: Tensor) -> LuaValue {
    var tensor = tensor
    if tensor.dtype == .f64, random.below(2) == 0, let narrow = try? tensor.cast(to: .f32) { tensor = narrow }
    if random.below(12) == 0, let first = try? tensor.selected(0, 0).unsqueezed(0).expanded(to: tensor.shape)
    {
      tensor = first
    }
    return .object(Variable(tensor, requiresGrad: tensor.dtype.isFloating && random.below(2) == 0))
  }

  private func written(_ attribute: Attribute, _ parameter: Parameter) -> LuaValue {
    func counted(_ i: Int) -> LuaValue { .int(i < 0 ? i : i + 1) }
    switch (attribute, parameter.kind) {
    case (.integer(let i), .dimension), (.integer(let i), .position): return counted(i)
    case (.integers(let list), .dimensions): return .list(list.map(counted))
    case (.integer(let i), _): return .int(i)
    case (.integers(let list), _): return .list(list.map { .int($0) })
    case (.numbers(let list), _): return .list(list.map { .number($0) })
    case (.number(let x), _): return .number(x)
    case (.flag(let flag), _): return .boolean(flag)
    case (.text(let text), _): return .string(text)
    case (.dtype(let dtype), _): return .string(dtype.rawValue)
    case (.none, _): return .nil
    }
  }

  private func creation() -> (kind: String, name: String, arguments: [LuaValue]) {
    let names = [
      "tensor", "zeros", "ones", "full", "eye", "arange", "linspace", "randn", "rand", "randint", "randperm",
      "bernoulli",
      "categorical", "zeros_like", "full_like", "allclose", "promote", "memory", "manual_seed", "generator",
      "set_print",
    ]
    return (
      "function", names[random.below(names.count)],
      (0..<random.below(4)).map { _ in
        random.below(3) == 0 ? .int(random.below(6)) : junk()
      }
    )
  }

  private func key() -> LuaValue {
    func part(_ depth: Int) -> LuaValue {
      switch random.below(6) {
      case 0, 1: return .int(random.below(9) - 4)
      case 2: return .list((0..<random.below(3)).map { _ in .int(random.below(9) - 4) })
      case 3: return .object(pool[random.below(pool.count)])
      case 4 where depth == 0: return .list((0..<random.below(4)).map { _ in part(1) })
      default: return junk()
      }
    }
    return part(0)
  }

  private func argument(_ parameter: Parameter) -> LuaValue {
    switch parameter.kind {
    case .tensor: return .object(pool[random.below(pool.count)])
    case .optionalTensor: return random.below(2) == 0 ? .nil : .object(pool[random.below(pool.count)])
    case .operand: return random.below(3) == 0 ? number() : .object(pool[random.below(pool.count)])
    case .optionalOperand:
      return [.nil, number(), .object(pool[random.below(pool.count)])][random.below(3)]
    case .tensors: return .list((0..<random.below(4)).map { _ in .object(pool[random.below(pool.count)]) })
    case .integer, .position: return whole()
    case .number: return random.below(5) == 0 ? .nil : number()
    case .scalar: return number()
    case .flag: return .boolean(random.below(2) == 0)
    case .choice(let words, _): return .string(words[random.below(words.count)])
    case .dimension, .newDimension: return random.below(4) == 0 ? .nil : .int(random.below(7) - 3)
    case .dimensions, .integers, .shape: return .list((0..<random.below(4)).map { _ in whole() })
    case .numbers: return .list((0..<random.below(4)).map { _ in number() })
    case .dtype: return .string(DType.allCases[random.below(4)].rawValue)
    case .text:
      return .string(["ij,jk->ik", "ii", "...i,i", "->", "i,j", "a b", "ij->ji", "iJ,J"][random.below(8)])
    }
  }

  /// Small, or so large that it must be refused: nothing that would merely take long.
  private func whole() -> LuaValue {
    switch random.below(24) {
    case 0: return .integer(.max)
    case 1: return .integer(.min)
    case 2: return .integer(1 << 62)
    case 3: return .number(2)
    case 4: return .number(1.5)
    default: return .int(random.below(9) - 3)
    }
  }

  private func number() -> LuaValue {
    [
      .number(0.5), .int(2), .int(0), .number(-1.25), .number(.nan), .number(.infinity), .integer(.max),
      .number(1e300),
    ][
      random.below(8)]
  }

  private func junk() -> LuaValue {
    switch random.below(8) {
    case 0: return .nil
    case 1: return .boolean(true)
    case 2: return .string(["", "f64", "x", "\u{0}"][random.below(4)])
    case 3: return .list([])
    case 4: return .record([("dim", .int(1)), ("dtype", .string("f64"))])
    case 5: return .list([.list([.int(1)]), .int(2)])
    case 6: return whole()
    default: return number()
    }
  }

  private func describe(_ value: LuaValue) -> String {
    switch value {
    case .object(let object):
      guard let x = object as? Variable else { return "object" }
      let layout =
        "\(x.value.dtype.rawValue) \(x.value.shape) strides \(Array(x.value.strides)) offset \(x.value.offset)"
      return
        "Tensor(\(layout) grad \(x.requiresGrad) \((try? x.value.doubles()).map { Array($0.prefix(24)) } ?? []))"
    case .list(let elements): return "{" + elements.map { describe($0) }.joined(separator: ", ") + "}"
    case .record(let fields):
      return "{" + fields.map { "\($0.0) = \(describe($0.1))" }.joined(separator: ", ") + "}"
    case .integer(let whole): return "\(whole)"
    case .number(let number): return "\(number)"
    case .boolean(let flag): return "\(flag)"
    case .string(let text): return "\"\(text)\""
    default: return "nil"
    }
  }
}
