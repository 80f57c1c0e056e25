/// Named tensors in a safetensors file.
///
/// The format is eight bytes of header length, a JSON header, then the elements; it can hold no code. Everything the
/// header says is checked (`SafetensorsHeader`) before anything is allocated, and each tensor is then read straight
/// into its storage. Half-width floating point widens to f32, i32 to i64.
import Base
import Tensors

/// The contents of one safetensors file.
///
///     let file = Safetensors([("w", try Tensor([1, 2] as [Float], shape: [2]))], metadata: ["step": "3"])
///     try file.write(to: "w.safetensors")
///     try Safetensors.read("w.safetensors")["w"]?.shape      // 2
public struct Safetensors {
  /// Names and tensors, in the order of the file.
  public var tensors: [(name: String, tensor: Tensor)]
  /// Free text about the file.
  public var metadata: [String: String]

  public init(_ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:]) {
    self.tensors = tensors
    self.metadata = metadata
  }

  /// The tensor of a name, or nil.
  public subscript(name: String) -> Tensor? {
    let wanted = ExactText(name)
    return tensors.first { ExactText($0.name) == wanted }?.tensor
  }

  /// Reads a file.
  ///
  ///     for (name, tensor) in try Safetensors.read("model.safetensors").tensors { print(name, tensor.shape) }
  public static func read(_ path: String) throws -> Safetensors { try read(from: ByteSource(path: path)) }

  /// Reads from bytes in memory.
  public static func read(bytes: [UInt8], name: String = "safetensors") throws -> Safetensors {
    try read(from: ByteSource(bytes, name: name))
  }

  static func read(from source: ByteSource) throws -> Safetensors {
    let header = try SafetensorsHeader(from: source)
    var tensors: [(name: String, tensor: Tensor)] = []
    tensors.reserveCapacity(header.entries.count)
    for entry in header.entries { tensors.append((entry.name, try tensor(of: entry, in: source))) }
    return Safetensors(tensors, metadata: header.metadata)
  }

  /// Names, types and shapes in the order of the file, without reading an element.
  ///
  ///     try Safetensors.contents(of: "model.safetensors").map(\.name)
  public static func contents(of path: String) throws -> [(name: String, dtype: String, shape: Shape)] {
    try SafetensorsHeader(from: ByteSource(path: path)).entries.map { ($0.name, $0.dtype.rawValue, $0.shape) }
  }

  private static func tensor(of entry: SafetensorsHeader.Entry, in source: ByteSource) throws -> Tensor {
    guard let stored = entry.dtype.stored else {
      throw entry.failure(
        source, "has dtype \(entry.dtype.rawValue); F32, F64, F16, BF16, I64, I32 and BOOL are read")
    }
    let tensor = try Tensor(uninitialized: entry.shape, stored)
    let count = tensor.elementCount
    switch entry.dtype {
    case .f16:
      try widen(entry, source, count, tensor.pointer(Float.self)) { (bits: UInt16) in HalfFloat.widen(bits) }
    case .bf16:
      try widen(entry, source, count, tensor.pointer(Float.self)) { (bits: UInt16) in
        Float(bitPattern: UInt32(bits) << 16)
      }
    case .i32: try widen(entry, source, count, tensor.pointer(Int64.self)) { (value: Int32) in Int64(value) }
    default:
      let raw = UnsafeMutableRawBufferPointer(start: tensor.storage.address, count: entry.byteCount)
      try source.read(at: entry.start, into: raw)
      if entry.dtype == .bool, let bad = raw.firstIndex(where: { $0 > 1 }) {
        throw entry.failure(source, "is BOOL but element \(bad + 1) is the byte \(raw[bad])")
      }
    }
    return withExtendedLifetime(tensor) { tensor }
  }

  /// Reads in pieces, so that the narrow form never stands in memory whole.
  private static func widen<Narrow: FixedWidthInteger, Wide>(
    _ entry: SafetensorsHeader.Entry, _ source: ByteSource, _ count: Int,
    _ target: UnsafeMutablePointer<Wide>,
    _ convert: (Narrow) -> Wide
  ) throws {
    let width = MemoryLayout<Narrow>.size
    var piece = [Narrow](repeating: 0, count: min(count, 16_384))
    var done = 0
    while done < count {
      let part = min(piece.count, count - done)
      try piece.withUnsafeMutableBytes {
        try source.read(
          at: entry.start + done * width, into: UnsafeMutableRawBufferPointer(rebasing: $0[..<(part * width)])
        )
      }
      for i in 0..<part { target[done + i] = convert(Narrow(littleEndian: piece[i])) }
      done += part
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
