/// Index tensors: checked once, before any kernel reads through them.
///
/// Input positions count from 1, negatives from the end; input ids count from 0. Both become row-major 64-bit
/// numbers that count from 0 and are in range.
import Base

extension Tensor {
  /// Positions along a dimension of `size`, from 0.
  public func zeroBasedPositions(size: Int, argument: Int) throws -> Tensor {
    try translated(argument) { value, place in
      if value == 0 { throw Failure(.index, "index 0: positions start at 1", argument: argument) }
      let position = value > 0 ? value - 1 : value + Int64(size)
      if position < 0 || position >= Int64(size) {
        throw Failure(
          .index, "index \(value)\(place()) is out of range for a dimension of size \(size)",
          argument: argument)
      }
      return position
    }
  }

  /// Ids of a vocabulary of `count` entries, as they are.
  public func checkedIds(_ word: String, count: Int, argument: Int) throws -> Tensor {
    let isClass = word == "class"
    return try translated(argument) { value, place in
      if value < 0 || value >= Int64(count) {
        throw Failure(
          .index,
          "\(word) \(value)\(place()) is not a \(isClass ? "class" : "token") id: expected 0..\(count - 1) "
            + "(\(isClass ? "classes" : "vocab") \(count))", argument: argument)
      }
      return value
    }
  }

  /// Whole numbers of any element type but bool, each mapped by `translate`, which gets the text of its place
  /// for errors.
  private func translated(_ argument: Int, _ translate: (Int64, () -> String) throws -> Int64) throws
    -> Tensor
  {
    let whole: Tensor
    switch dtype {
    case .i64: whole = self
    case .f32, .f64:
      whole = try cast(to: .i64)
      let widened = try cast(to: .f64).elements(Double.self)
      let numbers = try whole.elements(Int64.self)
      try Parallel.inOrder(numbers.count) {
        for i in $0 where Double(numbers[i]) != widened[i] {
          throw Failure(.value, "expected whole numbers, got \(widened[i])", argument: argument)
        }
      }
    case .bool:
      throw Failure(.dtype, "expected whole numbers, got a tensor of bool", argument: argument)
    }
    let packed = try whole.contiguous()
    let result = try Tensor(uninitialized: shape, .i64)
    let (from, to) = (packed.pointer(Int64.self), result.pointer(Int64.self))
    try withExtendedLifetime(packed) {
      try Parallel.inOrder(elementCount) {
        for i in $0 { to[i] = try translate(from[i]) { shape.place(of: i) } }
      }
    }
    return result
  }
}

extension Shape {
  /// ` at [2,3]`: the indices, from 1, of element `offset` in row-major order.
  fileprivate func place(of offset: Int) -> String {
    if isEmpty { return "" }
    var (rest, places) = (offset, [String]())
    for size in reversed() {
      places.append(String(rest % size + 1))
      rest /= size
    }
    return " at [\(places.reversed().joined(separator: ","))]"
  }
}

extension Tensor {
  /// The row-major numbers, from 0, of the true elements of a tensor of bool.
  public func placesOfTrue() throws -> Tensor {
    let packed = try contiguous()
    let flags = packed.pointer(Bool.self)
    return try withExtendedLifetime(packed) {
      var count = 0
      try Parallel.inOrder(elementCount) { for i in $0 where flags[i] { count += 1 } }
      let result = try Tensor(uninitialized: [count], .i64)
      let to = result.pointer(Int64.self)
      var next = 0
      try Parallel.inOrder(elementCount) {
        for i in $0 where flags[i] {
          to[next] = Int64(i)
          next += 1
        }
      }
      return result
    }
  }
}
