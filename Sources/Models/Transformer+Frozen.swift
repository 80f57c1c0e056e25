/// A model kept in fewer bits: a reference, a judge, or what samples, beside a policy in f32.
import Autograd
import Base
import Tensors
import Weights

/// How the matrices of a frozen copy are kept.
public enum FrozenType: String, CaseIterable, Sendable {
  /// Rounded to the nearest bf16, two bytes a weight.
  case bf16
  /// Eight bits and a share of a scale, 34 bytes for 32 weights; a matrix whose rows are not whole blocks is bf16.
  case q8 = "Q8_0"

  /// How rows of a number of weights are stored.
  fileprivate func stored(rows inputs: Int) throws -> StoredType {
    let blocks = try StoredType.q8_0()
    return self == .q8 && inputs % blocks.elements == 0 ? blocks : try .bf16()
  }
}

extension Transformer {
  /// A frozen copy whose matrices are kept as `type`, norms and biases as f32; adapters are merged. What it computes is
  /// what a model of its rounded weights computes.
  ///
  ///     let reference = try sft.frozen(.bf16)
  public func frozen(_ type: FrozenType) throws -> Transformer {
    var next = weights.all.makeIterator()
    var current: Affine?
    func matrix(_ part: WeightPart) throws -> StoredMatrix {
      current = try next.next()?.merged()
      guard let weight = try current?.weight.asVariable().value else {
        throw Failure(.state, "weight '\(part.name(.weight))' of the model is missing")
      }
      return try StoredMatrix(encoding: weight, as: type.stored(rows: weight.shape[1]))
    }
    return try Transformer(config, stored: matrix) { part, kind in
      if kind == .weight { current = next.next() }
      guard let own = kind == .weight ? try current?.weight.asVariable() : current?.bias else {
        throw Failure(.state, "'\(part.name(kind))' of the model is missing")
      }
      return try own.value.copied()
    }
  }
}

extension StoredMatrix {
  /// The rows of an f32 tensor [outputs, inputs], encoded.
  fileprivate convenience init(encoding tensor: Tensor, as type: StoredType) throws {
    let packed = try tensor.contiguous()
    let (rows, inputs) = (packed.shape[0], packed.shape[1])
    try self.init(inputs: inputs, parts: [(rows: rows, type: type)])
    let from = packed.pointer(Float.self)
    Parallel.ranges(rows, grain: max(1, (1 << 15) / max(1, inputs))) { own in
      type.encode(
        UnsafeBufferPointer(start: from + own.lowerBound * inputs, count: own.count * inputs),
        into: bytes(0, rows: own))
    }
    withExtendedLifetime(packed) {}
  }
}
