/// The plain operations of which the fused ones' references are composed, as methods.
import Autograd
import Base
import Tensors

extension Variable {
  func matrixTimes(_ other: Variable) throws -> Variable { try apply(.matmul, other) }

  func transposed(_ a: Int, _ b: Int) throws -> Variable {
    try apply(.transpose, attributes: [.integer(a), .integer(b)])
  }

  func narrowed(_ dimension: Int, from start: Int, length: Int) throws -> Variable {
    try apply(.narrow, attributes: [.integer(dimension), .integer(start), .integer(length)])
  }

  /// The mean along one dimension, which stays with size 1; over everything without one.
  func mean(_ dimension: Int? = nil) throws -> Variable {
    try apply(
      .mean, attributes: [dimension.map { .integers([$0]) } ?? .none, .flag(dimension != nil)])
  }

  func softmax(_ dimension: Int) throws -> Variable { try apply(.softmax, attributes: [.integer(dimension)]) }
  func logSoftmax(_ dimension: Int) throws -> Variable { try apply(.logSoftmax, attributes: [.integer(dimension)]) }
  func gatheredIds(_ ids: Variable) throws -> Variable { try apply(.gatherId, ids) }

  func maskedFill(_ mask: Variable, _ number: Double) throws -> Variable {
    try apply(.maskedFill, mask, attributes: [.number(number)])
  }

  static func concatenated(_ parts: [Variable], _ dimension: Int) throws -> Variable {
    try Op.cat(parts, [.integer(dimension)])[0]
  }
}
