/// Writes tensors as safetensors, atomically.
///
/// The tensors keep the order they are given in, the metadata are sorted by key, and the header is padded with spaces
/// to eight bytes: the same tensors give the same file. Only one tensor that is not contiguous is copied at a time.
import Base
import Tensors

extension Safetensors {
  /// Replaces the file at `path`.
  ///
  ///     try Safetensors([("b", try Tensor(zeros: [4], .f32))]).write(to: "b.safetensors")
  public func write(to path: String) throws {
    let header = try headerBytes()
    try AtomicFile.write(to: path) { put in
      try header.withUnsafeBytes { try put($0) }
      for (_, tensor) in tensors { try Safetensors.withBytes(of: tensor, put) }
    }
  }

  /// The bytes of the file, in memory.
  public func encoded() throws -> [UInt8] {
    var bytes = try headerBytes()
    for (_, tensor) in tensors { try Safetensors.withBytes(of: tensor) { bytes.append(contentsOf: $0) } }
    return bytes
  }

  /// The length, the header and its padding.
  private func headerBytes() throws -> [UInt8] {
    var header = JSONObject()
    if !metadata.isEmpty {
      let sorted = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      header["__metadata__"] = .object(JSONObject(sorted.map { ($0.key, .string($0.value)) }))
    }
    var end = 0
    for (name, tensor) in tensors {
      if name == "__metadata__" || header[name] != nil {
        throw Failure(
          .argument,
          "cannot write tensor '\(name)': the name is \(name == "__metadata__" ? "reserved" : "used twice")")
      }
      let start = end
      end = try Checked.plus(start, tensor.elementCount * tensor.dtype.byteCount, "bytes")
      header[name] = [
        "dtype": .string(tensor.dtype.rawValue.uppercased()),
        "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": .array([.integer(start), .integer(end)]),
      ]
    }
    var text = try JSONValue.object(header).encodedBytes()
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    if text.count > Limits.headerBytesMax {
      throw Failure(
        .format, "cannot write a header of \(text.count) bytes: the limit is \(Limits.headerBytesMax)")
    }
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
  }

  /// Calls `body` with the elements in row-major order.
  static func withBytes(of tensor: Tensor, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let packed = try tensor.contiguous()
    try withExtendedLifetime(packed) {
      let start = packed.storage.address + packed.offset * packed.dtype.byteCount
      try body(UnsafeRawBufferPointer(start: start, count: packed.elementCount * packed.dtype.byteCount))
    }
  }
}
