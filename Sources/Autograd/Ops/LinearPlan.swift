/// The checked sizes of a linear map, and its forward and backward passes.
import Base
import Tensors

struct LinearPlan {
  let map: RowTransform.Kind
  let epsilon: Float
  let rows: Int
  /// Elements of a row of the input, and of a transformed row.
  let width: Int
  let inputs: Int
  let outputs: Int
  let output: Shape
  private var isNorm: Bool { map == .layerNorm || map == .rmsNorm }

  init(_ context: OpContext) throws { try self.init(context.inputs, context.attributes) }

  init(_ tensors: [Tensor?], _ attributes: Attributes) throws {
    guard let x = tensors[0], let w = tensors[1], let name = attributes.text("input"),
      let map = RowTransform.Kind(rawValue: name),
      let eps = attributes.number("eps")
    else { throw Failure(.argument, "linear needs two tensors") }
    (self.map, epsilon) = (map, Float(eps))
    try Op.checkFloats(tensors)
    guard let last = x.shape.last, w.rank == 2 else {
      throw Failure(.shape, "inner sizes differ: \(x.shape) x \(w.shape) transposed", argument: 2)
    }
    (width, inputs, outputs) = (last, w.shape[1], w.shape[0])
    if map.isGated && width != 2 * inputs {
      throw Failure(
        .shape, "rows of \(width), expected \(2 * inputs): gate and value for weights of \(inputs)",
        argument: 1)
    }
    if !map.isGated && width != inputs {
      throw Failure(.shape, "inner sizes differ: \(x.shape) x \(w.shape) transposed", argument: 2)
    }
    rows = last == 0 ? x.shape.dropLast().reduce(1, *) : x.elementCount / last
    var shape = x.shape
    shape[x.rank - 1] = outputs
    output = shape
    _ = try output.checkedElementCount()
    if let bias = tensors[2], bias.shape != [outputs] {
      throw Failure(.shape, "bias of \(bias.shape) for \(outputs) outputs", argument: 3)
    }
    if let residual = tensors[3], residual.shape != output {
      throw Failure(.shape, "residual of \(residual.shape) for a result of \(output)", argument: 4)
    }
    try checkNorm(tensors)
  }

  private func checkNorm(_ tensors: [Tensor?]) throws {
    if isNorm && tensors[4] == nil {
      throw Failure(.argument, "\(map.rawValue) needs norm_weight", argument: 5)
    }
    if map == .layerNorm && tensors[5] == nil {
      throw Failure(.argument, "layer_norm needs norm_bias", argument: 6)
    }
    for (i, name) in [(4, "norm_weight"), (5, "norm_bias")] {
      guard let given = tensors[i] else { continue }
      if !isNorm || i == 5 && map == .rmsNorm {
        throw Failure(.argument, "\(name) is not for \(map.rawValue)", argument: i + 1)
      }
      if given.shape != [inputs] {
        throw Failure(.shape, "\(name) of \(given.shape) for rows of \(inputs)", argument: i + 1)
      }
    }
  }

  /// The result, [..., outputs]. Saves the input, the weight and a norm's statistics for the backward pass.
  func forward(_ context: OpContext) throws -> Tensor {
    let (x, w) = (try context[0].contiguous(), try context[1].contiguous())
    let (bias, residual) = (try context.inputs[2]?.contiguous(), try context.inputs[3]?.contiguous())
    let transform = try transform(context, x, statistics: nil)
    let y = try Tensor(uninitialized: output, .f32)
    Gemm.run(
      MatrixView(transform.transformed, rows: rows, columns: inputs), weights(w).transposed,
      into: MutableMatrixView(y.pointer(Float.self), rows: rows, columns: outputs),
      beta: residual == nil ? 0 : 1,
      add: residual.map { MatrixView($0.pointer(Float.self), rows: rows, columns: outputs) },
      bias: bias.map { UnsafePointer($0.pointer(Float.self)) }, before: { transform.forward($0) })
    context.saved = [x, w] + (transform.statistics.map { [$0] } ?? [])
    return withExtendedLifetime((w, bias, residual, transform)) { y }
  }

  /// The gradients of all inputs. `g` is the gradient of the result in row-major order; `incoming` is the
  /// same in its original layout, and is returned as the residual's gradient without a copy.
  func backward(_ context: OpContext, _ g: Tensor, incoming: Tensor?) throws -> [Tensor?] {
    let (x, w) = (context.saved[0], context.saved[1])
    let transform = try transform(context, x, statistics: isNorm ? context.saved[2] : nil)
    let dy = g.pointer(Float.self)
    var (dx, dscale, dshift): (Tensor?, Tensor?, Tensor?)
    if context.needs[0] || context.needs[4] || context.needs[5] {
      // The gradient of the transformed rows, and from it that of the input: in place unless the widths
      // differ.
      let dinput = try Tensor(uninitialized: [rows, inputs], .f32)
      let made = map.isGated ? try Tensor(uninitialized: x.shape, .f32) : dinput
      let (from, to) = (dinput.pointer(Float.self), made.pointer(Float.self))
      Gemm.run(
        MatrixView(dy, rows: rows, columns: outputs), weights(w),
        into: MutableMatrixView(from, rows: rows, columns: inputs),
        after: { transform.backward($0, from, to) })
      if isNorm { (dscale, dshift) = try transform.backwardNorm(to) }
      dx = try withExtendedLifetime(dinput) { try made.reshaped(x.shape) }
    } else if context.needs[1] {
      Parallel.ranges(rows, grain: 64) { transform.forward($0) }
    }
    let dw =
      context.needs[1]
      ? try context.weightGradient(
        1, dy, transform.transformed, rows: rows, outputs: outputs, inputs: inputs) : nil
    let db = context.needs[2] ? try Reduce.columnSums(dy, rows: rows, width: outputs) : nil
    return withExtendedLifetime((g, transform)) {
      [context.needs[0] ? dx : nil, dw, db, context.needs[3] ? incoming : nil, dscale, dshift]
    }
  }

  private func weights(_ w: Tensor) -> MatrixView<Float> {
    MatrixView(w.pointer(Float.self), rows: outputs, columns: inputs)
  }

  private func transform(_ context: OpContext, _ x: Tensor, statistics: Tensor?) throws -> RowTransform {
    try RowTransform(
      map, x, rows: rows, inputs: inputs, scale: try context.inputs[4]?.contiguous(),
      shift: try context.inputs[5]?.contiguous(), epsilon: epsilon, statistics: statistics)
  }

  /// The transform of the rows, composed of other operations.
  func composedMap(_ x: Variable, _ scale: Variable?, _ shift: Variable?) throws -> Variable {
    switch map {
    case .none: return x
    case .gelu: return try x.gelu(tanh: true)
    case .swiglu: return try Op.swiglu([x])[0]
    case .geglu:
      let gate = try x.narrowed(x.value.rank - 1, from: 0, length: inputs).gelu(tanh: true)
      return try gate.times(try x.narrowed(x.value.rank - 1, from: inputs, length: inputs))
    case .layerNorm: return try Op.layerNorm([x, scale, shift], [.number(Double(epsilon))])[0]
    case .rmsNorm: return try Op.rmsNorm([x, scale], [.number(Double(epsilon))])[0]
    }
  }
}
