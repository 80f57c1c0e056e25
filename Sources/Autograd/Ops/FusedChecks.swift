/// Checks shared by the fused operations.
import Base
import Tensors

extension Op {
  /// All tensors must be of one floating type.
  static func checkFloats(_ inputs: [Tensor?]) throws {
    guard let first = inputs[0]?.dtype else { return }
    for (i, input) in inputs.enumerated() {
      guard let input else { continue }
      if !input.dtype.isFloating {
        throw Failure(.dtype, "expected f32 or f64, got \(input.dtype.rawValue)", argument: i + 1)
      }
      if input.dtype != first {
        throw Failure(
          .dtype, "expected \(first.rawValue) as the first argument, got \(input.dtype.rawValue)",
          argument: i + 1)
      }
    }
  }

  /// Token ids must be whole numbers in the vocabulary, and count from 0.
  static func checkIds(_ ids: Tensor, vocabulary: Int, argument: Int) throws {
    if ids.dtype != .i64 {
      throw Failure(.dtype, "token ids must be i64, got \(ids.dtype.rawValue)", argument: argument)
    }
    let packed = try ids.contiguous()
    let p = packed.pointer(Int64.self)
    try withExtendedLifetime(packed) {
      for i in 0..<packed.elementCount where p[i] < 0 || p[i] >= vocabulary {
        throw Failure(
          .index,
          "\(p[i]) at [\(i + 1)] is not a token id: expected 0..\(vocabulary - 1) (vocab \(vocabulary))",
          argument: argument)
      }
    }
  }
}
