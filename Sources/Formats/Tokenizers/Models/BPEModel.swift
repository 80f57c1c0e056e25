/// Byte-pair encoding: a piece starts as its characters, and adjacent pairs merge until no merge is left.
///
/// Sennrich et al. 2016 (arXiv:1508.07909). Three kinds of vocabulary need it: byte-level ones, whose
/// characters are bytes; SentencePiece ones as Hugging Face's tokenizers write them, where a character without
/// a token is its bytes before anything merges; and SentencePiece ones with scores instead of merges, where it
/// becomes bytes after.
import Base

public struct BPEModel: TokenModel {
  /// The settings of a tokenizer.json's model, with its defaults.
  public struct Options: Sendable {
    public var unknown: String?
    public var fusesUnknown = false
    public var byteFallback = false
    public var ignoresMerges = false
    public var continuingPrefix = ""
    public var wordSuffix = ""
    public init() {}
  }

  let options: Options
  /// Learnt merges in order, as pairs of ids; empty where scores decide.
  let mergeList: [(left: Int32, right: Int32)]
  private let merges: TokenMerges
  /// Pieces as they come: raw bytes of a byte-level vocabulary, UTF-8 of others. With scores, characters
  /// that only occur inside of tokens follow the tokens.
  private let pieces: TokenTable
  private let isByteLevel: Bool
  let bytesComeLast: Bool
  private let tokenCount: Int
  /// The tokens of single bytes, -1 where there is none: `a` of byte-level vocabularies, else `<0x61>`.
  private let byteIds: [Int32]
  private let unknownId: Int32?

  /// A model whose merges are in order, the first one first.
  /// - Parameter isByteLevel: pieces are raw bytes, and names are written with `ByteAlphabet`.
  /// - Parameter eachMerge: calls its argument with the merges in order, so that a list with a bad merge is
  ///   refused before all of it is in memory.
  init(
    names: TokenTable, options: Options, isByteLevel: Bool,
    eachMerge: (_ merge: (ArraySlice<UInt8>, ArraySlice<UInt8>) throws -> Void) throws -> Void
  ) throws {
    let prefix = options.continuingPrefix.utf8.count
    var merges = TokenMerges()
    var list: [(left: Int32, right: Int32)] = []
    var joined: [UInt8] = []
    try eachMerge { first, second in
      func failure(_ problem: String) -> Failure {
        let pair = [first, second].map { "'\(Quoted.name(String(decoding: $0, as: UTF8.self)))'" }
        return Failure(.format, "merge \(list.count + 1) (\(pair[0]) \(pair[1])) \(problem)")
      }
      joined.removeAll(keepingCapacity: true)
      joined.append(contentsOf: first)
      joined.append(contentsOf: second.dropFirst(prefix))
      guard let left = names.id(of: first), let right = names.id(of: second), let token = names.id(of: joined)
      else { throw failure("does not make a token of two") }
      let rank = Int32(truncatingIfNeeded: list.count)
      if !merges.add(left, right, TokenMerges.Merge(rank: rank, token: token)) {
        throw failure("occurs twice")
      }
      list.append((left, right))
    }
    self.options = options
    self.isByteLevel = isByteLevel
    bytesComeLast = false
    self.merges = merges
    mergeList = list
    tokenCount = names.count
    pieces = isByteLevel ? TokenTable((0..<names.count).map { ByteAlphabet.bytes(names[$0]) ?? [] }) : names
    byteIds = Self.bytes(in: isByteLevel ? pieces : names, isByteLevel, options.byteFallback)
    unknownId = options.unknown.flatMap { names.id(of: Array($0.utf8)) }
  }

  /// A SentencePiece model with scores: the adjacent pair whose union is the token with the best score merges
  /// first, of equal scores the leftmost; what is no token in the end becomes bytes.
  ///
  ///     let llama = try BPEModel(names: names, scores: scores, unknown: "<unk>")
  init(names: TokenTable, scores: [Float], isPiece: (Int) -> Bool, unknown: String?) throws {
    var options = Options()
    options.unknown = unknown
    options.byteFallback = true
    var characters: [[UInt8]] = []
    var seen = Set<[UInt8]>()
    for id in 0..<names.count where isPiece(id) {
      names[id].withUnsafeBufferPointer { token in
        var i = 0
        while i < token.count {
          let length = Characters.length(token, at: i)
          let character = Array(token[i..<i + length])
          if names.id(of: character) == nil && seen.insert(character).inserted {
            characters.append(character)
          }
          i += length
        }
      }
    }
    let pieces = TokenTable((0..<names.count).map { isPiece($0) ? Array(names[$0]) : [] } + characters)
    var ranks: [Float: Int32] = [:]
    for score in Set(scores).sorted(by: >) { ranks[score] = Int32(truncatingIfNeeded: ranks.count) }
    var merges = TokenMerges(reservingCapacity: names.count)
    for id in 0..<names.count where isPiece(id) {
      guard id < scores.count else { throw Failure(.format, "token \(id) has no score") }
      guard let rank = ranks[scores[id]] else {
        throw Failure(.format, "token \(id) has a score that is no number")
      }
      let token = pieces[id]
      for cut in token.indices.dropFirst() {
        if let left = pieces.id(of: token[..<cut]), let right = pieces.id(of: token[cut...]) {
          _ = merges.add(left, right, TokenMerges.Merge(rank: rank, token: Int32(truncatingIfNeeded: id)))
        }
      }
    }
    self.options = options
    self.pieces = pieces
    self.merges = merges
    mergeList = []
    isByteLevel = false
    bytesComeLast = true
    tokenCount = names.count
    byteIds = Self.bytes(in: names, false, true)
    unknownId = unknown.flatMap { names.id(of: Array($0.utf8)) }
  }

  /// The ids of the 256 bytes, -1 where a byte has no token.
  private static func bytes(in table: TokenTable, _ isByteLevel: Bool, _ hasFallback: Bool) -> [Int32] {
    (0..<256).map { byte in
      if isByteLevel { return table.id(of: [UInt8(byte)]) ?? -1 }
      return hasFallback ? table.id(of: ByteAlphabet.fallbackName(UInt8(byte))) ?? -1 : -1
    }
  }

  func encode(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) throws {
    if options.ignoresMerges, let id = pieces.id(of: piece) { return ids.append(id) }
    var word: [Int32] = []
    word.reserveCapacity(piece.count)
    if isByteLevel {
      for byte in piece {
        let id = byteIds[Int(byte)]
        if id < 0 { try addUnknown(to: &word) } else { word.append(id) }
      }
    } else {
      try start(piece, &word)
    }
    try merges.apply(to: &word)
    if bytesComeLast { try expand(piece, &word) }
    ids.append(contentsOf: word)
  }

  /// The characters of a piece as tokens, before any merge.
  private func start(_ piece: UnsafeBufferPointer<UInt8>, _ word: inout [Int32]) throws {
    let hasAffixes = !options.continuingPrefix.isEmpty || !options.wordSuffix.isEmpty
    var unknown = 0
    func flush() throws {
      for _ in 0..<unknown { try addUnknown(to: &word) }
      unknown = 0
    }
    var i = 0
    while i < piece.count {
      let length = Characters.length(piece, at: i)
      let character = UnsafeBufferPointer(rebasing: piece[i..<i + length])
      let affixed =
        hasAffixes
        ? (i > 0 ? Array(options.continuingPrefix.utf8) : []) + Array(character)
          + (i + length == piece.count ? Array(options.wordSuffix.utf8) : []) : []
      let found = hasAffixes ? pieces.id(of: affixed) : pieces.id(of: character)
      if let id = found {
        try flush()
        word.append(id)
      } else if bytesComeLast {
        // Its place in the piece, until all is merged.
        word.append(-2 - Int32(truncatingIfNeeded: i))
      } else if options.byteFallback, hasAffixes ? hasBytes(affixed) : hasBytes(character) {
        // As in tokenizers, an unknown character before the bytes comes after them.
        for byte in hasAffixes ? affixed : Array(character) { word.append(byteIds[Int(byte)]) }
      } else if unknownId != nil || options.unknown != nil {
        unknown = options.fusesUnknown ? 1 : unknown + 1
        if !options.fusesUnknown && unknown == 2 {
          unknown = 1
          try addUnknown(to: &word)
        }
      }
      i += length
    }
    try flush()
  }

  private func hasBytes<S: Sequence>(_ bytes: S) -> Bool where S.Element == UInt8 {
    bytes.allSatisfy { byteIds[Int($0)] >= 0 }
  }

  private func addUnknown(to word: inout [Int32]) throws {
    guard let name = options.unknown else { return }
    guard let id = unknownId else {
      throw Failure(.format, "unk_token '\(Quoted.name(name))' is not in the vocabulary")
    }
    word.append(id)
  }

  /// Turns characters without a token into their bytes.
  private func expand(_ piece: UnsafeBufferPointer<UInt8>, _ word: inout [Int32]) throws {
    if word.allSatisfy({ $0 >= 0 && $0 < tokenCount }) { return }
    var out: [Int32] = []
    for id in word {
      if id >= 0 && id < tokenCount {
        out.append(id)
        continue
      }
      let at = -2 - Int(id)
      let bytes = id >= 0 ? pieces[Int(id)] : Array(piece[at..<at + Characters.length(piece, at: at)])[...]
      if hasBytes(bytes) {
        for byte in bytes { out.append(byteIds[Int(byte)]) }
      } else {
        try addUnknown(to: &out)
      }
    }
    word = out
  }

  func json(names: TokenTable) -> JSONValue {
    func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
    func name(_ id: Int32) -> JSONValue { .string(String(decoding: names[Int(id)], as: UTF8.self)) }
    var members: [JSONMember] = [
      JSONMember("type", "BPE"), JSONMember("dropout", .null), JSONMember("unk_token", text(options.unknown)),
      JSONMember(
        "continuing_subword_prefix", options.continuingPrefix.isEmpty ? .null : text(options.continuingPrefix)
      ),
      JSONMember("end_of_word_suffix", options.wordSuffix.isEmpty ? .null : text(options.wordSuffix)),
      JSONMember("fuse_unk", .bool(options.fusesUnknown)),
      JSONMember("byte_fallback", .bool(options.byteFallback)),
    ]
    if options.ignoresMerges { members.append(JSONMember("ignore_merges", true)) }
    members.append(JSONMember("vocab", vocabulary(names)))
    members.append(
      JSONMember("merges", .array(mergeList.map { .array([name($0.left), name($0.right)]) })))
    return .object(members)
  }
}
