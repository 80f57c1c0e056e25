/// The class Generator: a stream of random numbers that the caller owns, made by T.generator.
import Autograd
import Base
import LuaEngine
import Tensors

extension Bindings {
  static func addGenerators(_ library: Library) throws {
    var generator = NativeClass<RandomStream>("Generator", group: "random")
    generator.property(
      "seed", Page("g.seed", "The seed.", example: "print(T.generator{seed = 7}.seed)", prints: "7")
    ) { .integer(Int64(bitPattern: $0.seed)) }
    generator.property(
      "stream",
      Page(
        "g.stream", "The name of the stream: streams of different names are independent.",
        example: "print(T.generator{seed = 7}.stream)", prints: "generator")
    ) { .string($0.stream) }
    generator.property(
      "step",
      Page(
        "g.step", "The number of draws made so far. A draw is a function of seed, stream, step and position.",
        example: "print(T.generator{seed = 7, step = 3}.step)", prints: "3")
    ) { .integer(Int64(bitPattern: $0.step)) }
    generator.chained(
      "set_step",
      Page(
        "g:set_step(step)",
        "Moves to a step. Seed, stream and step are the whole state of a generator. Returns the generator.",
        example: """
          g = T.generator{seed = 7}
          a = T.rand(2, {generator = g})
          print(T.rand(2, {generator = g:set_step(0)}):equal(a))
          """, prints: "true")
    ) { call, generator in generator.step = UInt64(bitPattern: Int64(try call.integer(2))) }
    generator.metamethod("__tostring") { call in
      let g: RandomStream = try call.object(1)
      try call.pushString("[Generator seed \(g.seed) stream '\(g.stream)' step \(g.step)]")
      return 1
    }
    try library.add(generator)
  }
}
