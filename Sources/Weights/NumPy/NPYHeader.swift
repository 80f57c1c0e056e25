/// The header of an .npy file: the element type, the order and the shape.
///
/// NumPy's format 1.0 to 3.0: a magic, a version, a length, and a Python dictionary with the keys descr,
/// fortran_order and shape. The dictionary is read by its own small grammar; nothing is evaluated.
import Base
import Formats
import Tensors

struct NPYHeader {
  /// The letter of the kind (f, i, u, b) and the bytes of an element.
  var kind: Character = "f"
  var width = 0
  var isBigEndian = false
  var isFortran = false
  var shape: [Int] = []
  /// Where the elements begin.
  var start = 0

  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  init(_ source: ByteSource) throws {
    func failure(_ problem: String) -> Failure { Failure(.format, "\(source.name): \(problem)") }
    let opening = try source.bytes(at: 0, count: min(12, source.count))
    if opening.count < 12 || !opening.starts(with: Self.magic) { throw failure("not an .npy file") }
    guard (1...3).contains(opening[6]), opening[7] == 0 else {
      throw failure("version \(opening[6]).\(opening[7]) of .npy; 1.0, 2.0 and 3.0 are read")
    }
    let isShort = opening[6] == 1
    let length =
      isShort
      ? Int(try source.integer(at: 8, as: UInt16.self)) : Int(try source.integer(at: 8, as: UInt32.self))
    let first = isShort ? 10 : 12
    if length > 1 << 20 { throw failure("a header of \(length) bytes, more than the limit of \(1 << 20)") }
    start = first + length
    var reader = Reader(bytes: try source.bytes(at: first, count: length), failure: failure)
    let fields = try reader.dictionary()
    guard case .text(let descr)? = fields["descr"], case .flag(let isFortran)? = fields["fortran_order"],
      case .sizes(let shape)? = fields["shape"]
    else { throw failure("the header lacks descr, fortran_order or shape, or descr is a record type") }
    self.isFortran = isFortran
    self.shape = shape
    try setType(descr, failure)
  }

  private mutating func setType(_ descr: String, _ failure: (String) -> Failure) throws {
    let widths: [Character: Set<Int>] = ["f": [2, 4, 8], "i": [1, 2, 4, 8], "u": [1, 2, 4, 8], "b": [1]]
    var text = Substring(descr)
    let order = text.first.map { "<>|=".contains($0) ? text.removeFirst() : "=" } ?? "="
    guard let kind = text.popFirst(), let width = Int(text), widths[kind]?.contains(width) ?? false else {
      let hint = descr.contains("O") ? "; Python objects are never read" : ""
      throw failure(
        "elements of type '\(Quoted.name(descr))'; floating point of 2, 4 or 8 bytes, integers of 1 to 8 and "
          + "booleans are read\(hint)")
    }
    (self.kind, self.width, isBigEndian) = (kind, width, order == ">")
  }

  /// The type that holds such elements.
  var dtype: DType {
    switch kind {
    case "f": return width == 8 ? .f64 : .f32
    case "b": return .bool
    default: return .i64
    }
  }

  private enum Field { case text(String), flag(Bool), sizes([Int]) }

  /// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
  private struct Reader {
    let bytes: [UInt8]
    let failure: (String) -> Failure
    var i = 0

    mutating func peek() -> UInt8 {
      while i < bytes.count, bytes[i] == 32 || bytes[i] == 10 { i += 1 }
      return i < bytes.count ? bytes[i] : 0
    }

    mutating func skip(_ mark: Unicode.Scalar) -> Bool {
      if peek() != UInt8(truncatingIfNeeded: mark.value) { return false }
      i += 1
      return true
    }

    mutating func expect(_ mark: Unicode.Scalar) throws {
      if !skip(mark) { throw failure("expected '\(mark)' in the header") }
    }

    mutating func dictionary() throws -> [String: Field] {
      var fields: [String: Field] = [:]
      try expect("{")
      while !skip("}") {
        let key = try text()
        try expect(":")
        fields[key] = try field()
        if !skip(",") {
          try expect("}")
          break
        }
      }
      return fields
    }

    mutating func text() throws -> String {
      let quote = peek()
      guard quote == 39 || quote == 34, let end = bytes[(i + 1)...].firstIndex(of: quote) else {
        throw failure("expected a text in quotes in the header")
      }
      defer { i = end + 1 }
      return String(decoding: bytes[(i + 1)..<end], as: UTF8.self)
    }

    mutating func field() throws -> Field {
      switch peek() {
      case UInt8(ascii: "("): return .sizes(try sizes())
      case UInt8(ascii: "T"), UInt8(ascii: "F"):
        for (word, flag) in [("True", true), ("False", false)] where bytes[i...].starts(with: word.utf8) {
          i += word.utf8.count
          return .flag(flag)
        }
        throw failure("expected True or False in the header")
      case 39, 34: return .text(try text())
      default: throw failure("the header has a value that is no text, truth value or tuple of sizes")
      }
    }

    mutating func sizes() throws -> [Int] {
      var sizes: [Int] = []
      try expect("(")
      while !skip(")") {
        _ = peek()
        let from = i
        while i < bytes.count, (48...57).contains(bytes[i]) { i += 1 }
        guard let size = Int(String(decoding: bytes[from..<i], as: UTF8.self)), sizes.count < 64 else {
          throw failure("a size in the header is no whole number that fits")
        }
        sizes.append(size)
        _ = skip("L")
        if !skip(",") {
          try expect(")")
          break
        }
      }
      return sizes
    }
  }
}
