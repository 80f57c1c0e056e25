/// Convolution along one dimension, as a matrix product over a view of all windows.
import Base
import Tensors

extension Op {
  static let convolutions: [Op] = [conv1d]

  public static let conv1d = Op(
    "conv1d", group: "convolution",
    summary: "The cross-correlation of every channel with a kernel, summed over the channels of a group.",
    formula:
      "result[b, o, i] = bias[o] + Σ_c Σ_k weight[o, c, k] self[b, c, (i − 1) stride + (k − 1) dilation + 1 − padding]",
    shapes:
      "self [N, C, L] or [C, L], weight [O, C / groups, K], bias [O]; the result is [N, O, L'] or [O, L'], "
      + "L' = (L + 2 padding − dilation (K − 1) − 1) / stride + 1",
    parameters: [
      Parameter("self", .tensor, "channels along the last dimension but one"),
      Parameter("weight", .tensor, "one kernel for each output channel"),
      Parameter("bias", .optionalTensor, "added to each output channel"),
      Parameter("stride", .integer(default: 1), "the distance between two windows"),
      Parameter("padding", .integer(default: 0), "zeros added at both ends"),
      Parameter("dilation", .integer(default: 1), "the distance between two elements of a window"),
      Parameter("groups", .integer(default: 1), "the number of groups of channels, which do not mix"),
    ],
    example: Example("print(T{{1, 2, 3}}:conv1d(T{{{1, 1}}}))", prints: "[[3, 5]]\n[Tensor f32 1x2]"),
    forward: { context in
      let plan = try Convolution(context)
      let columns = try plan.columns(plan.padded(context[0]))
      if context.needs[1] { context.saved = [columns] }
      var result = try plan.kernels(context[1]).matmul(columns).reshaped(plan.output)
      if let bias = context.inputs[2] {
        result = try result.adding(
          try bias.cast(to: result.dtype).reshaped([plan.output[1], 1]).expanded(to: plan.output))
      }
      return [context[0].rank == 2 ? try result.squeezed(0) : result]
    },
    backward: { context, _, gradients in
      guard let given = gradients[0] else { return [nil, nil, nil] }
      let plan = try Convolution(context)
      let wide = try given.reshaped(plan.output)
      let g = try wide.reshaped(plan.grouped)
      var results: [Tensor?] = [nil, nil, nil]
      if context.needs[0] {
        let columns = try plan.kernels(context[1]).adjoint().matmul(g)
        results[0] = try plan.folded(columns, like: context[0]).cast(to: context[0].dtype)
      }
      if context.needs[1] {
        let each = try g.matmul(try context.saved[0].adjoint())
        results[1] = try each.summed(to: Shape(known: each.shape.dropFirst())).reshaped(context[1].shape)
          .cast(
            to: context[1].dtype)
      }
      if context.needs[2], let bias = context.inputs[2] {
        results[2] = try wide.summed(to: [plan.output[1], 1]).reshaped(bias.shape).cast(to: bias.dtype)
      }
      return results
    },
    samples: { random in
      func settings(_ stride: Int, _ padding: Int, _ dilation: Int, _ groups: Int) -> [Attribute] {
        [.integer(stride), .integer(padding), .integer(dilation), .integer(groups)]
      }
      return [
        Sample(
          [try random.normal([2, 3, 7]), try random.normal([4, 3, 3]), try random.normal([4])],
          settings(1, 0, 1, 1)),
        Sample([try random.normal([3, 7]), try random.normal([2, 3, 2]), nil], settings(2, 1, 1, 1)),
        Sample(
          [try random.normal([1, 4, 8]), try random.normal([6, 2, 3]), try random.normal([6])],
          settings(2, 2, 2, 2)),
        Sample(
          [try random.normal([5, 2, 3]).transposed(0, 2), try random.normal([2, 2, 1]), nil],
          settings(1, 0, 1, 1)),
        Sample([try random.normal([0, 1, 3]), try random.normal([1, 1, 2]), nil], settings(1, 0, 1, 1)),
        Sample([try random.normal([1, 1, 1]), try random.normal([1, 1, 1]), nil], settings(1, 0, 1, 1)),
      ]
    },
    refusals: {
      let (input, weight) = (try Tensor(zeros: [1, 3, 4], .f32), try Tensor(zeros: [2, 3, 2], .f32))
      func plain(_ stride: Int = 1, padding: Int = 0, groups: Int = 1) -> [Attribute] {
        [.integer(stride), .integer(padding), .integer(1), .integer(groups)]
      }
      return [
        Refusal(
          [input, try Tensor(zeros: [2, 2, 2], .f32), nil], plain(),
          words: "weight 2x2x2 does not fit an input of 1x3x4 in 1 group"),
        Refusal(
          [input, try Tensor(zeros: [2, 3, 5], .f32), nil], plain(),
          words: "a window of 5 does not fit in 4 positions"),
        Refusal([input, weight, nil], plain(0), words: "at least 1, got 0"),
        Refusal([input, weight, nil], plain(padding: -1), words: "padding of at least 0, got -1"),
        Refusal([input, weight, nil], plain(padding: .max), words: "positions"),
        Refusal(
          [input, weight, try Tensor(zeros: [3], .f32)], plain(), words: "expected a bias of 2, got 3"),
        Refusal([input, weight, nil], plain(groups: 2), words: "does not fit an input of 1x3x4 in 2 groups"),
      ]
    })
}

/// The checked sizes of a convolution, and its views.
private struct Convolution {
  let (batch, channels, length): (Int, Int, Int)
  let (kernel, stride, padding, dilation, groups): (Int, Int, Int, Int, Int)
  let type: DType
  /// [N, O, L'].
  let output: Shape

  init(_ context: OpContext) throws {
    let (input, weight) = (context[0], context[1])
    if input.rank != 2 && input.rank != 3 {
      throw Failure(.shape, "expected [N, C, L] or [C, L], got \(input.shape)", argument: 1)
    }
    if weight.rank != 3 {
      throw Failure(.shape, "expected a weight of three dimensions, got \(weight.shape)", argument: 2)
    }
    (stride, padding) = (try context.required("stride"), try context.required("padding"))
    (dilation, groups) = (try context.required("dilation"), try context.required("groups"))
    for (name, value) in [("stride", stride), ("dilation", dilation), ("groups", groups)] where value < 1 {
      throw Failure(.value, "expected at least 1, got \(value)", argument: context.attributes.argument(name))
    }
    if padding < 0 {
      throw Failure(
        .value, "expected a padding of at least 0, got \(padding)",
        argument: context.attributes.argument("padding"))
    }
    batch = input.rank == 3 ? input.shape[0] : 1
    (channels, length) = (input.shape[input.rank - 2], input.shape[input.rank - 1])
    let outputs = weight.shape[0]
    if channels % groups != 0 || outputs % groups != 0 || weight.shape[1] != channels / groups {
      throw Failure(
        .shape,
        "weight \(weight.shape) does not fit an input of \(input.shape) in \(groups) group\(groups == 1 ? "" : "s")",
        argument: 2)
    }
    kernel = weight.shape[2]
    if kernel == 0 {
      throw Failure(.shape, "a kernel has at least one element, got \(weight.shape)", argument: 2)
    }
    let window = try Checked.plus(try Checked.times(dilation, kernel - 1, "positions"), 1, "positions")
    let available = try Checked.plus(length, try Checked.times(2, padding, "positions"), "positions")
    if window > available {
      throw Failure(.shape, "a window of \(window) does not fit in \(available) positions", argument: 2)
    }
    if let bias = context.inputs[2], bias.shape != [outputs] {
      throw Failure(.shape, "expected a bias of \(outputs), got \(bias.shape)", argument: 3)
    }
    type = [weight, context.inputs[2]].compactMap { $0?.dtype }.reduce(input.dtype) { DType.promote($0, $1) }
    output = try Shape(checked: [batch, outputs, (available - window) / stride + 1])
  }

  /// The output as [N, groups, O / groups, L'].
  var grouped: Shape { [batch, groups, output[1] / groups, output[2]] }

  /// The input in the common type with zeros at both ends, [N, C, L + 2 padding].
  func padded(_ input: Tensor) throws -> Tensor {
    let wide = try input.cast(to: type).reshaped([batch, channels, length])
    if padding == 0 { return wide }
    let result = try Tensor(zeros: try Shape(checked: [batch, channels, length + 2 * padding]), type)
    try Strided.copy(from: wide, to: try result.narrowed(2, from: padding, length: length))
    return result
  }

  /// [N, groups, C / groups, K, L'] over the padded input.
  private func windows(_ padded: Tensor) throws -> Tensor {
    let steps = padded.strides
    let inGroup = channels / groups
    let shape = try Shape(checked: [batch, groups, inGroup, kernel, output[2]])
    let along = output[2] > 1 ? stride * steps[2] : 1
    let apart = kernel > 1 ? dilation * steps[2] : 1
    return Tensor(
      storage: padded.storage, dtype: padded.dtype, shape: shape,
      strides: [steps[0], steps[1] * inGroup, steps[1], apart, along], offset: padded.offset)
  }

  /// [N, groups, C / groups * K, L'].
  func columns(_ padded: Tensor) throws -> Tensor {
    try windows(padded).reshaped([batch, groups, channels / groups * kernel, output[2]])
  }

  /// [groups, O / groups, C / groups * K].
  func kernels(_ weight: Tensor) throws -> Tensor {
    try weight.cast(to: type).reshaped([groups, output[1] / groups, channels / groups * kernel])
  }

  /// The gradient of the columns, summed where windows overlap, without the padding.
  func folded(_ columns: Tensor, like input: Tensor) throws -> Tensor {
    let result = try Tensor(zeros: try Shape(checked: [batch, channels, length + 2 * padding]), type)
    let view = try windows(result)
    let from = try columns.reshaped(view.shape)
    switch type {
    case .f32: try Strided.fold(from, view) { (sum: Float, x: Float) in sum + x }
    case .f64: try Strided.fold(from, view) { (sum: Double, x: Double) in sum + x }
    case .i64, .bool: break
    }
    return try result.narrowed(2, from: padding, length: length).reshaped(input.shape)
  }
}
