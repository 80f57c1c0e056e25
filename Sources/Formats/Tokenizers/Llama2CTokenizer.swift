/// The tokenizer of llama2.c (`tokenizer.bin`, `tok512.bin`): SentencePiece's greedy merges by score.
///
/// Ids 0, 1, 2 are unknown, BOS and EOS, 3...258 are the bytes, the rest are pieces (SentencePiece's term).
/// As in llama2.c the text gets a leading space, a character that is no piece is encoded as its bytes, and
/// the adjacent pair whose union has the highest score merges first. A table of pairs replaces llama2.c's
/// look-ups of text; the result is the same.
import Base

public struct Llama2CTokenizer: Tokenizer {
  private let pieces: [[UInt8]]
  private let ids: [[UInt8]: Int32]
  private let merges: TokenMerges
  private static let firstByte = 3
  private static let firstPiece = 259

  public var vocabSize: Int { pieces.count }
  public var bos: Int? { 1 }
  public var eos: Int? { 2 }
  /// The unknown token, which byte fallback leaves unused.
  public var pad: Int? { 0 }
  public var specials: [Int] { [0, 1, 2] }

  /// Reads a tokenizer file.
  ///
  ///     try Llama2CTokenizer.load("tok512.bin").vocabSize      // 512
  public static func load(_ path: String) throws -> Llama2CTokenizer {
    try Llama2CTokenizer(bytes: ByteSource(path: path).all(limit: Limits.tokenizerBytesMax), name: path)
  }

  /// Reads a tokenizer from the bytes of its file: the longest token's length, then score, length and bytes
  /// of each.
  public init(bytes: [UInt8], name: String = "tokenizer") throws {
    let source = ByteSource(bytes, name: name)
    // The first walk only checks, so that a bad file costs no more than its own bytes.
    var count = 0
    try Self.walk(source) { _, _ in count += 1 }
    var pieces: [[UInt8]] = []
    var scores: [Float] = []
    pieces.reserveCapacity(count)
    try Self.walk(source) { range, score in
      pieces.append(Array(bytes[range]))
      scores.append(score)
    }
    if pieces.count < Self.firstPiece {
      throw Failure(
        .format, "\(name): \(pieces.count) tokens, fewer than the \(Self.firstPiece) of bytes and control")
    }
    for i in 0..<256 {
      let wanted = ByteAlphabet.fallbackName(UInt8(i))
      if pieces[Self.firstByte + i] != wanted {
        throw Failure(
          .format, "\(name): token \(Self.firstByte + i) is not \(String(decoding: wanted, as: UTF8.self))")
      }
    }
    self.init(pieces, scores)
  }

  private static func walk(_ source: ByteSource, _ token: (Range<Int>, Float) -> Void) throws {
    let name = source.name
    let longest = Int(try source.integer(at: 0, as: Int32.self))
    var position = 4
    var id = 0
    while position < source.count {
      if id == Limits.vocabularyMax {
        throw Failure(.format, "\(name): more than \(Limits.vocabularyMax) tokens")
      }
      let score = Float(bitPattern: try source.integer(at: position, as: UInt32.self))
      let length = Int(try source.integer(at: position + 4, as: Int32.self))
      if !score.isFinite { throw Failure(.format, "\(name): token \(id) has the score \(score)") }
      if length < 0 || length > min(longest, Limits.tokenBytesMax) {
        throw Failure(
          .format,
          "\(name): token \(id) has \(length) bytes, expected 0..\(min(longest, Limits.tokenBytesMax))")
      }
      position += 8
      if length > source.count - position {
        throw Failure(
          .format,
          "\(name): token \(id) has \(length) bytes, but the file ends after \(source.count - position)")
      }
      token(position..<position + length, score)
      position += length
      id += 1
    }
  }

  private init(_ pieces: [[UInt8]], _ scores: [Float]) {
    var ids: [[UInt8]: Int32] = [:]
    for i in pieces.indices.dropFirst(Self.firstPiece) where !pieces[i].isEmpty && ids[pieces[i]] == nil {
      ids[pieces[i]] = Int32(i)
    }
    // llama2.c starts its search at -1e10: a union with a lower score never merges. Equal scores share a
    // rank.
    let used = ids.values.filter { scores[Int($0)] > -1e10 }
    let order = used.sorted { (-scores[Int($0)], $0) < (-scores[Int($1)], $1) }
    var merges = TokenMerges()
    var rank: Int32 = -1
    var before: Float?
    for id in order {
      if scores[Int(id)] != before { rank += 1 }
      before = scores[Int(id)]
      let piece = pieces[Int(id)]
      for cut in 1..<max(piece.count, 1) {
        if let left = ids[Array(piece[..<cut])], let right = ids[Array(piece[cut...])] {
          _ = merges.add(left, right, TokenMerges.Merge(rank: rank, token: id))
        }
      }
    }
    self.pieces = pieces
    self.ids = ids
    self.merges = merges
  }

  /// The ids of a text.
  ///
  ///     try tokenizer.encode("Once", bos: true)      // [1, 403]
  public func encode(_ text: String, bos: Bool, eos: Bool = false) throws -> [Int] {
    (bos ? [1] : []) + (try encode(text)) + (eos ? [2] : [])
  }

  public func encode(bytes: [UInt8]) throws -> [Int] {
    if bytes.isEmpty { return [] }
    var tokens: [Int32] = []
    func add(_ character: ArraySlice<UInt8>) {
      if let id = ids[Array(character)] {
        tokens.append(id)
      } else {
        for byte in character { tokens.append(Int32(Self.firstByte) + Int32(byte)) }
      }
    }
    add([UInt8(ascii: " ")])
    var start = 0
    while start < bytes.count {
      if start & 0xFFF == 0 { try Interrupt.check() }
      // A character is a lead byte and up to three continuations, whether or not it is good UTF-8.
      var end = start + 1
      while end < bytes.count && bytes[end] & 0xC0 == 0x80 && end - start < 4 { end += 1 }
      add(bytes[start..<end])
      start = end
    }
    try merges.apply(to: &tokens)
    return tokens.map(Int.init)
  }

  /// The ids of any bytes. BOS is added where special tokens are, as llama2.c does.
  public func encode(bytes: [UInt8], _ options: EncodeOptions) throws -> [Int] {
    var ids: [Int] = options.addSpecialTokens ? [1] : []
    if options.splitSpecialTokens { return ids + (try encode(bytes: bytes)) }
    let tokens = try specials.map { AddedToken(id: $0, content: try name(of: $0)) }
    try bytes.withUnsafeBufferPointer { text in
      try AddedTokenMatcher(tokens) { Array($0.content.utf8) }.split(text, splitsSpecials: false) {
        range, id in
        if let id { ids.append(id) } else { ids += try encode(bytes: Array(text[range])) }
      }
    }
    return ids
  }

  public func bytes(of id: Int) throws -> [UInt8] {
    try check(id)
    if id < Self.firstByte { return [] }
    return id < Self.firstPiece ? [UInt8(id - Self.firstByte)] : pieces[id]
  }

  public func name(of id: Int) throws -> String {
    try check(id)
    if id < Self.firstByte { return ["<unk>", "<s>", "</s>"][id] }
    return String(decoding: pieces[id], as: UTF8.self)
  }

  public func id(named name: String) -> Int? {
    if let special = ["<unk>", "<s>", "</s>"].firstIndex(of: name) { return special }
    let bytes = Array(name.utf8)
    return ids[bytes].map(Int.init) ?? pieces[..<Self.firstPiece].firstIndex(of: bytes)
  }

  /// The bytes of the ids; the space that `encode` put before the text goes away again after BOS.
  public func decodeBytes(_ ids: [Int]) throws -> [UInt8] {
    var out: [UInt8] = []
    var previous: Int?
    for id in ids {
      let piece = try bytes(of: id)
      out.append(
        contentsOf: previous == 1 && piece.first == UInt8(ascii: " ") ? piece.dropFirst() : piece[...])
      previous = id
    }
    return out
  }

  public func decodeBytes(_ ids: [Int], skipSpecialTokens: Bool) throws -> [UInt8] {
    if skipSpecialTokens { return try decodeBytes(ids) }
    var out: [UInt8] = []
    for (i, id) in ids.enumerated() {
      let isSpecial = id >= 0 && id < Self.firstByte
      // The token before decides whether a leading space goes away.
      out +=
        isSpecial
        ? Array(try name(of: id).utf8)
        : try decodeBytes(i > 0 ? [ids[i - 1], id] : [id]).suffix(
          bytes(of: id).count)
    }
    return out
  }
}
