/// Sizes and settings drawn at random for every fused operation, whose fast path must equal its formula on each.
import Autograd
import Base
import Tensors
import Testing

enum FusedShapes {
  /// Draws the arguments of one call; by the operation's name.
  static let draws: [String: (inout Draw) throws -> Op.Sample] = [
    "linear": { d in
      let (lead, inputs, outputs) = (d.lead(), d.size(70), d.size(70))
      let map = ["none", "gelu", "swiglu", "geglu", "layer_norm", "rms_norm"][d.random.below(6)]
      return Op.Sample(
        [
          try d.tensor(lead + [map.hasSuffix("glu") ? 2 * inputs : inputs]), try d.tensor([outputs, inputs]),
          d.chance() ? try d.tensor([outputs]) : nil, d.chance() ? try d.tensor(lead + [outputs]) : nil,
          map.hasSuffix("norm") ? try d.tensor([inputs]) : nil,
          map == "layer_norm" ? try d.tensor([inputs]) : nil,
        ], [.text(map), .number(0.1)])
    },
    "layer_norm": { d in
      let width = d.size(90)
      return Op.Sample(
        [try d.tensor(d.lead() + [width], scale: 3), try d.tensor([width]), try d.tensor([width])],
        [.number(d.chance() ? 1e-5 : 0.1)])
    },
    "rms_norm": { d in
      let width = d.size(90)
      return Op.Sample(
        [try d.tensor(d.lead() + [width], scale: 3), try d.tensor([width])],
        [.number(d.chance() ? 1e-5 : 0.1)])
    },
    "attention": { d in
      let (keyHeads, group, size) = (d.size(3), d.size(3), 2 * d.size(9))
      let lengths = (0..<d.size(4)).map { _ in d.random.below(40) }
      let width = (keyHeads * group + 2 * keyHeads) * size
      let isRotary = d.chance()
      return Op.Sample(
        [try d.tensor([lengths.reduce(0, +), width])],
        [
          .integers(lengths), .integer(keyHeads * group), .integer(keyHeads), .number(isRotary ? 1000 : 0),
          .number(d.chance() ? 0 : 0.6), .number(d.chance() ? 0 : 2), .integer(d.chance() ? 0 : d.size(20)),
          .numbers(isRotary && d.chance() ? (0..<size / 2).map { _ in Double(d.size(9)) } : []),
        ])
    },
    "cross_attention": { d in
      let (heads, size, isCausal) = (d.size(4), d.size(17), d.chance())
      let lengths = (0..<d.size(4)).map { _ in d.random.below(90) }
      let memory = isCausal ? lengths : lengths.map { _ in d.size(90) }
      let width = heads * size
      return Op.Sample(
        [
          try d.tensor([lengths.reduce(0, +), width]), try d.tensor([memory.reduce(0, +), 2 * width]),
          d.chance() ? try d.tensor([2 * (1 + d.size(9)), heads]) : nil,
        ],
        [
          .integers(lengths), .integers(memory), .integer(heads), .number(d.chance() ? 0 : 0.6),
          .flag(isCausal), .integer(11 + d.random.below(60)),
        ])
    },
    "swiglu": { d in Op.Sample([try d.tensor(d.lead() + [2 * d.size(70)], scale: 3)]) },
    "token_logps": { d in
      let (rows, width, vocabulary) = (d.size(50) - 1, d.size(70), d.size(150))
      let ids = try Tensor((0..<rows).map { _ in Int64(d.random.below(vocabulary)) }, shape: [rows])
      return Op.Sample(
        [try d.tensor([rows, width]), try d.tensor([vocabulary, width]), ids],
        [.number(d.chance() ? 1 : 0.5), .number(d.chance() ? 0 : 3)])
    },
  ]

  struct Draw {
    var random: Philox

    mutating func size(_ most: Int) -> Int { 1 + random.below(most) }
    mutating func chance() -> Bool { random.below(2) == 0 }
    /// One or two dimensions before the last; now and then of no row.
    mutating func lead() -> [Int] {
      let rows = random.below(12)
      return chance() ? [rows] : [size(3), rows]
    }

    /// Normal numbers, as often as not a transposed view.
    mutating func tensor(_ sizes: [Int], scale: Double = 1) throws -> Tensor {
      let shape = Shape(known: sizes)
      let packed = try Tensor((0..<shape.elementCount).map { _ in scale * random.normal() }, shape: shape)
      if sizes.count < 2 || chance() { return packed }
      return try packed.transposed(0, sizes.count - 1).copied().transposed(0, sizes.count - 1)
    }
  }
}

extension AutogradTests {
  @Suite struct FusedShapesTests {
    @Test(arguments: Op.catalogue.filter(\.isFused).map(\.name))
    func fusedOperationsMatchTheirFormulasOnRandomShapes(_ name: String) throws {
      let op = try #require(Op.catalogue.first { $0.name == name })
      let draw = try #require(FusedShapes.draws[name], "FusedShapes.draws has no line for \(name)")
      for seed in UInt64(1)...40 {
        var source = FusedShapes.Draw(random: Philox(seed: seed, stream: name))
        let sample = try draw(&source)
        let fused = try GradientCheck.valuesAndGradients(sample, .f32) { try op($0, $1) }
        let exact = try GradientCheck.valuesAndGradients(sample, .f64) {
          try op.composed($0, $1) ?? []
        }
        #expect(fused.count == exact.count)
        // Sums of many terms: by the largest number of the call, and by each.
        let largest = exact.reduce(1) { max($0, abs($1)) }
        let worst = zip(fused, exact).map { abs($0 - $1) / max(1, abs($1), 0.1 * largest) }.max() ?? 0
        let shapes = sample.inputs.map { $0.map { "\($0.shape)" } ?? "nil" }
        #expect(worst <= 1e-4, "\(name), seed \(seed), shapes \(shapes): off by \(worst)")
      }
    }
  }
}
