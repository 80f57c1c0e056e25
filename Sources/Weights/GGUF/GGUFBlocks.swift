/// Blocks of quantised numbers as f32, bit for bit as PyPI's gguf 0.19.0 (`gguf/quants.py`) gives them.
///
/// Scales are f16. Each number is one product, and in the types with a minimum one sum or difference of two
/// rounded numbers. Types of 32 elements are here, those of 256 in GGUFBlocks+K.swift.
import Base
import Formats

enum GGUFBlocks {
  typealias Bytes = UnsafePointer<UInt8>
  typealias Floats = UnsafeMutablePointer<Float>

  /// Decodes `count` blocks.
  static func decode(_ type: GGUFTensorType, _ blocks: Bytes, count: Int, into y: Floats) {
    switch type {
    case .f32: UnsafeMutableRawPointer(y).copyMemory(from: blocks, byteCount: 4 * count)
    case .f16: for i in 0..<count { y[i] = half(blocks + 2 * i) }
    case .bf16:
      for i in 0..<count {
        y[i] = Float(bitPattern: UInt32(LittleEndian.load(blocks + 2 * i, as: UInt16.self)) << 16)
      }
    case .q4_0: each(type, blocks, count, y, q4_0)
    case .q4_1: each(type, blocks, count, y, q4_1)
    case .q5_0: each(type, blocks, count, y, q5_0)
    case .q5_1: each(type, blocks, count, y, q5_1)
    case .q8_0: each(type, blocks, count, y, q8_0)
    case .q2_K: each(type, blocks, count, y, q2_K)
    case .q3_K: each(type, blocks, count, y, q3_K)
    case .q4_K: each(type, blocks, count, y, q4_K)
    case .q5_K: each(type, blocks, count, y, q5_K)
    case .q6_K: each(type, blocks, count, y, q6_K)
    }
  }

  @inline(__always)
  private static func each(
    _ type: GGUFTensorType, _ blocks: Bytes, _ count: Int, _ y: Floats, _ decode: (Bytes, Floats) -> Void
  ) {
    let block = type.block
    for i in 0..<count { decode(blocks + i * block.bytes, y + i * block.elements) }
  }

  @inline(__always)
  static func half(_ p: Bytes) -> Float { HalfFloat.widen(LittleEndian.load(p)) }

  /// d, 16 bytes of two: d (q - 8).
  private static func q4_0(_ p: Bytes, _ y: Floats) {
    let (d, q) = (half(p), p + 2)
    for i in 0..<16 {
      y[i] = d * Float(Int32(q[i] & 15) &- 8)
      y[i + 16] = d * Float(Int32(q[i] >> 4) &- 8)
    }
  }

  /// d, m, 16 bytes of two: d q + m.
  private static func q4_1(_ p: Bytes, _ y: Floats) {
    let (d, m, q) = (half(p), half(p + 2), p + 4)
    for i in 0..<16 {
      y[i] = d * Float(q[i] & 15) + m
      y[i + 16] = d * Float(q[i] >> 4) + m
    }
  }

  /// d, 32 fifth bits, 16 bytes of two: d (q - 16).
  private static func q5_0(_ p: Bytes, _ y: Floats) {
    let (d, high, q) = (half(p), LittleEndian.load(p + 2, as: UInt32.self), p + 6)
    for i in 0..<16 {
      y[i] = d * Float(Int32(UInt32(q[i] & 15) | (high >> UInt32(i) & 1) << 4) &- 16)
      y[i + 16] = d * Float(Int32(UInt32(q[i] >> 4) | (high >> UInt32(i + 16) & 1) << 4) &- 16)
    }
  }

  /// d, m, 32 fifth bits, 16 bytes of two: d q + m.
  private static func q5_1(_ p: Bytes, _ y: Floats) {
    let (d, m, high, q) = (half(p), half(p + 2), LittleEndian.load(p + 4, as: UInt32.self), p + 8)
    for i in 0..<16 {
      y[i] = d * Float(UInt32(q[i] & 15) | (high >> UInt32(i) & 1) << 4) + m
      y[i + 16] = d * Float(UInt32(q[i] >> 4) | (high >> UInt32(i + 16) & 1) << 4) + m
    }
  }

  /// d, 32 signed bytes: d q.
  private static func q8_0(_ p: Bytes, _ y: Floats) {
    let (d, q) = (half(p), p + 2)
    for i in 0..<32 { y[i] = d * Float(Int8(bitPattern: q[i])) }
  }
}
