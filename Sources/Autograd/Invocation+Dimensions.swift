/// Dimensions, positions and sizes among an operation's attributes, checked against its tensors.
import Base
import Tensors

extension Invocation {
  /// Attribute `i` as a dimension of a tensor of `rank`; negatives count from the end.
  func dimension(_ i: Int, rank: Int, default fallback: Int? = nil) throws -> Int {
    guard let given = integer(i) ?? fallback else {
      throw Failure(.argument, "expected a dimension", argument: argument(i))
    }
    return try Invocation.dimension(given, rank: rank, argument: argument(i))
  }

  static func dimension(_ given: Int, rank: Int, argument: Int) throws -> Int {
    if given >= rank || given < -rank {
      throw Failure(
        .index,
        "dimension \(given < 0 ? given : given &+ 1) is out of range for a tensor of \(rank) dimensions",
        argument: argument)
    }
    return given < 0 ? given + rank : given
  }

  /// Attribute `i` as a list of different dimensions.
  func dimensions(_ i: Int, rank: Int) throws -> [Int] {
    let found = try (integers(i) ?? []).map {
      try Invocation.dimension($0, rank: rank, argument: argument(i))
    }
    if Set(found).count != found.count {
      throw Failure(.argument, "a dimension comes twice", argument: argument(i))
    }
    return found
  }

  /// Attribute `i` as a position along a dimension of `size`; negatives count from the end.
  func position(_ i: Int, size: Int) throws -> Int {
    guard let given = integer(i) else {
      throw Failure(.argument, "expected a position", argument: argument(i))
    }
    if given >= size || given < -size {
      throw Failure(
        .index, "position \(given < 0 ? given : given &+ 1) is out of range for a dimension of size \(size)",
        argument: argument(i))
    }
    return given < 0 ? given + size : given
  }

  func required(_ i: Int) throws -> Int {
    guard let given = integer(i) else {
      throw Failure(.argument, "expected a whole number", argument: argument(i))
    }
    return given
  }

  /// The place of attribute `i` among all arguments, from 1.
  func argument(_ i: Int) -> Int {
    var seen = -1
    for (place, parameter) in op.parameters.enumerated() where !parameter.isTensor {
      seen += 1
      if seen == i { return place + 1 }
    }
    return op.parameters.count
  }

  /// Sizes in which one -1 stands for what is left of `count` elements.
  func sizes(_ i: Int, filling count: Int) throws -> Shape {
    let given = integers(i) ?? []
    if given.filter({ $0 == -1 }).count > 1 {
      throw Failure(.shape, "only one size can be -1", argument: argument(i))
    }
    guard let hole = given.firstIndex(of: -1) else { return try Shape(checked: given) }
    var known = given
    known[hole] = 1
    let rest = try Shape(checked: known).elementCount
    if rest == 0 || count % rest != 0 {
      let text = given.map(String.init).joined(separator: "x")
      throw Failure(.shape, "cannot reshape \(count) elements to \(text)", argument: argument(i))
    }
    known[hole] = count / rest
    return try Shape(checked: known)
  }
}

extension Tensor {
  /// Zeros of this shape and type in which `write` has put something: the gradient of a view.
  func zerosFilled(_ write: (Tensor) throws -> Tensor, _ gradient: Tensor) throws -> Tensor {
    let result = try Tensor(zeros: shape, gradient.dtype)
    Strided.copy(from: gradient, to: try write(result))
    return result
  }
}
