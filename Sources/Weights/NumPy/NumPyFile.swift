/// Tensors in NumPy's files: .npy, one array, and .npz, an archive of named ones.
///
/// Elements widen to the types of this library: f2 to f32, integers of any width to i64 (u8 refuses values
/// beyond it). Both byte orders and both array orders are read; files are written little-endian in row order.
import Base
import Formats
import Tensors

public enum NumPyFile {
  public static func isArray(_ source: ByteSource) throws -> Bool {
    try source.bytes(at: 0, count: min(6, source.count)) == NPYHeader.magic
  }

  public static func isArchive(_ source: ByteSource) throws -> Bool {
    let start = try source.bytes(at: 0, count: min(4, source.count))
    return start == [0x50, 0x4B, 3, 4] || start == [0x50, 0x4B, 5, 6]
  }

  /// The array of an .npy file.
  ///
  ///     try NumPyFile.array(ByteSource(path: "weights.npy")).shape
  public static func array(_ source: ByteSource) throws -> Tensor {
    let header = try NPYHeader(source)
    let shape = try Shape(checked: header.isFortran ? header.shape.reversed() : header.shape)
    let wanted = try Checked.times(shape.elementCount, header.width, "bytes")
    if source.count - header.start != wanted {
      throw Failure(
        .format,
        "\(source.name): an array of \(wanted) bytes, but \(source.count - header.start) follow its header")
    }
    let tensor = try Tensor(uninitialized: shape, header.dtype)
    try fill(tensor, source, header)
    return header.isFortran ? try tensor.permuted((0..<tensor.rank).reversed()).contiguous() : tensor
  }

  /// The arrays of an .npz file by their names, without ".npy".
  public static func archive(_ source: ByteSource) throws -> [(name: String, tensor: Tensor)] {
    let archive = try ZipArchive(source)
    return try archive.members.filter { !$0.name.hasSuffix("/") }.map { member in
      let name = member.name.hasSuffix(".npy") ? String(member.name.dropLast(4)) : member.name
      return try MemoryAccount.reserving(member.count) {
        let bytes = try archive.bytes(of: member)
        return (name, try array(ByteSource(bytes, name: "\(source.name): \(Quoted.name(member.name))")))
      }
    }
  }

  private static func fill(_ tensor: Tensor, _ source: ByteSource, _ header: NPYHeader) throws {
    func read<Stored: FixedWidthInteger, Wide>(_ convert: (Stored) throws -> Wide) throws {
      let target = UnsafeMutableBufferPointer(
        start: tensor.storage.address.assumingMemoryBound(to: Wide.self), count: tensor.elementCount)
      var block = [Stored](repeating: 0, count: min(target.count, 16_384))
      var done = 0
      while done < target.count {
        let count = min(block.count, target.count - done)
        try block.withUnsafeMutableBytes {
          try source.read(
            at: header.start + done * header.width,
            into: UnsafeMutableRawBufferPointer(rebasing: $0[..<(count * header.width)]))
        }
        for i in 0..<count {
          target[done + i] = try convert(
            header.isBigEndian ? Stored(bigEndian: block[i]) : Stored(littleEndian: block[i]))
        }
        done += count
      }
    }
    try withExtendedLifetime(tensor) {
      switch (header.kind, header.width) {
      case ("f", 2): try read { (bits: UInt16) in HalfFloat.widen(bits) }
      case ("f", 4): try read { (bits: UInt32) in Float(bitPattern: bits) }
      case ("f", _): try read { (bits: UInt64) in Double(bitPattern: bits) }
      case ("i", 1): try read { (value: Int8) in Int64(value) }
      case ("i", 2): try read { (value: Int16) in Int64(value) }
      case ("i", 4): try read { (value: Int32) in Int64(value) }
      case ("i", _): try read { (value: Int64) in value }
      case ("u", 1): try read { (value: UInt8) in Int64(value) }
      case ("u", 2): try read { (value: UInt16) in Int64(value) }
      case ("u", 4): try read { (value: UInt32) in Int64(value) }
      case ("u", _):
        try read { (value: UInt64) throws -> Int64 in
          guard let whole = Int64(exactly: value) else {
            throw Failure(.format, "\(source.name): the value \(value) is beyond i64")
          }
          return whole
        }
      default:
        try read { (value: UInt8) throws -> UInt8 in
          if value > 1 {
            throw Failure(.format, "\(source.name): a boolean is the byte \(value), expected 0 or 1")
          }
          return value
        }
      }
    }
  }

  // MARK: Writing

  /// Replaces the file at `path` with one array.
  public static func write(_ tensor: Tensor, to path: String) throws {
    let header = self.header(tensor)
    try AtomicFile.write(to: path) { put in
      try header.withUnsafeBytes { try put($0) }
      try tensor.withBytes(put)
    }
  }

  /// Replaces the file at `path` with an archive of named arrays.
  public static func write(_ tensors: [(name: String, tensor: Tensor)], to path: String) throws {
    try AtomicFile.write(to: path) { put in
      try withoutActuallyEscaping(put) { put in
        var archive = ZipWriter(put)
        for (name, tensor) in tensors {
          var bytes = header(tensor)
          try tensor.withBytes { bytes.append(contentsOf: $0) }
          try archive.add(name + ".npy", bytes)
        }
        try archive.finish()
      }
    }
  }

  /// Version 1.0, padded to 64 bytes as NumPy does.
  private static func header(_ tensor: Tensor) -> [UInt8] {
    let types: [DType: String] = [.f32: "<f4", .f64: "<f8", .i64: "<i8", .bool: "|b1"]
    let sizes = tensor.shape.map { "\($0)" }
    let shape = sizes.count == 1 ? "(\(sizes[0]),)" : "(\(sizes.joined(separator: ", ")))"
    var text = Array(
      "{'descr': '\(types[tensor.dtype] ?? "")', 'fortran_order': False, 'shape': \(shape), }".utf8)
    while (text.count + 11) % 64 != 0 { text.append(32) }
    text.append(10)
    let length = UInt16(truncatingIfNeeded: text.count)
    return NPYHeader.magic + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + text
  }
}
