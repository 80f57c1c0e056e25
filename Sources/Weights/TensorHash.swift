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
    let all = tensors.map { (name: $0.name, tensor: Optional($0.tensor), matrix: StoredMatrix?.none) }
    let others = stored.map { (name: $0.name, tensor: Tensor?.none, matrix: Optional($0.matrix)) }
    let sorted = (all + others).sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    for i in sorted.indices.dropFirst() where sorted[i - 1].name.utf8.elementsEqual(sorted[i].name.utf8) {
      throw Failure(.argument, "cannot hash: the tensor name '\(Quoted.name(sorted[i].name))' is used twice")
    }
    let hash = try SHA256()
    func add(_ number: Int) { withUnsafeBytes(of: UInt64(number).littleEndian) { hash.update($0) } }
    func add(_ text: String) {
      add(text.utf8.count)
      Array(text.utf8).withUnsafeBytes { hash.update($0) }
    }
    for (name, tensor, matrix) in sorted {
      try Interrupt.check()
      add(name)
      if let matrix {
        add(matrix.inputs)
        for part in matrix.parts {
          add(part.type.name)
          add(part.rows.count)
        }
        matrix.withBytes { hash.update($0) }
      }
      guard let tensor else { continue }
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
