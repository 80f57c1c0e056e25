/// Unigram: of all ways to write a text in tokens, the one with the highest sum of their scores.
///
/// Kudo 2018 (arXiv:1804.10959). Scores are log-probabilities; a character without a token costs ten more than
/// the least likely token, and neighbours without one become one unknown token.
import Base

struct UnigramModel: TokenModel {
  private let names: TokenTable
  /// As the file has them, and as `tokenizers` reads them.
  private let written: [Double]
  private let scores: [Double]
  private let unknown: Int?
  private let byteFallback: Bool
  private let unknownScore: Double
  private let byteIds: [Int32]
  private let trie: ByteTrie
  private static let unknownPenalty = 10.0

  init(names: TokenTable, scores: [Double], unknown: Int?, byteFallback: Bool) throws {
    if let unknown, unknown >= names.count {
      throw Failure(.format, "unk_id \(unknown) is not below \(names.count), the number of tokens")
    }
    self.names = names
    written = scores
    self.scores = scores.map(Self.readTwiceRounded)
    self.unknown = unknown
    self.byteFallback = byteFallback
    unknownScore = (self.scores.min() ?? 0) - Self.unknownPenalty
    byteIds = (0..<256).map { names.id(of: ByteAlphabet.fallbackName(UInt8($0))) ?? -1 }
    trie = ByteTrie(names)
  }

  /// A number as serde_json, which `tokenizers` reads files with, makes it from its shortest text: the digits
  /// rounded to 64 bits, then multiplied or divided by a power of ten. It differs from the nearest number in
  /// the last bit at times, and such a bit decides between ways of equal sums.
  static func readTwiceRounded(_ score: Double) -> Double {
    var digits: UInt64 = 0
    var exponent = 0
    var isFraction = false
    let parts = score.magnitude.description.split(separator: "e")
    for byte in Array((parts.first ?? "").utf8) {
      if byte == UInt8(ascii: ".") {
        isFraction = true
      } else {
        digits = digits &* 10 &+ UInt64(byte &- 48)
        if isFraction { exponent -= 1 }
      }
    }
    if parts.count == 2 { exponent += Int(parts[1]) ?? 0 }
    guard score.isFinite, abs(exponent) <= 308 else { return score }
    let power = Double("1e\(abs(exponent))") ?? 1
    let value = exponent < 0 ? Double(digits) / power : Double(digits) * power
    return score < 0 ? -value : value
  }

  /// The best way to reach a place: its score, where its last token starts, and that token.
  private struct Node {
    var score = 0.0
    var start: Int32 = -1
    var id: Int32 = 0
  }

  func encode(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) throws {
    var best = [Node](repeating: Node(), count: piece.count + 1)
    var start = 0
    while start < piece.count {
      if start & 0xFFFF == 0xFFFF { try Interrupt.check() }
      let score = best[start].score
      let length = Characters.length(piece, at: start)
      var hasCharacter = false
      func reach(_ end: Int, _ score: Double, _ id: Int32) {
        if best[end].start < 0 || score > best[end].score {
          best[end] = Node(score: score, start: Int32(truncatingIfNeeded: start), id: id)
        }
      }
      trie.forEachPrefix(piece, from: start) { end, id in
        reach(end, scores[Int(id)] + score, id)
        if end - start == length { hasCharacter = true }
      }
      if !hasCharacter {
        guard let unknown else {
          let text = String(decoding: piece[start..<start + length], as: UTF8.self)
          throw Failure(.format, "the character '\(Quoted.name(text))' has no token, and there is no unk_id")
        }
        reach(start + length, unknownScore + score, Int32(truncatingIfNeeded: unknown))
      }
      start += length
    }
    var found: [(range: Range<Int>, id: Int32)] = []
    var end = piece.count
    while end > 0 {
      let node = best[end]
      let range = Int(node.start)..<end
      if let last = found.last, unknown == Int(node.id), last.id == node.id {
        found[found.count - 1] = (range.lowerBound..<last.range.upperBound, node.id)
      } else {
        found.append((range, node.id))
      }
      end = range.lowerBound
    }
    for (range, id) in found.reversed() { add(piece, range, id, to: &ids) }
  }

  private func add(
    _ piece: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ id: Int32, to ids: inout [Int32]
  ) {
    if Int(id) != unknown { return ids.append(id) }
    // Unknown characters together may spell a token.
    let bytes = UnsafeBufferPointer(rebasing: piece[range])
    if let named = names.id(of: bytes) { return ids.append(named) }
    if byteFallback, bytes.allSatisfy({ byteIds[Int($0)] >= 0 }) {
      for byte in bytes { ids.append(byteIds[Int(byte)]) }
    } else {
      ids.append(id)
    }
  }

  func json(names: TokenTable) -> JSONValue {
    [
      "type": "Unigram", "unk_id": unknown.map { .integer($0) } ?? .null,
      "vocab": .array(
        written.indices.map { [.string(String(decoding: names[$0], as: UTF8.self)), .number(written[$0])] }),
      "byte_fallback": .bool(byteFallback),
    ]
  }
}

/// Tokens by their bytes, to find all that a text begins with.
///
/// The children of a node are linked by `next`, in one array; the first bytes have a table.
struct ByteTrie: Sendable {
  private struct Node {
    var child: Int32 = -1
    var next: Int32 = -1
    var id: Int32 = -1
    var byte: UInt8 = 0
  }
  private var nodes: [Node] = [Node()]
  private var roots = [Int32](repeating: -1, count: 256)

  /// Of equal tokens the one with the higher id is found.
  init(_ tokens: TokenTable) {
    for id in 0..<tokens.count {
      var node = 0
      for byte in tokens[id] { node = child(node, byte) ?? insert(node, byte) }
      if node > 0 { nodes[node].id = Int32(truncatingIfNeeded: id) }
    }
  }

  private func child(_ node: Int, _ byte: UInt8) -> Int? {
    if node == 0 { return roots[Int(byte)] < 0 ? nil : Int(roots[Int(byte)]) }
    var at = nodes[node].child
    while at >= 0 && nodes[Int(at)].byte != byte { at = nodes[Int(at)].next }
    return at < 0 ? nil : Int(at)
  }

  private mutating func insert(_ node: Int, _ byte: UInt8) -> Int {
    let new = Int32(truncatingIfNeeded: nodes.count)
    if node == 0 {
      roots[Int(byte)] = new
      nodes.append(Node(byte: byte))
    } else {
      nodes.append(Node(next: nodes[node].child, byte: byte))
      nodes[node].child = new
    }
    return Int(new)
  }

  /// Calls `found` with the end and id of every token that starts at `start`, the shortest first.
  func forEachPrefix(_ text: UnsafeBufferPointer<UInt8>, from start: Int, _ found: (Int, Int32) -> Void) {
    var node = 0
    var i = start
    while i < text.count, let next = child(node, text[i]) {
      node = next
      i += 1
      if nodes[node].id >= 0 { found(i, nodes[node].id) }
    }
  }
}
