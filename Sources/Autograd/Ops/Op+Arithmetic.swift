/// Arithmetic with broadcasting.
import Base
import Tensors

extension Op {
  static let arithmetic: [Op] = [add]

  static let operands = [
    Parameter("self", .tensor, "the left operand"),
    Parameter("other", .operand, "the right operand: a tensor that broadcasts with it, or a number"),
  ]

  public static let add = Op(
    "add", group: "arithmetic",
    summary: "The elementwise sum.",
    formula: "result = self + other",
    shapes: "self [...], other [...] or a number; the result has their common broadcast shape",
    parameters: operands,
    example: Example("print(T{1, 2}:add(T{10}))", prints: "[11, 12]\n[Tensor f32 2]"),
    forward: { call in
      let (a, b) = try broadcastOperands(call)
      let result = try Tensor(uninitialized: a.shape, a.dtype)
      switch a.dtype {
      case .f32: Strided.zip(a, b, result) { (x: Float, y: Float) in x + y }
      case .f64: Strided.zip(a, b, result) { (x: Double, y: Double) in x + y }
      case .i64: Strided.zip(a, b, result) { (x: Int64, y: Int64) in x &+ y }
      case .bool: Strided.zip(a, b, result) { (x: Bool, y: Bool) in x || y }
      }
      return [result]
    },
    backward: { call, _, gradients in
      guard let g = gradients[0] else { return [nil, nil] }
      return try (0..<2).map { i in
        call.needs[i] ? try g.summed(to: call[i].shape).cast(to: call[i].dtype) : nil
      }
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3]), try random.normal([3])]),
        Sample([try random.normal([2, 1]), try random.normal([1, 4])]),
        Sample([try random.normal([0]), try random.normal([1])]),
      ]
    },
    refusals: {
      [
        Refusal([try Tensor(zeros: [2, 3], .f32), try Tensor(zeros: [4], .f32)], words: "2x3 and 4 cannot broadcast")
      ]
    })

  /// Both operands in their common type and shape.
  static func broadcastOperands(_ call: Invocation) throws -> (Tensor, Tensor) {
    let dtype = DType.promote(call[0].dtype, call[1].dtype)
    let shape = try Shape.broadcast(call[0].shape, call[1].shape)
    return (
      try call[0].cast(to: dtype).expanded(to: shape), try call[1].cast(to: dtype).expanded(to: shape)
    )
  }
}
