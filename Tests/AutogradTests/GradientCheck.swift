/// Gradients by central differences, against those of the tape.
import Autograd
import Base
import Tensors

enum GradientCheck {
  typealias Function = ([Variable?], [Attribute]) throws -> [Variable]

  /// The largest difference between the tape's gradient and that of central differences, relative to max(1, |g|), in
  /// f64 and with a non-uniform gradient of every output.
  static func worst(_ op: Op, _ sample: Op.Sample) throws -> Double {
    let inputs = try sample.inputs.map { tensor -> Tensor? in
      guard let tensor else { return nil }
      return tensor.dtype.isFloating ? try tensor.cast(to: .f64) : tensor
    }
    let function: Function = { try op($0, $1) }
    let gradients = try tape(inputs, sample.attributes, function)
    var worst = 0.0
    for (i, input) in inputs.enumerated() {
      guard let input, input.dtype.isFloating else { continue }
      // No gradient means zero.
      let g = try gradients[i]?.doubles() ?? [Double](repeating: 0, count: input.elementCount)
      if let tensor = gradients[i], tensor.shape != input.shape || tensor.dtype != .f64 { return .infinity }
      let values = try input.doubles()
      for k in 0..<values.count {
        let h = 1e-4 * max(1, abs(values[k]))
        func loss(_ step: Double) throws -> Double {
          var moved = values
          moved[k] += step * h
          var all = inputs
          all[i] = try Tensor(moved, shape: input.shape)
          return try weighted(all, sample.attributes, function)
        }
        let near = try loss(1) - loss(-1)
        let far = try loss(2) - loss(-2)
        let difference = (8 * near - far) / (12 * h)
        let error = abs(difference - g[k]) / max(1, abs(g[k]))
        worst = max(worst, error.isNaN ? .infinity : error)
      }
    }
    return worst
  }

  /// The outputs, then the gradients of floating-point inputs, flat.
  static func valuesAndGradients(_ sample: Op.Sample, _ dtype: DType, _ function: Function) throws -> [Double]
  {
    let inputs = try sample.inputs.map { tensor -> Tensor? in
      guard let tensor else { return nil }
      return tensor.dtype.isFloating ? try tensor.cast(to: dtype) : tensor
    }
    let outputs = try function(inputs.map { $0.map { Variable($0) } }, sample.attributes)
    let gradients = try tape(inputs, sample.attributes, function)
    return try outputs.flatMap { try $0.value.doubles() } + gradients.flatMap { try $0?.doubles() ?? [] }
  }

  /// The same weights for an output of a given number and size each time.
  private static func weights(_ number: Int, _ shape: Shape, _ dtype: DType) throws -> Tensor {
    var random = Samples(seed: 77 + UInt64(number))
    return try random.normal(shape, dtype)
  }

  private static func weighted(_ inputs: [Tensor?], _ attributes: [Attribute], _ function: Function) throws
    -> Double
  {
    var total = 0.0
    for (number, output) in try function(inputs.map { $0.map { Variable($0) } }, attributes).enumerated() {
      guard output.value.dtype.isFloating else { continue }
      let w = try weights(number, output.value.shape, .f64).doubles()
      for (x, y) in zip(w, try output.value.doubles()) { total += x * y }
    }
    return total
  }

  static func tape(_ inputs: [Tensor?], _ attributes: [Attribute], _ function: Function) throws -> [Tensor?] {
    let variables = inputs.map { $0.map { Variable($0, requiresGrad: $0.dtype.isFloating) } }
    let outputs = try function(variables, attributes)
    for (number, output) in outputs.enumerated() where output.requiresGrad {
      try output.backward(try weights(number, output.value.shape, output.value.dtype), retainGraph: true)
    }
    return variables.map { $0?.grad }
  }
}

/// Inputs and attributes at the edge of what an operation may meet.
enum EdgeInputs {
  static let numbers: [Double] = [
    0, -0.0, 1, 1e30, -1e30, .infinity, -.infinity, .nan, 0x1p-149, .leastNonzeroMagnitude,
  ]

  /// The inputs with special values, as views, without elements, with one, and all the same tensor.
  static func variants(_ inputs: [Tensor?]) throws -> [[Tensor?]] {
    var result: [[Tensor?]] = []
    for dtype in DType.allCases {
      result.append(
        inputs.map { tensor in
          // Casting to i64 refuses what does not fit; that variant is left out.
          guard let tensor else { return nil }
          return (try? tensor.cast(to: dtype)) ?? tensor
        })
    }
    for x in numbers {
      result.append(try inputs.map { tensor in try tensor.map { try filled($0, x) } })
    }
    for x: Int64 in [0, -1, .min, .max] {
      result.append(
        try inputs.map { tensor in
          try tensor.map { t in
            t.dtype == .bool ? t : try Tensor([x], shape: [1]).reshaped([]).expanded(to: t.shape)
          }
        })
    }
    result.append(
      try inputs.map { tensor in
        try tensor.map { t in
          t.rank < 2 ? t : try t.transposed(0, t.rank - 1).copied().transposed(0, t.rank - 1)
        }
      })
    result.append(try inputs.map { tensor in try tensor.map { try spaced($0) } })
    for target: Shape in [
      [], [1], [0], [1, 1, 1, 1, 1, 1, 1, 1], [0, 2, 1, 1, 1, 1, 1, 3], [2, 3], [3, 2], [1, 1],
    ] {
      result.append(try inputs.map { tensor in try tensor.map { try Tensor(zeros: target, $0.dtype) } })
      result.append(
        try inputs.enumerated().map { i, tensor in
          try tensor.map { i == 0 ? try Tensor(zeros: target, $0.dtype) : $0 }
        })
    }
    if let first = inputs.first { result.append(inputs.map { _ in first }) }
    return result
  }

  private static func filled(_ t: Tensor, _ x: Double) throws -> Tensor {
    t.dtype.isFloating ? try Tensor(scalar: x, t.dtype).expanded(to: t.shape) : t
  }

  /// Every second element of a tensor twice as long: a view with gaps.
  private static func spaced(_ t: Tensor) throws -> Tensor {
    guard t.rank > 0, t.rank < Limits.dimensionsMax else { return t }
    var wide = t.shape
    wide.append(2)
    return try t.unsqueezed(t.rank).expanded(to: wide).copied().selected(t.rank, 0)
  }

  /// Each attribute alone at the ends of its range.
  static func variants(_ op: Op, _ attributes: [Attribute]) -> [[Attribute]] {
    var result: [[Attribute]] = []
    for i in attributes.indices {
      for edge in edges(attributes[i]) {
        var changed = attributes
        changed[i] = edge
        result.append(changed)
      }
    }
    return result
  }

  private static func edges(_ attribute: Attribute) -> [Attribute] {
    switch attribute {
    case .none: return [.integer(0), .number(1)]
    case .integer: return [Int.min, Int.max, -1, 0, 1, 2, 7].map { .integer($0) } + [.none]
    case .number: return numbers.map { .number($0) } + [.none]
    case .flag: return [.flag(true), .flag(false), .none]
    case .text: return [.text(""), .text("é"), .none]
    case .integers:
      return [.integers([]), .integers([0]), .integers([0, 0]), .integers([.min, .max]), .none]
    case .numbers: return [.numbers([]), .numbers([0]), .numbers([1, .nan]), .none]
    case .dtype: return DType.allCases.map { .dtype($0) } + [.none]
    }
  }
}
