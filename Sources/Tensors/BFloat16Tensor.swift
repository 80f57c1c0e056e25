/// Numbers of bfloat16 in row-major order: the upper halves of 32-bit floats, with 8 bits of precision.
///
/// No operation takes them. They hold what a step reads once and writes once, such as the moments of an
/// optimizer, in half the memory.
import Base

public struct BFloat16Tensor: @unchecked Sendable {
  public let shape: Shape
  private let storage: Storage

  /// Zeros of a shape. Throws if they are more than a tensor may hold, or memory is short.
  public init(zeros shape: Shape) throws {
    self.shape = shape
    let bytes = try Checked.times(try shape.checkedElementCount(), 2, "bytes")
    storage = try Storage(byteCount: bytes)
    storage.address.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
  }

  private var bits: UnsafeMutablePointer<UInt16> { storage.address.assumingMemoryBound(to: UInt16.self) }

  /// Calls `body` with the bytes, in the order of the elements.
  public func withBytes(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    try withExtendedLifetime(storage) {
      try body(UnsafeRawBufferPointer(start: storage.address, count: 2 * shape.elementCount))
    }
  }

  /// The values as f32, which holds them exactly.
  public func widened() throws -> Tensor {
    let result = try Tensor(uninitialized: shape, .f32)
    widen(0..<shape.elementCount, into: result.pointer(Float.self))
    return result
  }

  /// Writes the values of `range` to `target` as f32.
  public func widen(_ range: Range<Int>, into target: MutableFloats) {
    let from = bits + range.lowerBound
    Parallel.ranges(range.count, grain: ActivationKernels.grain) { part in
      for i in part { target[i] = Float(bitPattern: UInt32(from[i]) << 16) }
    }
  }

  /// Sets the values of `range` to those of `source`, rounded up or down at random with an expectation equal to the
  /// value: an element takes the upper of its neighbours with the probability of its place between them. A pure
  /// function of `key` and the element's number. Gupta et al. 2015, arXiv:1502.02551, sec. 3.1.
  public func round(_ source: Floats, to range: Range<Int>, key: UInt32) {
    let to = bits + range.lowerBound
    let first = UInt32(truncatingIfNeeded: range.lowerBound)
    Parallel.ranges(range.count, grain: ActivationKernels.grain) { part in
      for i in part {
        let draw = source[i].isNaN ? 0 : Self.mixed(first &+ UInt32(truncatingIfNeeded: i) &+ key) >> 16
        // A NaN whose upper half is that of an infinity would become one.
        let quiet: UInt32 = source[i].isNaN ? 1 << 22 : 0
        to[i] = UInt16(truncatingIfNeeded: (source[i].bitPattern &+ draw | quiet) >> 16)
      }
    }
  }

  /// Whether every element of an f32 tensor is a bfloat16.
  public static func holds(_ source: Tensor) throws -> Bool {
    let packed = try source.contiguous()
    let from = packed.pointer(Float.self)
    return withExtendedLifetime(packed) {
      (0..<packed.elementCount).allSatisfy { from[$0].bitPattern & 0xFFFF == 0 }
    }
  }

  /// Sets all values to those of an f32 tensor, which has this shape and passes `holds`: neither is checked. Throws if memory
  /// for a copy in order is short.
  public func take(_ source: Tensor) throws {
    let packed = try source.contiguous()
    let from = packed.pointer(Float.self)
    withExtendedLifetime(packed) {
      for i in 0..<shape.elementCount { bits[i] = UInt16(truncatingIfNeeded: from[i].bitPattern >> 16) }
    }
  }

  /// A bijection of 32 bits in which every bit depends on all; constants of github.com/skeeto/hash-prospector.
  @inline(__always)
  private static func mixed(_ number: UInt32) -> UInt32 {
    var x = number
    x = (x ^ (x >> 16)) &* 0x21f0_aaad
    x = (x ^ (x >> 15)) &* 0x735a_2d97
    return x ^ (x >> 15)
  }
}

extension Float {
  /// The nearest number of bfloat16, ties to even, as products of bf16 round: a denormal becomes a zero, a NaN a quiet
  /// one.
  public var roundedToBFloat16: Float {
    let magnitude = bitPattern & 0x7FFF_FFFF
    if magnitude > Float.infinity.bitPattern {
      return Float(bitPattern: (bitPattern | 1 << 22) & 0xFFFF_0000)
    }
    if magnitude < Float.leastNormalMagnitude.bitPattern { return Float(bitPattern: bitPattern & 1 << 31) }
    return Float(bitPattern: (bitPattern &+ 0x7FFF &+ (bitPattern >> 16 & 1)) & 0xFFFF_0000)
  }
}
