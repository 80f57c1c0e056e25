/// The sizes of a linear map, checked, and its passes.
import Base
import Tensors

struct LinearPlan {
  enum Map: String { case none, gelu, swiglu, layerNorm = "layer_norm", rmsNorm = "rms_norm" }

  let map: Map
  let epsilon: Float
  let rows: Int
  /// Elements of a row of the input, and of the row that the weights see.
  let width: Int
  let inputs: Int
  let outputs: Int
  let output: Shape
  private var isNorm: Bool { map == .layerNorm || map == .rmsNorm }

  init(_ call: Invocation) throws { try self.init(call.inputs, call.attributes) }

  init(_ tensors: [Tensor?], _ attributes: [Attribute]) throws {
    guard let x = tensors[0], let w = tensors[1], case .text(let name) = attributes[0],
      let map = Map(rawValue: name),
      case .number(let eps) = attributes[1]
    else { throw Failure(.argument, "linear needs two tensors") }
    (self.map, epsilon) = (map, Float(eps))
    try Op.checkFloats(tensors)
    guard let last = x.shape.last, w.rank == 2 else {
      throw Failure(.shape, "inner sizes differ: \(x.shape) x \(w.shape) transposed", argument: 2)
    }
    (width, inputs, outputs) = (last, w.shape[1], w.shape[0])
    if map == .swiglu && width != 2 * inputs {
      throw Failure(
        .shape, "rows of \(width), expected \(2 * inputs): gate and value for weights of \(inputs)",
        argument: 1)
    }
    if map != .swiglu && width != inputs {
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

  /// The result, [..., outputs]. Keeps the input, the weight and a norm's statistics for the backward pass.
  func forward(_ call: Invocation) throws -> Tensor {
    let (x, w) = (try call[0].contiguous(), try call[1].contiguous())
    let (bias, residual) = (try call.inputs[2]?.contiguous(), try call.inputs[3]?.contiguous())
    let mapping = try RowMap(
      self, x, try call.inputs[4]?.contiguous(), try call.inputs[5]?.contiguous(), statistics: nil)
    let y = try Tensor(uninitialized: output, .f32)
    Gemm.run(
      false, true, rows, outputs, inputs, 1, mapping.mapped, inputs, w.pointer(Float.self), inputs,
      residual == nil ? 0 : 1, y.pointer(Float.self), outputs,
      add: residual.map { (UnsafePointer($0.pointer(Float.self)), lead: outputs) },
      bias: bias.map { UnsafePointer($0.pointer(Float.self)) }, before: { mapping.forward($0) })
    call.saved = [x, w] + (mapping.statistics.map { [$0] } ?? [])
    return withExtendedLifetime((w, bias, residual, mapping)) { y }
  }

  /// The gradients of all inputs, from that of the result in row-major order, `g`, and as it came in: the residual's
  /// gradient is that one itself, without a copy.
  func backward(_ call: Invocation, _ g: Tensor, incoming: Tensor?) throws -> [Tensor?] {
    let (x, w) = (call.saved[0], call.saved[1])
    let mapping = try RowMap(
      self, x, try call.inputs[4]?.contiguous(), try call.inputs[5]?.contiguous(),
      statistics: isNorm ? call.saved[2] : nil)
    let dy = g.pointer(Float.self)
    var (dx, dscale, dshift): (Tensor?, Tensor?, Tensor?)
    if call.needs[0] || call.needs[4] || call.needs[5] {
      // The gradient of the mapped rows; the map then turns it into that of the input, where it can in place.
      let dmapped = try Tensor(uninitialized: [rows, inputs], .f32)
      let made = map == .swiglu ? try Tensor(uninitialized: x.shape, .f32) : dmapped
      let (from, to) = (dmapped.pointer(Float.self), made.pointer(Float.self))
      Gemm.run(
        false, false, rows, inputs, outputs, 1, dy, outputs, w.pointer(Float.self), inputs, 0, from, inputs,
        after: { mapping.backward($0, from, to) })
      if isNorm { (dscale, dshift) = try mapping.backwardNorm(to) }
      dx = try withExtendedLifetime(dmapped) { try made.reshaped(x.shape) }
    } else if call.needs[1] {
      Parallel.ranges(rows, grain: 64) { mapping.forward($0) }
    }
    let dw =
      call.needs[1]
      ? try LinearKernels.weightGradient(
        call, dy, mapping.mapped, rows: rows, outputs: outputs, inputs: inputs) : nil
    let db = call.needs[2] ? try LinearKernels.columnSums(dy, rows: rows, width: outputs) : nil
    return withExtendedLifetime((g, mapping)) {
      [call.needs[0] ? dx : nil, dw, db, call.needs[3] ? incoming : nil, dscale, dshift]
    }
  }

  /// The map by plain operations.
  func composedMap(_ x: Variable, _ scale: Variable?, _ shift: Variable?) throws -> Variable {
    switch map {
    case .none: return x
    case .gelu: return try Op.gelu([x], [.text("tanh")])[0]
    case .swiglu: return try Op.swiglu([x])[0]
    case .layerNorm: return try Op.layerNorm([x, scale, shift], [.number(Double(epsilon))])[0]
    case .rmsNorm: return try Op.rmsNorm([x, scale], [.number(Double(epsilon))])[0]
    }
  }
}
