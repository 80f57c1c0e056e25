/// Tensors made from a rule: constants, ranges and the identity.
import Base

extension Tensor {
  /// Zeros of a shape. Throws if they are more than a tensor may hold, or memory is short.
  ///
  ///     try Tensor.zeros([2, 3])        // [[0, 0, 0], [0, 0, 0]], f32
  public static func zeros(_ shape: Shape, _ dtype: DType = .f32) throws -> Tensor {
    try Tensor(zeros: shape, dtype)
  }

  /// Ones of a shape. Throws as `zeros` does.
  public static func ones(_ shape: Shape, _ dtype: DType = .f32) throws -> Tensor {
    try full(shape, 1, dtype)
  }

  /// Every element `value`, which must be a whole number for `.i64`.
  public static func full(_ shape: Shape, _ value: Double, _ dtype: DType = .f32) throws -> Tensor {
    let result = try Tensor(uninitialized: shape, dtype)
    switch dtype {
    case .f32: try result.repeated(Float(value))
    case .f64: try result.repeated(value)
    case .i64:
      guard let whole = Int64(exactly: value) else {
        throw Failure(.value, "number \(value) has no integer representation")
      }
      try result.repeated(whole)
    case .bool: try result.repeated(value != 0)
    }
    return result
  }

  private func repeated<T: TensorScalar>(_ value: T) throws {
    let to = pointer(T.self)
    try Parallel.cutting {
      try Parallel.inOrder(elementCount) { (to + $0.lowerBound).update(repeating: value, count: $0.count) }
    }
  }

  /// Ones on the diagonal.
  ///
  ///     try Tensor.eye(2)   // [[1, 0], [0, 1]]
  public static func eye(_ rows: Int, _ columns: Int? = nil, _ dtype: DType = .f32) throws -> Tensor {
    let columns = columns ?? rows
    let result = try Tensor(zeros: try Shape(checked: [rows, columns]), dtype)
    let step = columns + 1
    for i in 0..<Swift.min(rows, columns) {
      switch dtype {
      case .f32: result.pointer(Float.self)[i * step] = 1
      case .f64: result.pointer(Double.self)[i * step] = 1
      case .i64: result.pointer(Int64.self)[i * step] = 1
      case .bool: result.pointer(Bool.self)[i * step] = true
      }
    }
    return result
  }

  /// The numbers start + i step for i = 0, 1, ... that are less than `end` (more, for a negative step). With
  /// `including`, floor((end - start) / step) + 1 numbers, as torch.range: 0 to 0.7 by 0.1 has 7, since 0.7 /
  /// 0.1 is 6.999... in f64.
  ///
  ///     try Tensor.arange(0, 1, step: 0.25)   // [0, 0.25, 0.5, 0.75]
  public static func arange(
    _ start: Double, _ end: Double, step: Double = 1, including: Bool = false, _ dtype: DType = .f32
  ) throws -> Tensor {
    if !start.isFinite || !end.isFinite || !step.isFinite || step == 0 {
      throw Failure(.value, "no range from \(start) to \(end) by \(step)")
    }
    if (end - start) * step < 0 {
      throw Failure(.value, "a range from \(start) to \(end) cannot go by \(step)")
    }
    let steps = (end - start) / step
    let wanted = including ? steps.rounded(.down) + 1 : steps.rounded(.up)
    guard let count = Int(exactly: wanted), count <= Limits.tensorBytesMax / 8 else {
      throw Failure(.memory, "a range from \(start) to \(end) by \(step) has too many numbers")
    }
    return try ramp(count, dtype) { start + Double($0) * step }
  }

  /// The whole numbers from `first` to `last`, which is included, by `step`: i64, exact over all 64 bits, and
  /// empty if `step` leads away from `last`.
  public static func arange(_ first: Int64, through last: Int64, step: Int64 = 1) throws -> Tensor {
    if step == 0 { throw Failure(.value, "no range from \(first) to \(last) by 0") }
    let way = Int128(last) - Int128(first)
    if (way < 0) != (step < 0) && way != 0 { return try Tensor(zeros: [0], .i64) }
    let count = way / Int128(step) + 1
    if count > Int128(Limits.tensorBytesMax / 8) {
      throw Failure(.memory, "a range from \(first) to \(last) by \(step) has too many numbers")
    }
    let result = try Tensor(uninitialized: [Int(count)], .i64)
    let to = result.pointer(Int64.self)
    try Parallel.cutting {
      try Parallel.inOrder(Int(count)) { for i in $0 { to[i] = first &+ Int64(i) &* step } }
    }
    return result
  }

  /// `count` numbers from `start` to `end`, both included, at equal distances.
  public static func linspace(_ start: Double, _ end: Double, _ count: Int, _ dtype: DType = .f32) throws
    -> Tensor
  {
    if count < 0 { throw Failure(.value, "expected a number of points of at least 0, got \(count)") }
    _ = try Shape(checked: [count])
    let step = count > 1 ? (end - start) / Double(count - 1) : 0
    // From both ends, so that the last number is `end` itself.
    return try ramp(count, dtype) { i in
      i < (count + 1) / 2 ? start + Double(i) * step : end - Double(count - 1 - i) * step
    }
  }

  /// The same in i64: exact quotients, with fractions cut off towards 0.
  public static func linspace(_ start: Int64, _ end: Int64, _ count: Int) throws -> Tensor {
    if count < 0 { throw Failure(.value, "expected a number of points of at least 0, got \(count)") }
    let result = try Tensor(uninitialized: try Shape(checked: [count]), .i64)
    let to = result.pointer(Int64.self)
    let steps = Int128(max(count - 1, 1))
    try Parallel.cutting {
      try Parallel.inOrder(count) {
        for i in $0 {
          to[i] = Int64((Int128(start) * (steps - Int128(i)) + Int128(end) * Int128(i)) / steps)
        }
      }
    }
    return result
  }

  private static func ramp(_ count: Int, _ dtype: DType, _ value: (Int) -> Double) throws -> Tensor {
    let result = try Tensor(uninitialized: [count], .f64)
    let to = result.pointer(Double.self)
    return try Parallel.cutting {
      try Parallel.inOrder(count) { for i in $0 { to[i] = value(i) } }
      return try result.cast(to: dtype)
    }
  }
}
