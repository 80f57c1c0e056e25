/// Layer norm and RMS norm as operations.
import Base
import Tensors

extension Op {
  static let normParameters = [
    Parameter("self", .tensor, "rows to normalise over their last dimension"),
    Parameter("weight", .tensor, "scale of each element, as long as the last dimension"),
  ]

  /// Ba, Kiros and Hinton, "Layer normalization".
  public static let layerNorm = Op(
    "layer_norm", group: "models",
    summary: "Each row minus its mean, divided by its standard deviation, scaled and shifted.",
    formula: "y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias",
    shapes: "self [..., D], weight [D], bias [D]; the result has the shape of self",
    source: "Ba et al. 2016, arXiv:1607.06450, eq. 4",
    parameters: normParameters + [
      Parameter("bias", .tensor, "added to each element, as long as the last dimension"),
      Parameter("eps", .number(default: 1e-5), "added to the variance"),
    ],
    example: Example(
      "print(T{{1, 3}}:layer_norm(T{1, 1}, T{0, 10}, 0))", prints: "[[-1, 11]]\n[Tensor f32 1x2]"),
    forward: { context in try normForward(context, centred: true) },
    backward: { context, _, gradients in try normBackward(context, gradients, centred: true) },
    compose: { inputs, attributes in try composedNorm(inputs, attributes, centred: true) },
    samples: { random in
      [
        Sample(
          [try random.normal([3, 11]), try random.normal([11]), try random.normal([11])], [.number(1e-5)]),
        Sample(
          [try random.normal([2, 5, 8]), try random.normal([8]), try random.normal([8])], [.number(1e-5)]),
        Sample(
          [try random.normal([0, 4]), try random.normal([4]), try random.normal([4])], [.number(1e-5)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 3], .f32), try Tensor(zeros: [4], .f32), try Tensor(zeros: [3], .f32)],
          [.number(1e-5)], words: "weight of 4 for rows of 3")
      ]
    })

  /// Zhang and Sennrich, "Root mean square layer normalization".
  public static let rmsNorm = Op(
    "rms_norm", group: "models",
    summary: "Each row divided by its root mean square and scaled.",
    formula: "y = x / sqrt(mean(x^2) + eps) * weight",
    shapes: "self [..., D], weight [D]; the result has the shape of self",
    source: "Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4",
    parameters: normParameters + [Parameter("eps", .number(default: 1e-5), "added to the mean square")],
    example: Example("print(T{{3, 3}}:rms_norm(T{1, 2}, 0))", prints: "[[1, 2]]\n[Tensor f32 1x2]"),
    forward: { context in try normForward(context, centred: false) },
    backward: { context, _, gradients in try normBackward(context, gradients, centred: false) },
    compose: { inputs, attributes in try composedNorm(inputs, attributes, centred: false) },
    samples: { random in
      [
        Sample([try random.normal([3, 11]), try random.normal([11])], [.number(1e-5)]),
        Sample([try random.normal([1, 1]), try random.normal([1])], [.number(1e-5)]),
        Sample([try random.normal([0, 4]), try random.normal([4])], [.number(1e-5)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 3], .f32), try Tensor(zeros: [4], .f32)], [.number(1e-5)],
          words: "weight of 4 for rows of 3")
      ]
    })

  private static func checkNorm(_ inputs: [Tensor?]) throws {
    guard let x = inputs[0], let width = x.shape.last else {
      throw Failure(.shape, "expected at least one dimension, got a scalar", argument: 1)
    }
    for (i, name) in [(1, "weight"), (2, "bias")] where i < inputs.count {
      guard let other = inputs[i] else { continue }
      if other.shape != [width] {
        throw Failure(.shape, "\(name) of \(other.shape) for rows of \(width)", argument: i + 1)
      }
    }
    try checkFloats(inputs)
  }

  private static func normForward(_ context: OpContext, centred: Bool) throws -> [Tensor] {
    try checkNorm(context.inputs)
    let (x, weight) = (try context[0].contiguous(), try context[1].contiguous())
    let bias = centred ? try context[2].contiguous() : nil
    let width = x.shape[x.rank - 1]
    let rows = width == 0 ? 0 : x.elementCount / width
    let y = try Tensor(uninitialized: x.shape, .f32)
    let statistics = try Tensor(uninitialized: [2, max(rows, 1)], .f32)
    let mean = statistics.pointer(Float.self)
    let rstd = mean + max(rows, 1)
    NormKernels.forward(
      x.pointer(Float.self), weight.pointer(Float.self), bias.map { Floats($0.pointer(Float.self)) },
      y.pointer(Float.self), mean: centred ? mean : nil, rstd: rstd, rows: rows, width: width,
      epsilon: Float(context.number("eps") ?? 1e-5))
    context.saved = [x, weight, statistics]
    return [y]
  }

  private static func normBackward(_ context: OpContext, _ gradients: [Tensor?], centred: Bool) throws
    -> [Tensor?]
  {
    let none = [Tensor?](repeating: nil, count: context.inputs.count)
    guard let dy = try gradients[0]?.contiguous() else { return none }
    let (x, weight, statistics) = (context.saved[0], context.saved[1], context.saved[2])
    let width = x.shape[x.rank - 1]
    let rows = width == 0 ? 0 : x.elementCount / width
    let dx = try Tensor(uninitialized: x.shape, .f32)
    let dweight = try Tensor(uninitialized: [width], .f32)
    let dbias = centred ? try Tensor(uninitialized: [width], .f32) : nil
    let mean = statistics.pointer(Float.self)
    try NormKernels.backward(
      dy.pointer(Float.self), x.pointer(Float.self), weight.pointer(Float.self),
      mean: centred ? Floats(mean) : nil,
      rstd: mean + max(rows, 1), dx: dx.pointer(Float.self), dweight: dweight.pointer(Float.self),
      dbias: dbias?.pointer(Float.self), rows: rows, width: width)
    return centred ? [dx, dweight, dbias] : [dx, dweight]
  }

  private static func composedNorm(_ inputs: [Variable?], _ attributes: Attributes, centred: Bool) throws
    -> [Variable]
  {
    try checkNorm(inputs.map { $0?.value })
    guard let input = inputs[0], let weight = inputs[1], let epsilon = attributes.number("eps") else {
      return []
    }
    let last = input.value.rank - 1
    var x = input
    if centred { x = try x.minus(try x.mean(last)) }
    let spread = try x.times(x).mean(last).plus(epsilon).sqrt()
    let scaled = try x.dividedBy(spread).times(weight)
    if let bias = centred ? inputs[2] : nil { return [try scaled.plus(bias)] }
    return [scaled]
  }
}
