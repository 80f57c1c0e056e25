/// Writes tensors as safetensors, atomically.
///
/// The tensors keep the order they are given in, the metadata are sorted by key, and the header is padded
/// with spaces to eight bytes: the same tensors give the same file. Only one tensor that is not contiguous is
/// copied at a time.
import Base
import Formats
import Tensors

extension Safetensors {
  /// Replaces the file at `path`.
  ///
  ///     try Safetensors([("b", try Tensor(zeros: [4], .f32))]).write(to: "b.safetensors")
  public func write(to path: String) throws {
    let header = try headerBytes()
    try AtomicFile.write(to: path) { put in
      try header.withUnsafeBytes { try put($0) }
      for (_, tensor) in tensors { try tensor.withBytes(put) }
      for (_, values) in halves { try values.withBytes(put) }
    }
  }

  /// The bytes of the file, in memory.
  public func encoded() throws -> [UInt8] {
    var bytes = try headerBytes()
    for (_, tensor) in tensors { try tensor.withBytes { bytes.append(contentsOf: $0) } }
    for (_, values) in halves { values.withBytes { bytes.append(contentsOf: $0) } }
    return bytes
  }

  /// The length, the header and its padding.
  private func headerBytes() throws -> [UInt8] {
    var header: [JSONMember] = []
    if !metadata.isEmpty {
      let sorted = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      header.append(JSONMember("__metadata__", .object(sorted.map { JSONMember($0.key, .string($0.value)) })))
    }
    var end = 0
    var names = Set<[UInt8]>()
    let entries =
      tensors.map {
        ($0.name, $0.tensor.dtype.rawValue.uppercased(), $0.tensor.dtype.byteCount, $0.tensor.shape)
      }
      + halves.map { ($0.name, "BF16", 2, $0.values.shape) }
    for (name, dtype, width, shape) in entries {
      if name == "__metadata__" || !names.insert(Array(name.utf8)).inserted {
        let problem = name == "__metadata__" ? "reserved" : "used twice"
        throw Failure(.argument, "cannot write tensor '\(Quoted.name(name))': the name is \(problem)")
      }
      let start = end
      end = try Checked.plus(start, shape.elementCount * width, "bytes")
      header.append(
        JSONMember(
          name,
          [
            "dtype": .string(dtype),
            "shape": .array(shape.map { .integer($0) }),
            "data_offsets": .array([.integer(start), .integer(end)]),
          ]))
    }
    var text = try JSONValue.object(header).encodedBytes()
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    if text.count > Limits.headerBytesMax {
      throw Failure(
        .format, "cannot write a header of \(text.count) bytes: the limit is \(Limits.headerBytesMax)")
    }
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
  }
}
