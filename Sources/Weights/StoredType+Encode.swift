/// The other way than `StoredType.decode`: f32 as it is stored.
import Base
import Tensors

extension StoredType {
  /// Eight bits an element with a scale for each 32, as ggml's Q8_0.
  public static func q8_0() throws -> StoredType {
    try StoredType(8, name: "Q8_0", elements: 32, bytes: 34)
  }

  /// Encodes f32 as f32, bf16 or Q8_0. The numbers are whole blocks, and the bytes are as many as those take; other
  /// types are not encoded. A caller sees to both, so anything else ends the program.
  public func encode(_ numbers: UnsafeBufferPointer<Float>, into bytes: UnsafeMutableRawBufferPointer) {
    precondition(
      numbers.count.isMultiple(of: elements) && bytes.count == numbers.count / elements * self.bytes,
      "\(numbers.count) numbers do not fill \(bytes.count) bytes of \(name)")
    switch name {
    case "F32": bytes.copyMemory(from: UnsafeRawBufferPointer(numbers))
    case "BF16":
      let to = bytes.bindMemory(to: UInt16.self)
      for i in numbers.indices {
        let bits = numbers[i].bitPattern
        // A NaN stays one: rounding could make it infinite.
        let rounded = bits &+ 0x7FFF &+ (bits >> 16 & 1)
        to[i] = UInt16(truncatingIfNeeded: (numbers[i].isNaN ? bits | 0x40_0000 : rounded) >> 16)
      }
    case "Q8_0":
      for block in 0..<numbers.count / 32 {
        Self.encodeQ8(
          UnsafeBufferPointer(rebasing: numbers[32 * block..<32 * block + 32]),
          UnsafeMutableRawBufferPointer(rebasing: bytes[34 * block..<34 * block + 34]))
      }
    default: preconditionFailure("f32 is not encoded as \(name)")
    }
  }

  /// The bytes of PyPI's gguf 0.19.0 (gguf/quants.py, Q8_0): d = max |x| / 127 as f16, and x / d to the nearest whole
  /// number, ties away from zero.
  private static func encodeQ8(_ x: UnsafeBufferPointer<Float>, _ block: UnsafeMutableRawBufferPointer) {
    // A NaN is kept as the block's scale: max would pass over it.
    let d = x.reduce(0) { $1.isNaN ? .nan : max($0, abs($1)) } / 127
    let inverse = d == 0 ? 0 : 1 / d
    block.storeBytes(of: Float16(d).bitPattern.littleEndian, as: UInt16.self)
    for i in 0..<32 {
      let q = (x[i] * inverse).rounded(.toNearestOrAwayFromZero)
      block[2 + i] = UInt8(bitPattern: Int8(max(-127, min(127, q))))
    }
  }
}
