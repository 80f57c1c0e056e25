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
    }
  }

  /// The bytes of the file, in memory.
  public func encoded() throws -> [UInt8] {
    var bytes = try headerBytes()
    for (_, tensor) in tensors { try tensor.withBytes { bytes.append(contentsOf: $0) } }
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
    for (name, tensor) in tensors {
      if name == "__metadata__" || !names.insert(Array(name.utf8)).inserted {
        let problem = name == "__metadata__" ? "reserved" : "used twice"
        throw Failure(.argument, "cannot write tensor '\(Quoted.name(name))': the name is \(problem)")
      }
      let start = end
      end = try Checked.plus(start, tensor.elementCount * tensor.dtype.byteCount, "bytes")
      header.append(
        JSONMember(
          name,
          [
            "dtype": .string(tensor.dtype.rawValue.uppercased()),
            "shape": .array(tensor.shape.map { .integer($0) }),
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
