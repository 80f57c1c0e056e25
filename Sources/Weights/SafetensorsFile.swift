/// An open safetensors file whose header has been checked; elements are read on demand.
///
/// The format is eight bytes of header length, a JSON header, then the elements; it can hold no code.
/// Everything the header says is checked (`SafetensorsHeader`) before anything is allocated.
import Base
import Formats
import Tensors

public struct SafetensorsFile: WeightFormat {
  let source: ByteSource
  let header: SafetensorsHeader

  public init(_ source: ByteSource) throws {
    self.source = source
    header = try SafetensorsHeader(from: source)
  }

  public var path: String { source.name }
  public var format: String { "safetensors" }
  public var metadata: [String: String] { header.metadata }
  public var layout: WeightLayout? {
    metadata["format"] == WeightLayout.perilune.name ? .perilune : nil
  }
  public var entries: [WeightEntry] {
    header.entries.map { WeightEntry(name: $0.name, dtype: $0.dtype.rawValue, shape: $0.shape) }
  }

  /// A JSON object where the header begins, or a length that a header could have.
  public static func recognises(_ source: ByteSource) throws -> Bool {
    if source.count < 8 { return false }
    let length = try source.integer(at: 0, as: UInt64.self)
    if length <= UInt64(min(source.count - 8, Limits.headerBytesMax)) { return true }
    let start = try source.bytes(at: 8, count: min(2, source.count - 8))
    // The second byte too: a llama2.c file of 123 layers has the brace alone.
    return start.first == UInt8(ascii: "{") && (start.count == 1 || start[1] >= UInt8(ascii: "\n"))
  }

  public func read(_ index: Int, from first: Int, into target: UnsafeMutableBufferPointer<Float>) throws {
    let entry = header.entries[index]
    switch entry.dtype {
    case .f32:
      try source.read(at: entry.start + 4 * first, into: UnsafeMutableRawBufferPointer(target))
    case .f16:
      try convert(entry, first, target) { (bits: UInt16) in HalfFloat.widen(bits) }
    case .bf16:
      try convert(entry, first, target) { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }
    case .f64:
      try convert(entry, first, target) { (bits: UInt64) in Float(Double(bitPattern: bits)) }
    default:
      throw entry.failure(source, "has dtype \(entry.dtype.rawValue); weights are F32, F16, BF16 or F64")
    }
  }

  public func stored(_ index: Int) throws -> StoredElements? {
    let entry = header.entries[index]
    let type: StoredType
    switch entry.dtype {
    case .f32: type = try .f32()
    case .f16: type = try .f16()
    case .bf16: type = try .bf16()
    default: return nil
    }
    return StoredElements(type: type) { first, target in
      try source.read(at: entry.start + first, into: target)
    }
  }

  /// One tensor in the nearest type this program has: half-width floating point widens to f32, i32 to i64.
  func tensor(_ index: Int) throws -> Tensor {
    let entry = header.entries[index]
    guard let stored = entry.dtype.stored else {
      throw entry.failure(
        source, "has dtype \(entry.dtype.rawValue); F32, F64, F16, BF16, I64, I32 and BOOL are read")
    }
    let tensor = try Tensor(uninitialized: entry.shape, stored)
    let count = tensor.elementCount
    switch entry.dtype {
    case .f16, .bf16:
      try read(
        index, from: 0, into: UnsafeMutableBufferPointer(start: tensor.pointer(Float.self), count: count))
    case .i32:
      let target = UnsafeMutableBufferPointer(start: tensor.pointer(Int64.self), count: count)
      try convert(entry, 0, target) { (value: UInt32) in Int64(Int32(bitPattern: value)) }
    default:
      let raw = UnsafeMutableRawBufferPointer(start: tensor.storage.address, count: entry.byteCount)
      try source.read(at: entry.start, into: raw)
      if entry.dtype == .bool, let bad = raw.firstIndex(where: { $0 > 1 }) {
        throw entry.failure(source, "is BOOL but element \(bad + 1) is the byte \(raw[bad])")
      }
    }
    return withExtendedLifetime(tensor) { tensor }
  }

  /// Reads in blocks, so that the stored form is never whole in memory.
  private func convert<Stored: FixedWidthInteger, Wide>(
    _ entry: SafetensorsHeader.Entry, _ first: Int, _ target: UnsafeMutableBufferPointer<Wide>,
    _ convert: (Stored) -> Wide
  ) throws {
    let width = MemoryLayout<Stored>.size
    var block = [Stored](repeating: 0, count: min(target.count, 16_384))
    var done = 0
    while done < target.count {
      let count = min(block.count, target.count - done)
      try block.withUnsafeMutableBytes {
        try source.read(
          at: entry.start + (first + done) * width,
          into: UnsafeMutableRawBufferPointer(rebasing: $0[..<(count * width)]))
      }
      for i in 0..<count { target[done + i] = convert(Stored(littleEndian: block[i])) }
      done += count
    }
  }
}

/// IEEE 754 half width, by bits: Swift's Float16 is missing on some platforms.
enum HalfFloat {
  static func widen(_ bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10) & 0x1F
    let fraction = UInt32(bits) & 0x3FF
    if exponent == 0 {
      let magnitude = Float(fraction) * 0x1p-24
      return sign == 0 ? magnitude : -magnitude
    }
    let wide = exponent == 31 ? 255 : exponent + 112
    return Float(bitPattern: sign | wide << 23 | fraction << 13)
  }
}
