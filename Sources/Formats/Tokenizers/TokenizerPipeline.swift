/// A tokenizer of five parts, as Hugging Face's `tokenizers` has them.
///
/// Text to ids: added tokens are found first; the normalizer rewrites what is between them, the pre-tokenizer
/// cuts it into pieces, the model gives the ids of each piece, and the post-processor adds control tokens
/// around them. Ids to text: the decoder joins the tokens. The vocabularies trained here are of the same parts,
/// so that there is one way from text to ids.
import Base

public struct TokenizerPipeline: Tokenizer {
  /// The token that begins a text; set from the names of the control tokens, and free to change.
  public var bos: Int?
  public var eos: Int?
  public var pad: Int?
  public let specials: [Int]
  /// The entries of `added_tokens`, by rising id.
  public let addedTokens: [AddedToken]

  /// The parts as a tokenizer.json writes them.
  let written: TokenizerParts.Written
  /// Names of all tokens by id; those of the model come first.
  let names: TokenTable
  let modelTokens: Int
  private let normalizer: Normalizer?
  private let preTokenizer: [PreTokenizer]
  let model: any TokenModel
  private let postProcessor: PostProcessor?
  private let decoder: Decoder?
  private let rawMatcher: AddedTokenMatcher
  private let normalizedMatcher: AddedTokenMatcher
  /// A byte-level pre-tokenizer writes bytes as characters; not where the model takes raw bytes.
  private let writesBytes: Bool
  private let isSpecial: Set<Int>
  /// Normalized added tokens that decode to another text than their own.
  private let decodedNames: [Int: [UInt8]]

  public var vocabSize: Int { names.count }

  /// A tokenizer of parts.
  ///
  ///     var parts = TokenizerParts(tokens: names, model: .bpe(BPEModel.Options(), merges: merges))
  ///     parts.written.preTokenizer = TokenizerParts.preTokenizer(named: "llama-bpe") ?? .null
  ///     let tokenizer = try TokenizerPipeline(parts, source: "model.gguf")
  public init(_ parts: TokenizerParts, source: String = "tokenizer") throws {
    func part(_ value: JSONValue, _ name: String) -> Part? {
      value == .null ? nil : Part(value, path: "\(source): \(name)")
    }
    func failure(_ problem: String) -> Failure { Failure(.format, "\(source): \(problem)") }
    written = parts.written
    normalizer = try part(parts.written.normalizer, "normalizer").map { try Normalizer($0) }
    preTokenizer =
      try part(parts.written.preTokenizer, "pre_tokenizer").map { try PreTokenizer($0).steps } ?? []
    postProcessor = try part(parts.written.postProcessor, "post_processor").map { try PostProcessor($0) }
    decoder = try part(parts.written.decoder, "decoder").map { try Decoder($0) }
    addedTokens = parts.addedTokens.sorted { $0.id < $1.id }
    modelTokens = parts.tokens.count
    names = try Self.names(parts.tokens, addedTokens, failure)
    var isByteLevel = false
    if case .byteLevel? = preTokenizer.last { isByteLevel = parts.model.takesRawBytes }
    writesBytes = !isByteLevel
    model = try parts.model.make(parts.tokens, isByteLevel: isByteLevel, source: source)
    specials = addedTokens.filter(\.special).map(\.id)
    rawMatcher = AddedTokenMatcher(addedTokens.filter { !$0.normalized }) { Array($0.content.utf8) }
    var decodedNames: [Int: [UInt8]] = [:]
    let normalizer = normalizer
    normalizedMatcher = try AddedTokenMatcher(addedTokens.filter(\.normalized)) { token in
      let content = Array(token.content.utf8)
      var text = content
      var atStart = true
      try normalizer?.apply(to: &text, atStart: &atStart)
      if text != content { decodedNames[token.id] = text }
      return text
    }
    self.decodedNames = decodedNames
    // As in tokenizers, a control token whose normalized text is another is not skipped.
    isSpecial = Set(specials).subtracting(decodedNames.keys)
    if let most = postProcessor?.ids.max(), most >= names.count {
      throw failure("post_processor: the id \(most) is not below \(names.count), the number of tokens")
    }
    nameControlTokens()
  }

  /// The names of the model's tokens with those of the added tokens that follow them.
  private static func names(
    _ tokens: TokenTable, _ added: [AddedToken], _ failure: (String) -> Failure
  ) throws -> TokenTable {
    var last = -1
    var more: [[UInt8]] = []
    for token in added {
      let content = Array(token.content.utf8)
      let name = Quoted.name(token.content)
      if content.isEmpty { throw failure("added_tokens: token \(token.id) has no content") }
      if token.id == last { throw failure("added_tokens: two tokens have the id \(token.id)") }
      last = token.id
      if token.id < tokens.count {
        if !tokens[token.id].elementsEqual(content) {
          throw failure(
            "added_tokens: '\(name)' has the id \(token.id), which the vocabulary gives to "
              + "'\(Quoted.name(String(decoding: tokens[token.id], as: UTF8.self)))'")
        }
      } else if let id = tokens.id(of: content) {
        throw failure("added_tokens: '\(name)' has the id \(token.id), but \(id) in the vocabulary")
      } else if token.id != tokens.count + more.count {
        throw failure(
          "added_tokens: '\(name)' has the id \(token.id), expected \(tokens.count + more.count), the next one"
        )
      } else {
        more.append(content)
      }
    }
    if tokens.count + more.count > Limits.vocabularyMax {
      throw failure("\(tokens.count + more.count) tokens, more than the limit of \(Limits.vocabularyMax)")
    }
    if more.isEmpty { return tokens }
    let table = TokenTable((0..<tokens.count).map { tokens[$0] } + more.map { $0[...] })
    for (i, content) in more.enumerated() where table.id(of: content).map(Int.init) != tokens.count + i {
      throw failure("added_tokens: '\(Quoted.name(String(decoding: content, as: UTF8.self)))' occurs twice")
    }
    return table
  }

  /// BOS, EOS and padding by the usual names.
  private mutating func nameControlTokens() {
    let (ids, names) = (specials, names)
    func named(_ candidates: [String]) -> Int? {
      candidates.lazy.compactMap { name in ids.first { names[$0].elementsEqual(name.utf8) } }.first
    }
    bos = named(["<bos>", "<s>", "<|begin_of_text|>", "<|endoftext|>"])
    eos = named(["<eos>", "</s>", "<|end_of_text|>", "<|endoftext|>"])
    pad = named(["<pad>", "[PAD]", "<|pad|>"])
  }

  // MARK: text to ids

  /// The ids of any bytes; no control token comes out of text.
  ///
  ///     try gpt2.encode("Hello world")      // [15496, 995]
  public func encode(bytes: [UInt8]) throws -> [Int] { try encode(bytes: bytes, EncodeOptions()) }

  /// The ids of any bytes.
  public func encode(bytes: [UInt8], _ options: EncodeOptions) throws -> [Int] {
    var out: [Int32] = []
    out.reserveCapacity(bytes.count / 3)
    if rawMatcher.isEmpty {
      try encode(bytes, atStart: true, options, &out)
    } else {
      try bytes.withUnsafeBufferPointer { text in
        try rawMatcher.split(text, splitsSpecials: options.splitSpecialTokens) { range, id in
          if let id {
            out.append(Int32(truncatingIfNeeded: id))
          } else {
            try encode(Array(text[range]), atStart: range.lowerBound == 0, options, &out)
          }
        }
      }
    }
    let ids = out.map(Int.init)
    return options.addSpecialTokens ? postProcessor?.apply(to: ids) ?? ids : ids
  }

  /// Adds the ids of a text between added tokens.
  private func encode(
    _ raw: [UInt8], atStart isFirst: Bool, _ options: EncodeOptions, _ out: inout [Int32]
  ) throws {
    var text = raw
    var atStart = isFirst
    try normalizer?.apply(to: &text, atStart: &atStart)
    if normalizedMatcher.isEmpty { return try encodePieces(text, atStart: atStart, &out) }
    try text.withUnsafeBufferPointer { text in
      try normalizedMatcher.split(text, splitsSpecials: options.splitSpecialTokens) { range, id in
        if let id {
          out.append(Int32(truncatingIfNeeded: id))
        } else {
          try encodePieces(Array(text[range]), atStart: atStart && range.lowerBound == 0, &out)
        }
      }
    }
  }

  private func encodePieces(_ text: [UInt8], atStart: Bool, _ out: inout [Int32]) throws {
    var pieces = Pieces(text, atStart: atStart)
    for step in preTokenizer { try step.apply(to: &pieces, writesBytes: writesBytes) }
    try pieces.bytes.withUnsafeBufferPointer { bytes in
      var known = PieceCache(bytes, expected: pieces.ranges.count)
      for (i, range) in pieces.ranges.enumerated() where !range.isEmpty {
        if i & 0xFFF == 0xFFF { try Interrupt.check() }
        try known.append(range, to: &out) { try model.encode($0, into: &$1) }
      }
    }
  }

  // MARK: ids to text

  public func name(of id: Int) throws -> String {
    try check(id)
    return String(decoding: names[id], as: UTF8.self)
  }

  public func id(named name: String) -> Int? { names.id(of: Array(name.utf8)).map(Int.init) }

  /// What a token stands for alone; nothing for a control token.
  public func bytes(of id: Int) throws -> [UInt8] { try decodeBytes([id]) }

  /// The bytes that the ids stand for, without control tokens.
  public func decodeBytes(_ ids: [Int]) throws -> [UInt8] { try decodeBytes(ids, skipSpecialTokens: true) }

  /// The bytes that the ids stand for.
  public func decodeBytes(_ ids: [Int], skipSpecialTokens: Bool) throws -> [UInt8] {
    var tokens: [[UInt8]] = []
    tokens.reserveCapacity(ids.count)
    for (i, id) in ids.enumerated() {
      if i & 0x3FFF == 0x3FFF { try Interrupt.check() }
      try check(id)
      if !skipSpecialTokens || !isSpecial.contains(id) { tokens.append(decodedNames[id] ?? Array(names[id])) }
    }
    if let decoder { return try decoder.apply(to: tokens) }
    return Array(tokens.joined(separator: [UInt8(ascii: " ")]))
  }
}

/// The ids of pieces that occurred before in the same text.
private struct PieceCache {
  private struct Entry {
    var start: Int
    var length: Int32
    /// Where its ids stand in `ids`.
    var count: Int32
    var ids: Int
  }
  private let bytes: UnsafeBufferPointer<UInt8>
  private var entries: [Entry] = []
  private var slots: [Int32] = []
  private var ids: [Int32] = []
  private var fresh: [Int32] = []

  /// Longer pieces are seldom seen again.
  private static let pieceBytesMax = 64
  /// Fewer pieces than this are not worth a table.
  private static let piecesMin = 64
  private static let entriesMax = 1 << 17

  init(_ bytes: UnsafeBufferPointer<UInt8>, expected pieces: Int) {
    self.bytes = bytes
    if pieces < Self.piecesMin { return }
    var size = 256
    while size < min(pieces, 2 * Self.entriesMax) { size *= 2 }
    slots = [Int32](repeating: -1, count: size)
  }

  mutating func append(
    _ range: Range<Int>, to out: inout [Int32],
    encode: (UnsafeBufferPointer<UInt8>, inout [Int32]) throws -> Void
  ) throws {
    let piece = UnsafeBufferPointer(rebasing: bytes[range])
    guard !slots.isEmpty, piece.count <= Self.pieceBytesMax, let here = piece.baseAddress,
      let all = bytes.baseAddress
    else { return try encode(piece, &out) }
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: ByteHash.of(piece)) & mask
    while slots[slot] >= 0 {
      let entry = entries[Int(slots[slot])]
      if Int(entry.length) == piece.count, memcmp(all + entry.start, here, piece.count) == 0 {
        for i in entry.ids..<entry.ids + Int(entry.count) { out.append(ids[i]) }
        return
      }
      slot = (slot + 1) & mask
    }
    fresh.removeAll(keepingCapacity: true)
    try encode(piece, &fresh)
    out.append(contentsOf: fresh)
    if 2 * (entries.count + 1) > slots.count || entries.count == Self.entriesMax { return }
    slots[slot] = Int32(truncatingIfNeeded: entries.count)
    entries.append(
      Entry(
        start: range.lowerBound, length: Int32(truncatingIfNeeded: piece.count),
        count: Int32(truncatingIfNeeded: fresh.count), ids: ids.count))
    ids.append(contentsOf: fresh)
  }
}
