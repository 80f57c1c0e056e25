/// Tensors of random numbers, from named counter-based streams.
///
/// A draw is a pure function of (seed, stream, step, element). Without options it comes from the module's
/// stream, whose step then advances. `{seed =, stream =, step =}` names a draw, which is always the same; a
/// `generator` is a stream that the caller owns.
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

extension Bindings {
  typealias Draw = (seed: UInt64, stream: String, step: UInt64)

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

  /// Options of a random function, and the draw that they name.
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
    _ module: inout NativeModule, _ name: String, _ summary: String, _ own: RandomStream,
    _ declared: [Option] = drawOptions, errors: String = "",
    _ fill: @escaping Fill
  ) {
    module.function(
      name,
      Page(
        "T.\(name)(sizes, dtype or options)", summary + " Sizes are numbers or a list.", options: declared,
        errors: "a size is negative; generator is combined with seed, stream or step" + errors,
        source: "Salmon et al. 2011, Philox4x32-10",
        example: "print(T.\(name)(4, {seed = 1}):equal(T.\(name)(4, {seed = 1})))", prints: "true")
    ) { call in
      let (shape, next) = try sizes(call, from: 1)
      let (options, draw) = try draw(call, next, own, declared)
      return try options.push(fill(shape, options.dtype ?? .f32, options.options, draw()))
    }
    module.function(
      name + "_like",
      Page(
        "T.\(name)_like(x, dtype or options)",
        summary + " The shape is that of x, and the dtype too unless one is given.", options: declared,
        example: "print(T.\(name)_like(T({1, 2}, 'f64')):dtype())", prints: "f64")
    ) { call in
      let x: Variable = try call.object(1)
      let (options, draw) = try draw(call, 2, own, declared)
      return try options.push(fill(x.value.shape, options.dtype ?? x.value.dtype, options.options, draw()))
    }
  }

  static func addRandom(_ module: inout NativeModule, _ own: RandomStream) {
    module.function(
      "manual_seed",
      Page(
        "T.manual_seed(seed)",
        "Restarts the default stream of random numbers and that of dropout with a seed.",
        example: """
          T.manual_seed(1); a = T.rand(3)
          T.manual_seed(1)
          print(T.rand(3):equal(a))
          """,
        prints: "true")
    ) { call in
      own.seed = UInt64(bitPattern: Int64(try call.integer(1)))
      own.step = 0
      DropoutStream.restart(seed: own.seed)
      return 0
    }
    module.function(
      "generator",
      Page(
        "T.generator{options}", "A Generator: an independent stream of random numbers.",
        options: generatorOptions,
        example: """
          g = T.generator{seed = 1}
          T.rand(2, {generator = g})
          print(g.step)
          """,
        prints: "1")
    ) { call in
      let options = try OptionTable(call, 1, generatorOptions)
      let seed = try options.integer(ifGiven: "seed").map { UInt64(bitPattern: Int64($0)) }
      try call.pushObject(
        RandomStream(
          seed: seed ?? own.seed, stream: try options.text("stream"),
          step: try options.seed("step")))
      return 1
    }
    addRandom(&module, "randn", "Standard normal random numbers.", own) { shape, dtype, _, d in
      try Tensor.normal(shape, dtype, seed: d.seed, stream: d.stream, step: d.step)
    }
    addRandom(
      &module, "rand", "Random numbers uniform in [low, high).", own, rangeOptions,
      errors: "; high is below low; one of them or high - low is not finite"
    ) { shape, dtype, options, d in
      let (low, high) = (try options.number("low"), try options.number("high"))
      return try Tensor.uniform(
        shape, dtype, low: low, high: high, seed: d.seed, stream: d.stream, step: d.step)
    }
    module.function(
      "randint",
      Page(
        "T.randint(low, high, sizes, dtype or options)",
        "Random whole numbers from low to high, inclusive, as math.random(low, high); i64 unless a dtype is given.",
        options: drawOptions,
        errors: "high is less than low",
        example: "print(T.randint(3, 3, 2))",
        prints: """
          [3, 3]
          [Tensor i64 2]
          """)
    ) { call in
      let (low, high) = (try call.integer(1), try call.integer(2))
      let (shape, next) = try sizes(call, from: 3)
      let (options, draw) = try draw(call, next, own)
      if high < low { throw call.bad(2, "no whole number is in \(low)..\(high)") }
      let d = try draw()
      let result = try Tensor.integers(
        shape, low: Int64(low), high: Int64(high), seed: d.seed, stream: d.stream, step: d.step)
      return try options.push(result.cast(to: options.dtype ?? .i64))
    }
    module.function(
      "randint_like",
      Page(
        "T.randint_like(x, low, high, dtype or options)",
        "Random whole numbers from low to high, inclusive, in the shape of x; the dtype is that of x unless one is given.",
        options: drawOptions,
        errors: "high is less than low",
        example: "print(T.randint_like(T{{1, 2}}, 3, 3))",
        prints: """
          [[3, 3]]
          [Tensor f32 1x2]
          """)
    ) { call in
      let x: Variable = try call.object(1)
      let (low, high) = (try call.integer(2), try call.integer(3))
      let (options, draw) = try draw(call, 4, own)
      if high < low { throw call.bad(3, "no whole number is in \(low)..\(high)") }
      let d = try draw()
      let result = try Tensor.integers(
        x.value.shape, low: Int64(low), high: Int64(high), seed: d.seed, stream: d.stream, step: d.step)
      return try options.push(result.cast(to: options.dtype ?? x.value.dtype))
    }
    module.function(
      "randperm",
      Page(
        "T.randperm(n, dtype or options)",
        "The positions 1, ..., n in random order; i64 unless a dtype is given.",
        options: drawOptions,
        shapes: "-> [n]",
        example: "print((T.randperm(3):sort()))",
        prints: """
          [1, 2, 3]
          [Tensor i64 3]
          """)
    ) { call in
      let count = try call.integer(1)
      let (options, draw) = try draw(call, 2, own)
      let d = try draw()
      let positions = try Tensor.permutation(count, from: 1, seed: d.seed, stream: d.stream, step: d.step)
      return try options.push(positions.cast(to: options.dtype ?? .i64))
    }
    module.function(
      "bernoulli",
      Page(
        "T.bernoulli(p, sizes, dtype or options)",
        "true with probability p, otherwise false; a numeric dtype gives 1 and 0.",
        options: drawOptions,
        errors: "p is not in [0, 1]",
        example: "print(T.bernoulli(1, 2), T.bernoulli(0, 2, 'f32'))",
        prints: """
          [true, true]
          [Tensor bool 2]\t[0, 0]
          [Tensor f32 2]
          """)
    ) { call in
      let chance = try call.number(1)
      let (shape, next) = try sizes(call, from: 2)
      let (options, draw) = try draw(call, next, own)
      let d = try draw()
      return try options.push(
        Tensor.bernoulli(
          shape, options.dtype ?? .bool, chance: chance, seed: d.seed, stream: d.stream, step: d.step))
    }
    module.function(
      "categorical",
      Page(
        "T.categorical(weights, count = 1, dtype or options)",
        "Ids, from 0, drawn with replacement from each row of weights, which are unnormalised probabilities or, with logits, their logarithms.",
        options: categoricalOptions,
        shapes: "[..., k] -> [..., count]",
        errors: "a weight is negative or not finite; a row sums to 0; a row of logits has no finite maximum",
        example: "print(T.categorical(T{0, 0, 1}, 2))",
        prints: """
          [2, 2]
          [Tensor i64 2]
          """)
    ) { call in
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
