/// SentencePiece's normalizer: a table from texts to texts, in a trie (`precompiled_charsmap`).
///
/// As in `tokenizers`: of a grapheme of fewer than six bytes the shortest text of the table that it begins with
/// stands for all of it; other graphemes are looked up character by character.
import Base

struct Precompiled: Sendable {
  /// The units of a double array (Darts-clone).
  private let trie: [UInt32]
  /// The texts that stand for others, each ended by a zero byte.
  private let texts: [UInt8]
  private static let graphemeBytesMax = 5

  init(_ part: Part) throws {
    let encoded = try part.text("precompiled_charsmap")
    guard let bytes = Base64.decode(Array(encoded.utf8)) else {
      throw try part.key("precompiled_charsmap").failure("not base64")
    }
    do { self = try Precompiled(bytes) } catch let failure as Failure where failure.isRefusal {
      throw try part.key("precompiled_charsmap").failure(failure.message)
    }
  }

  /// Reads the table: the trie's bytes as a count of 32 bits, the trie, and the texts.
  init(_ bytes: [UInt8]) throws {
    guard let first = LittleEndian.load(bytes, at: 0, as: UInt32.self) else {
      throw Failure(.format, "the table has \(bytes.count) bytes")
    }
    let size = Int(first)
    if size % 4 != 0 || size == 0 || size > bytes.count - 4 {
      throw Failure(.format, "a trie of \(size) bytes in a table of \(bytes.count)")
    }
    trie = stride(from: 4, to: 4 + size, by: 4).compactMap { LittleEndian.load(bytes, at: $0) }
    texts = Array(bytes[(4 + size)...])
    if String(validating: texts, as: UTF8.self) == nil { throw Failure(.format, "its texts are not UTF-8") }
  }

  /// What the shortest text of the table that `text` begins with becomes.
  private func find(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    func offset(_ unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 1 << 9) >> 6) }
    var node = offset(trie[0])
    for byte in text {
      if byte == 0 { return nil }
      node ^= Int(byte)
      guard node < trie.count, trie[node] & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
      let unit = trie[node]
      node ^= offset(unit)
      if unit >> 8 & 1 == 1 {
        guard node < trie.count else { return nil }
        let start = Int(trie[node] & 0x7FFF_FFFF)
        return start <= texts.count ? texts[start...].prefix { $0 != 0 } : nil
      }
    }
    return nil
  }

  func apply(to text: [UInt8]) throws -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(text.count)
    try text.withUnsafeBufferPointer { bytes in
      var i = 0
      while i < bytes.count {
        if i & 0xFFFFF == 0xFFFFF { try Interrupt.check() }
        let length = graphemeLength(bytes, i)
        if length <= Self.graphemeBytesMax, let found = find(text[i..<i + length]) {
          out.append(contentsOf: found)
          i += length
          continue
        }
        let end = i + length
        while i < end {
          let length = Characters.length(bytes, at: i)
          let character = text[i..<i + length]
          out.append(contentsOf: find(character) ?? character)
          i += length
        }
      }
    }
    return out
  }

  /// Bytes of the grapheme at `i`. Two ASCII characters are two graphemes, but for a line end of two.
  private func graphemeLength(_ bytes: UnsafeBufferPointer<UInt8>, _ i: Int) -> Int {
    if bytes[i] < 0x80, i + 1 == bytes.count || bytes[i + 1] < 0x80 {
      return bytes[i] == 13 && i + 1 < bytes.count && bytes[i + 1] == 10 ? 2 : 1
    }
    var window = 64
    while true {
      // A grapheme ends at an ASCII character and at a byte that is not UTF-8.
      var end = i
      while end < bytes.count && end - i < window {
        let (value, length) = Characters.scalar(bytes, at: end)
        if value >= Characters.notUTF8 || (end > i && value < 0x80) { break }
        end += length
      }
      if end == i { return 1 }
      let first = String(decoding: bytes[i..<end], as: UTF8.self).first.map { String($0).utf8.count } ?? 1
      if first < end - i || end - i < window || window > bytes.count { return first }
      window *= 4
    }
  }
}

/// Base64 of RFC 4648 with padding.
enum Base64 {
  static func decode(_ text: [UInt8]) -> [UInt8]? {
    var out: [UInt8] = []
    out.reserveCapacity(text.count / 4 * 3)
    var bits: UInt32 = 0
    var count = 0
    let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
    if text.count % 4 != 0 || padding > 2 { return nil }
    for letter in text.dropLast(padding) {
      let value: UInt8
      switch letter {
      case 65...90: value = letter - 65
      case 97...122: value = letter - 71
      case 48...57: value = letter + 4
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      default: return nil
      }
      bits = bits << 6 | UInt32(value)
      count += 6
      if count >= 8 {
        count -= 8
        out.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return out
  }
}
