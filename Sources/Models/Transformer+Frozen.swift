/// A model kept in fewer bits: a reference, a judge, or what samples, beside a policy in f32.
import Autograd
import Base
import Tensors
import Weights

/// How the matrices of a frozen copy are kept.
public enum FrozenType: String, CaseIterable, Sendable {
  /// Rounded to the nearest bf16, two bytes a weight.
  case bf16
  /// Eight bits and a share of a scale, 34 bytes for 32 weights.
  case q8 = "Q8_0"

  fileprivate func stored() throws -> StoredType { self == .bf16 ? try .bf16() : try .q8_0() }
}

extension Transformer {
  /// A frozen copy whose matrices are kept as `type`, norms and biases as f32; adapters are merged. What it computes is
  /// what a model of its rounded weights computes.
  ///
  ///     let reference = try sft.frozen(.bf16)
  public func frozen(_ type: FrozenType) throws -> Transformer {
    let type = try type.stored()
    var next = weights.all.makeIterator()
    var current: Affine?
    func matrix(_ part: WeightPart) throws -> StoredMatrix {
      current = try next.next()?.merged()
      guard let weight = current?.weight else { throw Failure(.state, "a weight of the model is missing") }
      do {
        return try StoredMatrix(encoding: try weight.asVariable().value, as: type)
      } catch let error as Failure where error.kind == .shape {
        throw Failure(.shape, "weight '\(part.name(.weight))': \(error)", cause: error)
      }
    }
    return try Transformer(config, stored: matrix) { _, kind in
      if kind == .weight { current = next.next() }
      guard let own = kind == .weight ? try current?.weight.asVariable() : current?.bias else {
        throw Failure(.state, "a weight of the model is missing")
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
