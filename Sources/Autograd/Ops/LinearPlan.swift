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
  /// Weights that are no input of the operation.
  private let stored: StoredMatrix?
  private let precision: Precision
  private var isNorm: Bool { map == .layerNorm || map == .rmsNorm }

  init(_ context: OpContext, _ stored: StoredMatrix? = nil, _ precision: Precision = .f32) throws {
    try self.init(context.inputs, context.attributes, stored, precision)
  }

  init(
    _ tensors: [Tensor?], _ attributes: Attributes, _ stored: StoredMatrix? = nil,
    _ precision: Precision = .f32
  ) throws {
    (self.stored, self.precision) = (stored, precision)
    guard let x = tensors[0], let weights = stored?.shape ?? tensors[1]?.shape,
      let name = attributes.text("input"),
      let map = RowTransform.Kind(rawValue: name),
      let eps = attributes.number("eps")
    else { throw Failure(.argument, "linear needs two tensors") }
    (self.map, epsilon) = (map, Float(eps))
    try Op.checkFloats(tensors)
    if (stored != nil || precision == .bf16) && x.dtype != .f32 {
      let what = stored != nil ? "stored weights" : "products of bf16"
      throw Failure(.dtype, "\(what) multiply f32, got \(x.dtype.rawValue)", argument: 1)
    }
    guard let last = x.shape.last, weights.count == 2 else {
      throw Failure(.shape, "inner sizes differ: \(x.shape) x \(weights) transposed", argument: 2)
    }
    (width, inputs, outputs) = (last, weights[1], weights[0])
    if map.isGated && width != 2 * inputs {
      throw Failure(
        .shape, "rows of \(width), expected \(2 * inputs): gate and value for weights of \(inputs)",
        argument: 1)
    }
    if !map.isGated && width != inputs {
      throw Failure(.shape, "inner sizes differ: \(x.shape) x \(weights) transposed", argument: 2)
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

  /// The result, [..., outputs]. Saves the input, a norm's statistics and the weight for the backward pass.
  func forward(_ context: OpContext) throws -> Tensor {
    let (x, w) = (try context[0].contiguous(), try context.inputs[1]?.contiguous())
    let (bias, residual) = (try context.inputs[2]?.contiguous(), try context.inputs[3]?.contiguous())
    let transform = try transform(context, x, statistics: nil)
    let y = try Tensor(uninitialized: output, .f32)
    let weights = try weights(w)
    let workspace = try weights.workspace()
    weights.multiply(
      transform.transformed, rows: rows, into: y.pointer(Float.self),
      workspace: workspace?.pointer(Float.self),
      beta: residual == nil ? 0 : 1, add: residual.map { Floats($0.pointer(Float.self)) },
      bias: bias.map { Floats($0.pointer(Float.self)) }, before: { transform.forward($0) })
    context.saved = [x] + (transform.statistics.map { [$0] } ?? []) + (w.map { [$0] } ?? [])
    return withExtendedLifetime((w, bias, residual, transform, workspace)) { y }
  }

  /// The gradients of all inputs. That of the residual is `incoming`, the gradient of the result, in its layout.
  func backward(_ context: OpContext, _ incoming: Tensor?) throws -> [Tensor?] {
    guard let g = try incoming?.contiguous() else { return context.inputs.map { _ in nil } }
    let (x, w) = (context.saved[0], stored == nil ? context.saved.last : nil)
    let transform = try transform(context, x, statistics: isNorm ? context.saved[1] : nil)
    let dy = g.pointer(Float.self)
    var (dx, dscale, dshift): (Tensor?, Tensor?, Tensor?)
    if context.needs[0] || context.needs[4] || context.needs[5] {
      // The gradient of the transformed rows, and from it that of the input: in place unless the widths
      // differ.
      let dinput = try Tensor(uninitialized: [rows, inputs], .f32)
      let made = map.isGated ? try Tensor(uninitialized: x.shape, .f32) : dinput
      let (from, to) = (dinput.pointer(Float.self), made.pointer(Float.self))
      let weights = try weights(w)
      let workspace = try weights.workspace()
      weights.multiplyBack(
        dy, rows: rows, into: from, workspace: workspace?.pointer(Float.self),
        after: { transform.backward($0, from, to) })
      withExtendedLifetime(workspace) {}
      if isNorm { (dscale, dshift) = try transform.backwardNorm(to) }
      dx = try withExtendedLifetime(dinput) { try made.reshaped(x.shape) }
    } else if context.needs[1] {
      Parallel.ranges(rows, grain: 64) { transform.forward($0) }
    }
    let dw =
      context.needs[1]
      ? try context.weightGradient(
        1, dy, transform.transformed, rows: rows, outputs: outputs, inputs: inputs, precision) : nil
    let db = context.needs[2] ? try Reduce.columnSums(dy, rows: rows, width: outputs) : nil
    return withExtendedLifetime((g, w, transform)) {
      [context.needs[0] ? dx : nil, dw, db, context.needs[3] ? incoming : nil, dscale, dshift]
    }
  }

  private func weights(_ w: Tensor?) throws -> LinearWeights {
    if let stored { return LinearWeights(.stored(stored), precision) }
    guard let w else { throw Failure(.argument, "linear needs two tensors") }
    return LinearWeights(.floats(w.pointer(Float.self), outputs: outputs, inputs: inputs), precision)
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
