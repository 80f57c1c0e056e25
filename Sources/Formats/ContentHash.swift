/// SHA-256 of what was trained or read, so that two runs, files or caches can be told equal.
///
/// The hash of tensors covers name, type, shape and elements of each, sorted by the bytes of the names: neither the
/// order in a dictionary nor strides in memory change it.
import Base
import Crypto
import Tensors

public enum ContentHash {
  /// The hash of bytes, as 64 hexadecimal digits.
  ///
  ///     ContentHash.sha256(bytes: Array("abc".utf8))      // ba7816bf8f01cfea...f20015ad
  public static func sha256(bytes: [UInt8]) -> String { hexadecimal(SHA256.hash(data: bytes)) }

  /// The hash of a file's bytes, read in pieces.
  ///
  ///     try ContentHash.sha256(file: "model.safetensors")
  public static func sha256(file path: String) throws -> String {
    let source = try ByteSource(path: path)
    var hash = SHA256()
    var done = 0
    var piece = [UInt8](repeating: 0, count: min(source.count, 1 << 20))
    while done < source.count {
      try Interrupt.check()
      let count = min(piece.count, source.count - done)
      try piece.withUnsafeMutableBytes {
        let part = UnsafeMutableRawBufferPointer(rebasing: $0[..<count])
        try source.read(at: done, into: part)
        hash.update(bufferPointer: UnsafeRawBufferPointer(part))
      }
      done += count
    }
    return hexadecimal(hash.finalize())
  }

  /// The hash of named tensors, in whatever order they come.
  ///
  ///     try ContentHash.sha256(tensors: [("w", try Tensor(zeros: [2], .f32))]).prefix(8)
  public static func sha256(tensors: [(name: String, tensor: Tensor)]) throws -> String {
    let sorted = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    for i in sorted.indices.dropFirst() where sorted[i - 1].name.utf8.elementsEqual(sorted[i].name.utf8) {
      throw Failure(.argument, "cannot hash: the tensor name '\(sorted[i].name)' is used twice")
    }
    var hash = SHA256()
    func add(_ number: Int) { withUnsafeBytes(of: UInt64(number).littleEndian) { hash.update(bufferPointer: $0) } }
    func add(_ text: String) {
      add(text.utf8.count)
      hash.update(data: Array(text.utf8))
    }
    for (name, tensor) in sorted {
      add(name)
      add(tensor.dtype.rawValue)
      add(tensor.rank)
      for size in tensor.shape { add(size) }
      try Safetensors.withBytes(of: tensor) { hash.update(bufferPointer: $0) }
    }
    return hexadecimal(hash.finalize())
  }

  private static func hexadecimal(_ digest: SHA256.Digest) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
