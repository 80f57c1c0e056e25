/// Tensors of random numbers, from named counter-based streams.
///
/// A draw is a pure function of (seed, stream, step, element). Without options it comes from the module's own stream,
/// whose step then advances; `{seed =, stream =, step =}` names a draw that is the same whenever it is made, and a
/// `generator` is a stream of one's own.
///
///     T.manual_seed(7)
///     T.randn(2, 3)                               the next draw
///     T.randn(2, 3, {seed = 7, step = 4})         always the same
///     local g = T.generator{seed = 1, stream = "init"}
///     T.randn(2, 3, {generator = g})
import Autograd
import Base
import LuaEngine
import Tensors

/// A stream and the step of its next draw.
final class RandomStream {
  var seed: UInt64
  var stream: String
  var step: UInt64

  init(seed: UInt64, stream: String, step: UInt64 = 0) {
    self.seed = seed
    self.stream = stream
    self.step = step
  }

  /// The step to draw at; the next draw gets another.
  func advance() -> UInt64 {
    defer { step &+= 1 }
    return step
  }
}

extension Bindings {
  typealias Draw = (seed: UInt64, stream: String, step: UInt64)

  static func registerGenerators(_ lua: Lua) throws {
    var generator = LuaClass<RandomStream>("Generator")
    generator.property("seed") { .integer(Int64(bitPattern: $0.seed)) }
    generator.property("stream") { .string($0.stream) }
    generator.property("step") { .integer(Int64(bitPattern: $0.step)) }
    // Goes to a step: all there is to save and restore.
    generator.method("set_step") { call, generator in
      generator.step = UInt64(bitPattern: Int64(try call.integer(2)))
      try call.pushArgument(1)
      return 1
    }
    generator.metamethod("__tostring") { call in
      let g: RandomStream = try call.object(1)
      try call.pushString("[Generator seed \(g.seed) stream '\(g.stream)' step \(g.step)]")
      return 1
    }
    try lua.register(generator)
  }

  private static let drawOptions =
    CreationOptions.declared + [
      Option("seed", optional: .integer, "seed of the draw", otherwise: "that of T.manual_seed"),
      Option("stream", optional: .text, "name of the stream", otherwise: "the function's name"),
      Option("step", optional: .integer, "number of the draw in its stream", otherwise: "0"),
      Option(
        "generator", optional: .any("a Generator"), "source of the draw, instead of seed, stream and step"),
    ]
  private static let rangeOptions =
    drawOptions + [Option("low", 0.0, "lower end, included"), Option("high", 1.0, "upper end, excluded")]
  private static let categoricalOptions =
    drawOptions + [Option("logits", false, "whether the weights are given as logarithms")]
  private static let generatorOptions = [
    Option("seed", optional: .integer, "seed", otherwise: "that of T.manual_seed"),
    Option("stream", "generator", "name of the stream"), Option("step", 0, "number of the next draw"),
  ]

  /// Options of a random function, and where it draws from.
  private static func draw(
    _ call: Call, _ place: Int, _ own: RandomStream, _ declared: [Option] = drawOptions
  ) throws -> (CreationOptions, () throws -> Draw) {
    let options = try CreationOptions(call, place, declared)
    let values = options.options
    var source = own
    if let generator = try values.generator("generator") {
      source = generator
      if values.has("seed") || values.has("stream") || values.has("step") {
        throw values.refusal("a generator has its own seed, stream and step")
      }
    }
    let (seed, stream, step) = (
      try values.integer(ifGiven: "seed"), try values.text(ifGiven: "stream"),
      try values.integer(ifGiven: "step")
    )
    return (
      options,
      {
        if seed == nil && stream == nil && step == nil {
          return (source.seed, source.stream, source.advance())
        }
        return (
          seed.map { UInt64(bitPattern: Int64($0)) } ?? source.seed, stream ?? call.name,
          UInt64(bitPattern: Int64(step ?? 0))
        )
      }
    )
  }

  private typealias Fill = (_ shape: Shape, _ dtype: DType, _ options: OptionTable, _ draw: Draw) throws ->
    Tensor

  /// T.name(sizes, options), and T.name_like(x, options) in the shape and type of x.
  private static func addRandom(
    _ module: inout LuaModule, _ name: String, _ own: RandomStream, _ declared: [Option] = drawOptions,
    _ fill: @escaping Fill
  ) {
    module.function(name) { call in
      let (shape, next) = try sizes(call, from: 1)
      let (options, draw) = try draw(call, next, own, declared)
      return try options.push(fill(shape, options.dtype ?? .f32, options.options, draw()))
    }
    module.function(name + "_like") { call in
      let x: Variable = try call.object(1)
      let (options, draw) = try draw(call, 2, own, declared)
      return try options.push(fill(x.value.shape, options.dtype ?? x.value.dtype, options.options, draw()))
    }
  }

  static func addRandom(_ module: inout LuaModule, _ own: RandomStream) {
    module.function("manual_seed") { call in
      own.seed = UInt64(bitPattern: Int64(try call.integer(1)))
      own.step = 0
      DropoutStream.restart(seed: own.seed)
      return 0
    }
    // T.generator{seed =, stream =, step =}
    module.function("generator") { call in
      let options = try OptionTable(call, 1, generatorOptions)
      let seed = try options.integer(ifGiven: "seed").map { UInt64(bitPattern: Int64($0)) }
      try call.pushObject(
        RandomStream(
          seed: seed ?? own.seed, stream: try options.text("stream"),
          step: try options.seed("step")))
      return 1
    }
    // T.randn(2, 3, options): standard normal numbers. T.randn_like(x, options): in the shape and type of x.
    addRandom(&module, "randn", own) { shape, dtype, _, d in
      try Tensor.normal(shape, dtype, seed: d.seed, stream: d.stream, step: d.step)
    }
    // T.rand(2, 3, {low =, high =}): uniform in [low, high), [0, 1) by default.
    addRandom(&module, "rand", own, rangeOptions) { shape, dtype, options, d in
      let (low, high) = (try options.number("low"), try options.number("high"))
      return try Tensor.uniform(
        shape, dtype, low: low, high: high, seed: d.seed, stream: d.stream, step: d.step)
    }
    // T.randint(1, 6, {3}): whole numbers from 1 to 6, both included, as math.random(1, 6).
    module.function("randint") { call in
      let (low, high) = (try call.integer(1), try call.integer(2))
      let (shape, next) = try sizes(call, from: 3)
      let (options, draw) = try draw(call, next, own)
      if high < low || high == .max { throw call.bad(2, "no whole number is in \(low)..\(high)") }
      let d = try draw()
      let result = try Tensor.integers(
        shape, low: Int64(low), high: Int64(high) + 1, seed: d.seed, stream: d.stream, step: d.step)
      return try options.push(result.cast(to: options.dtype ?? .i64))
    }
    // T.randint_like(x, 1, 6, options)
    module.function("randint_like") { call in
      let x: Variable = try call.object(1)
      let (low, high) = (try call.integer(2), try call.integer(3))
      let (options, draw) = try draw(call, 4, own)
      if high < low || high == .max { throw call.bad(3, "no whole number is in \(low)..\(high)") }
      let d = try draw()
      let result = try Tensor.integers(
        x.value.shape, low: Int64(low), high: Int64(high) + 1, seed: d.seed, stream: d.stream, step: d.step)
      return try options.push(result.cast(to: options.dtype ?? x.value.dtype))
    }
    // T.randperm(n): the positions 1..n in random order.
    module.function("randperm") { call in
      let count = try call.integer(1)
      let (options, draw) = try draw(call, 2, own)
      let d = try draw()
      let positions = try Tensor.permutation(count, from: 1, seed: d.seed, stream: d.stream, step: d.step)
      return try options.push(positions.cast(to: options.dtype ?? .i64))
    }
    // T.bernoulli(p, 2, 3): true with chance p.
    module.function("bernoulli") { call in
      let chance = try call.number(1)
      let (shape, next) = try sizes(call, from: 2)
      let (options, draw) = try draw(call, next, own)
      let d = try draw()
      return try options.push(
        Tensor.bernoulli(
          shape, options.dtype ?? .bool, chance: chance, seed: d.seed, stream: d.stream, step: d.step))
    }
    // T.categorical(weights, count, {logits = true}): ids from 0, drawn from each row of weights.
    module.function("categorical") { call in
      let weights: Variable = try call.object(1)
      let hasCount = call.kind(2) == .integer
      let (options, draw) = try draw(call, hasCount ? 3 : 2, own, categoricalOptions)
      let count = hasCount ? try call.integer(2) : 1
      let areLogits = try options.options.flag("logits")
      let d = try draw()
      let ids = try Tensor.categorical(
        weights.value, count: count, areLogits: areLogits, seed: d.seed, stream: d.stream, step: d.step)
      return try options.push(ids.cast(to: options.dtype ?? .i64))
    }
  }
}
