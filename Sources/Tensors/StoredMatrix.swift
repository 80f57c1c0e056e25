/// Weights as a file stores them: f16, bf16 or quantised blocks, which products read and nothing changes.
import Base
import CKernels

/// How numbers are stored: in blocks of a number of elements and of bytes.
public struct StoredType: @unchecked Sendable {
  /// As files write it: "BF16", "Q4_K".
  public let name: String
  public let elements, bytes: Int
  private let kernel: ck_blocks

  /// The type of a number of ggml's (`ckernels.h`).
  public init(_ number: Int, name: String, elements: Int, bytes: Int) throws {
    guard let kernel = ck_blocks_level(Int32(CK_AVX512), Int32(number)) else {
      throw Failure(.dtype, "products do not read weights of type \(name)")
    }
    (self.name, self.elements, self.bytes, self.kernel) = (name, elements, bytes, kernel)
    isBFloat16 = number == Int(CK_BF16)
  }

  public static func f32() throws -> StoredType {
    try StoredType(Int(CK_F32), name: "F32", elements: 1, bytes: 4)
  }

  public static func f16() throws -> StoredType {
    try StoredType(Int(CK_F16), name: "F16", elements: 1, bytes: 2)
  }

  /// The upper half of an f32.
  public static func bf16() throws -> StoredType {
    try StoredType(Int(CK_BF16), name: "BF16", elements: 1, bytes: 2)
  }

  fileprivate let isBFloat16: Bool

  /// Decodes `count` elements, which are whole blocks.
  @inline(__always)
  public func decode(_ blocks: UnsafeRawPointer, count: Int, into y: UnsafeMutablePointer<Float>) {
    kernel(count / elements, blocks.assumingMemoryBound(to: UInt8.self), y)
  }
}

/// A matrix of weights [outputs, inputs], row after row, in parts of one type each.
///
///     let w = try StoredMatrix(inputs: 64, parts: [(rows: 128, type: .bf16())])
///     try file.read(into: w.bytes(0))
///     try w.decoded().shape      // 128x64
public final class StoredMatrix: @unchecked Sendable {
  public struct Part: Sendable {
    public let rows: Range<Int>
    public let type: StoredType
    fileprivate let offset, rowBytes: Int
  }

  public let outputs, inputs: Int
  public let parts: [Part]
  private let storage: Storage

  /// A matrix whose bytes are undefined.
  public init(inputs: Int, parts: [(rows: Int, type: StoredType)]) throws {
    var (rows, offset): (Int, Int) = (0, 0)
    var list: [Part] = []
    for part in parts {
      if inputs % part.type.elements != 0 {
        throw Failure(
          .shape, "rows of \(inputs) are not whole blocks of \(part.type.elements) (\(part.type.name))")
      }
      let rowBytes = try Checked.times(inputs / part.type.elements, part.type.bytes, "bytes")
      let end = try Checked.plus(rows, part.rows, "rows")
      list.append(Part(rows: rows..<end, type: part.type, offset: offset, rowBytes: rowBytes))
      offset = try Checked.plus(offset, try Checked.times(rowBytes, part.rows, "bytes"), "bytes")
      rows = end
    }
    (outputs, self.inputs, self.parts) = (rows, inputs, list)
    storage = try Storage(exactly: offset)
  }

  public var byteCount: Int { storage.byteCount }
  public var shape: Shape { [outputs, inputs] }

  /// The bytes of some rows of a part, counted from its first.
  public func bytes(_ part: Int, rows: Range<Int>? = nil) -> UnsafeMutableRawBufferPointer {
    let part = parts[part]
    let rows = rows ?? 0..<part.rows.count
    return UnsafeMutableRawBufferPointer(
      start: storage.address + part.offset + rows.lowerBound * part.rowBytes,
      count: rows.count * part.rowBytes)
  }

  /// All bytes, in the order of the parts.
  public func withBytes<T>(_ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeRawBufferPointer(start: storage.address, count: storage.byteCount))
  }

  /// The rows as pairs of bf16, where all are bf16 of an even number.
  public var pairs: UnsafePointer<Float>? {
    if inputs % 2 != 0 || !parts.allSatisfy({ $0.type.isBFloat16 }) { return nil }
    return UnsafePointer(storage.address.assumingMemoryBound(to: Float.self))
  }

  /// Decodes rows into `y` [rows, inputs].
  @inline(__always)
  public func decode(_ rows: Range<Int>, into y: UnsafeMutablePointer<Float>) {
    for part in parts {
      let own = rows.clamped(to: part.rows)
      if own.isEmpty { continue }
      part.type.decode(
        storage.address + part.offset + (own.lowerBound - part.rows.lowerBound) * part.rowBytes,
        count: own.count * inputs, into: y + (own.lowerBound - rows.lowerBound) * inputs)
    }
  }

  /// `decode` on all threads.
  func decodeTogether(_ rows: Range<Int>, into y: UnsafeMutablePointer<Float>) {
    Parallel.ranges(rows.count, grain: max(1, (1 << 15) / max(1, inputs))) { range in
      let own = rows.lowerBound + range.lowerBound..<rows.lowerBound + range.upperBound
      decode(own, into: y + range.lowerBound * inputs)
    }
  }

  /// The whole matrix as f32.
  public func decoded() throws -> Tensor {
    let result = try Tensor(uninitialized: shape, .f32)
    decodeTogether(0..<outputs, into: result.pointer(Float.self))
    return result
  }

  /// An element that is NaN or infinite, and its place in row-major order.
  public func firstNonFinite() throws -> (place: Int, value: Float)? {
    let step = max(1, (1 << 18) / max(1, inputs))
    let buffer = try Tensor(uninitialized: try Shape(checked: [step, inputs]), .f32)
    let numbers = buffer.pointer(Float.self)
    for start in stride(from: 0, to: outputs, by: step) {
      try Interrupt.check()
      let rows = start..<min(start + step, outputs)
      decodeTogether(rows, into: numbers)
      let count = rows.count * inputs
      var most: UInt32 = 0
      for i in 0..<count { most = max(most, numbers[i].bitPattern & 0x7FFF_FFFF) }
      if most < Float.infinity.bitPattern { continue }
      if let bad = (0..<count).first(where: { !numbers[$0].isFinite }) {
        return (start * inputs + bad, numbers[bad])
      }
    }
    return withExtendedLifetime(buffer) { nil }
  }

  /// The rows of ids, a row-major i64 tensor [n] of positions that exist, as f32 [n, inputs].
  public func rows(_ ids: Tensor) throws -> Tensor {
    let result = try Tensor(uninitialized: try Shape(checked: [ids.elementCount, inputs]), .f32)
    let (from, to) = (ids.pointer(Int64.self), result.pointer(Float.self))
    Parallel.ranges(ids.elementCount, grain: max(1, (1 << 15) / max(1, inputs))) { range in
      for i in range {
        let row = Int(from[i])
        decode(row..<row + 1, into: to + i * inputs)
      }
    }
    return withExtendedLifetime(ids) { result }
  }
}
