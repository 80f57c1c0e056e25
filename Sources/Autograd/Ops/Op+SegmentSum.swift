/// Sums over the runs of a packed tensor: the log-probabilities of sequences from those of their tokens.
import Base
import Tensors

extension Op {
  public static let segmentSum = Op(
    "segment_sum", group: "models",
    summary: "The sum of each run of elements.",
    formula: "y_i = sum of the lengths[i] elements after the first i - 1 runs",
    shapes: "self [N], lengths a list of R whole numbers that add up to N; the result is [R]",
    parameters: [
      Parameter("self", .tensor, "consecutive runs"),
      Parameter("lengths", .integers, "elements of each run"),
    ],
    example: Example("print(T{1, 2, 3}:segment_sum({2, 0, 1}))", prints: "[3, 0, 3]\n[Tensor f32 3]"),
    forward: { context in
      let segments = try runs(context)
      let x = try context[0].contiguous()
      let y = try Tensor(uninitialized: [segments.count], x.dtype)
      if x.dtype == .f64 {
        sums(x.pointer(Double.self), y.pointer(Double.self), segments)
      } else {
        sums(x.pointer(Float.self), y.pointer(Float.self), segments)
      }
      return withExtendedLifetime(x) { [y] }
    },
    backward: { context, _, gradients in
      guard let g = try gradients[0]?.contiguous() else { return [nil] }
      let segments = try runs(context)
      let dx = try Tensor(uninitialized: context[0].shape, g.dtype)
      if g.dtype == .f64 {
        spread(g.pointer(Double.self), dx.pointer(Double.self), segments)
      } else {
        spread(g.pointer(Float.self), dx.pointer(Float.self), segments)
      }
      return withExtendedLifetime(g) { [dx] }
    },
    samples: { random in
      [
        Sample([try random.normal([6])], [.integers([2, 1, 3])]),
        Sample([try random.normal([2])], [.integers([0, 2])]),
        Sample([try random.normal([0])], [.integers([])]),
      ]
    },
    refusals: { [Refusal([try Tensor(zeros: [3], .f32)], [.integers([2])], words: "add up to 2")] })

  private static func runs(_ context: OpContext) throws -> Segments {
    try checkFloats([context[0]])
    let segments = try Segments(lengths: context.integers("lengths") ?? [])
    if context[0].rank != 1 || context[0].elementCount != segments.tokenCount {
      throw Failure(
        .shape, "lengths add up to \(segments.tokenCount), the tensor is \(context[0].shape)", argument: 2)
    }
    return segments
  }

  private static func sums<T: BinaryFloatingPoint>(
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ segments: Segments
  ) {
    // In double precision: a response's log-probability is a sum of many terms of one sign.
    for i in 0..<segments.count { y[i] = T(segments.range(i).reduce(0.0) { $0 + Double(x[$1]) }) }
  }

  private static func spread<T>(_ g: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ segments: Segments) {
    for i in 0..<segments.count { for token in segments.range(i) { dx[token] = g[i] } }
  }
}
