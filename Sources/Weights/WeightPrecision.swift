/// How a model holds the weights that it multiplies with.
///
/// The names are those of the argument `dtype` of transformers' from_pretrained.
import Base
import Tensors

public enum WeightPrecision: String, CaseIterable, Sendable {
  /// f32, which can train.
  case f32
  /// Two bytes a weight, rounded to the nearest bf16, ties to even; frozen.
  case bf16
  /// As the file has them: quantised blocks, f16, bf16 or f32; frozen.
  case auto
}

extension StoredType {
  /// Encodes f32 as bf16, or copies it.
  func encode(_ numbers: UnsafeBufferPointer<Float>, into bytes: UnsafeMutableRawBufferPointer) {
    guard elements == 1, bytes.count == numbers.count * self.bytes else { return }
    if self.bytes == 4 { return bytes.copyMemory(from: UnsafeRawBufferPointer(numbers)) }
    let to = bytes.bindMemory(to: UInt16.self)
    for i in numbers.indices {
      let bits = numbers[i].bitPattern
      // A NaN stays one: rounding could make it infinite.
      let rounded = bits &+ 0x7FFF &+ (bits >> 16 & 1)
      to[i] = UInt16(truncatingIfNeeded: (numbers[i].isNaN ? bits | 0x40_0000 : rounded) >> 16)
    }
  }
}
