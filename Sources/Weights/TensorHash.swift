/// SHA-256 of named tensors: equal exactly for equal weights.
///
/// The hash covers name, type, shape and elements of each tensor, sorted by the bytes of the names: neither
/// the order in a dictionary nor strides in memory change it.
import Base
import Formats
import Tensors

public enum ContentHash {
  /// The hash of named tensors, in any order.
  ///
  ///     try ContentHash.of(tensors: [("w", try Tensor(zeros: [2], .f32))]).prefix(8)
  public static func of(
    tensors: [(name: String, tensor: Tensor)], stored: [(name: String, matrix: StoredMatrix)] = []
  ) throws -> String {
    try of(names: tensors.map(\.name), stored: stored) { tensors[$0].tensor }
  }

  /// The same of tensors that `tensor` gives by their place among the names, one at a time.
  public static func of(
    names: [String], stored: [(name: String, matrix: StoredMatrix)] = [], _ tensor: (Int) throws -> Tensor
  ) throws -> String {
    let all = names + stored.map(\.name)
    let sorted = all.indices.sorted { all[$0].utf8.lexicographicallyPrecedes(all[$1].utf8) }
    for (one, next) in zip(sorted, sorted.dropFirst()) where all[one].utf8.elementsEqual(all[next].utf8) {
      throw Failure(.argument, "cannot hash: the tensor name '\(Quoted.name(all[next]))' is used twice")
    }
    let hash = try SHA256()
    func add(_ number: Int) { withUnsafeBytes(of: UInt64(number).littleEndian) { hash.update($0) } }
    func add(_ text: String) {
      add(text.utf8.count)
      Array(text.utf8).withUnsafeBytes { hash.update($0) }
    }
    for place in sorted {
      try Interrupt.check()
      add(all[place])
      if place >= names.count {
        let matrix = stored[place - names.count].matrix
        add(matrix.inputs)
        for part in matrix.parts {
          add(part.type.name)
          add(part.rows.count)
        }
        matrix.withBytes { hash.update($0) }
        continue
      }
      let tensor = try tensor(place)
      add(tensor.dtype.rawValue)
      add(tensor.rank)
      for size in tensor.shape { add(size) }
      try tensor.withBytes { hash.update($0) }
    }
    return hash.finish()
  }
}

extension Tensor {
  /// Calls `body` with the elements in row-major order.
  func withBytes(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let packed = try contiguous()
    try withExtendedLifetime(packed) {
      let start = packed.storage.address + packed.offset * packed.dtype.byteCount
      try body(UnsafeRawBufferPointer(start: start, count: packed.elementCount * packed.dtype.byteCount))
    }
  }
}
