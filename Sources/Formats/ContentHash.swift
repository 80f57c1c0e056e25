/// SHA-256 of what was trained or read, so that two runs, files or caches can be told equal.
///
/// The hash of tensors covers name, type, shape and elements of each, sorted by the bytes of the names: neither the
/// order in a dictionary nor strides in memory change it.
import Base
import Tensors

public enum ContentHash {
  /// The hash of bytes, as 64 hexadecimal digits.
  ///
  ///     try ContentHash.of(bytes: Array("abc".utf8))      // ba7816bf8f01cfea...f20015ad
  public static func of(bytes: [UInt8]) throws -> String {
    let hash = try SHA256()
    bytes.withUnsafeBytes { hash.update($0) }
    return hash.finish()
  }

  /// The hash of a file's bytes, read in pieces.
  ///
  ///     try ContentHash.of(file: "model.safetensors")
  public static func of(file path: String) throws -> String {
    let source = try ByteSource(path: path)
    let hash = try SHA256()
    var done = 0
    var piece = [UInt8](repeating: 0, count: min(source.count, 1 << 20))
    while done < source.count {
      try Interrupt.check()
      let count = min(piece.count, source.count - done)
      try piece.withUnsafeMutableBytes {
        let part = UnsafeMutableRawBufferPointer(rebasing: $0[..<count])
        try source.read(at: done, into: part)
        hash.update(UnsafeRawBufferPointer(part))
      }
      done += count
    }
    return hash.finish()
  }

  /// The hash of named tensors, in whatever order they come.
  ///
  ///     try ContentHash.of(tensors: [("w", try Tensor(zeros: [2], .f32))]).prefix(8)
  public static func of(tensors: [(name: String, tensor: Tensor)]) throws -> String {
    let sorted = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    for i in sorted.indices.dropFirst() where sorted[i - 1].name.utf8.elementsEqual(sorted[i].name.utf8) {
      throw Failure(.argument, "cannot hash: the tensor name '\(sorted[i].name)' is used twice")
    }
    let hash = try SHA256()
    func add(_ number: Int) { withUnsafeBytes(of: UInt64(number).littleEndian) { hash.update($0) } }
    func add(_ text: String) {
      add(text.utf8.count)
      Array(text.utf8).withUnsafeBytes { hash.update($0) }
    }
    for (name, tensor) in sorted {
      add(name)
      add(tensor.dtype.rawValue)
      add(tensor.rank)
      for size in tensor.shape { add(size) }
      try Safetensors.withBytes(of: tensor) { hash.update($0) }
    }
    return hash.finish()
  }
}
