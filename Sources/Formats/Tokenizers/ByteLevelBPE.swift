/// Byte-level byte-pair encoding of GPT-2: every text has ids, and decoding gives back every byte.
///
/// Text is split into words (`GPT2Split`); a word starts as its bytes, and adjacent pairs merge in the order
/// in which they were learnt. Control tokens have ids but no bytes: text that looks like one is encoded as
/// ordinary text.
import Base

public struct ByteLevelBPE: Tokenizer {
  /// The token that begins a text; set from the names of the control tokens, and free to change.
  public var bos: Int?
  public var eos: Int?
  public var pad: Int?
  public let specials: [Int]
  /// Number characters never join other characters.
  public let digitsAlone: Bool

  /// Bytes of each token; empty for control tokens.
  let tokens: [[UInt8]]
  let specialNames: [Int: String]
  /// Learnt merges in order, as pairs of ids.
  let mergeList: [(left: Int32, right: Int32)]
  private let ids: [[UInt8]: Int32]
  private let byteIds: [Int32]
  private let merges: TokenMerges

  public var vocabSize: Int { tokens.count }

  /// A vocabulary from its printable tokens (a space is Ġ), its merges in order, and which ids are control
  /// tokens.
  ///
  /// Every byte must have a token and every merge must make one.
  public init(
    names: [String], merges pairs: [(String, String)], specials: [Int], digitsAlone: Bool = false,
    source: String = "vocabulary"
  ) throws {
    try self.init(names: names, specials: specials, digitsAlone: digitsAlone, source: source) { merge in
      for pair in pairs { try merge(pair.0, pair.1) }
    }
  }

  /// The designated initialiser of files and training. `eachMerge` calls its argument with the merges in
  /// order, so that a list with a bad merge is refused before all of it is in memory.
  init(
    names: [String], specials: [Int], digitsAlone: Bool, source: String,
    eachMerge: (_ merge: (String, String) throws -> Void) throws -> Void
  ) throws {
    func failure(_ problem: String) -> Failure { Failure(.format, "\(source): \(problem)") }
    if names.count > Limits.vocabularyMax {
      throw failure("\(names.count) tokens, more than the limit of \(Limits.vocabularyMax)")
    }
    var specialNames: [Int: String] = [:]
    for id in specials {
      if id < 0 || id >= names.count {
        throw failure("control token \(id) is not among the \(names.count) tokens")
      }
      if names[id].isEmpty { throw failure("control token \(id) has no name") }
      specialNames[id] = names[id]
    }
    if Set(specialNames.values.map { Array($0.utf8) }).count != specials.count {
      throw failure("two control tokens have the same id or name")
    }
    var tokens: [[UInt8]] = []
    var ids: [[UInt8]: Int32] = [:]
    tokens.reserveCapacity(names.count)
    ids.reserveCapacity(names.count)
    for (id, name) in names.enumerated() {
      if specialNames[id] != nil {
        tokens.append([])
        continue
      }
      guard let bytes = ByteAlphabet.bytes(name), !bytes.isEmpty, bytes.count <= Limits.tokenBytesMax else {
        throw failure(
          "token \(id) ('\(Quoted.name(name))') is not 1..\(Limits.tokenBytesMax) characters that stand "
            + "for bytes"
        )
      }
      if let other = ids.updateValue(Int32(id), forKey: bytes) {
        throw failure("tokens \(other) and \(id) are both '\(Quoted.name(name))'")
      }
      tokens.append(bytes)
    }
    for name in specialNames.values {
      if let bytes = ByteAlphabet.bytes(name), ids[bytes] != nil {
        throw failure("control token '\(Quoted.name(name))' is an ordinary token too")
      }
    }
    byteIds = try (0..<256).map { byte in
      guard let id = ids[[UInt8(byte)]] else { throw failure("no token for the byte \(byte)") }
      return id
    }
    var merges = TokenMerges(reservingCapacity: names.count)
    var list: [(left: Int32, right: Int32)] = []
    list.reserveCapacity(names.count)
    try eachMerge { first, second in
      let rank = list.count
      guard let left = ByteAlphabet.bytes(first), let right = ByteAlphabet.bytes(second),
        let leftId = ids[left], let rightId = ids[right], let merged = ids[left + right]
      else {
        throw failure(
          "merge \(rank + 1) ('\(Quoted.name(first))' '\(Quoted.name(second))') does not make a token of two")
      }
      if !merges.add(leftId, rightId, TokenMerges.Merge(rank: Int32(truncatingIfNeeded: rank), token: merged))
      {
        throw failure("merge \(rank + 1) ('\(Quoted.name(first))' '\(Quoted.name(second))') occurs twice")
      }
      list.append((leftId, rightId))
    }
    self.tokens = tokens
    self.specialNames = specialNames
    self.ids = ids
    self.merges = merges
    self.digitsAlone = digitsAlone
    self.specials = specials.sorted()
    mergeList = list
    func named(_ candidates: [String]) -> Int? {
      candidates.lazy.compactMap { name in specialNames.first { $0.value == name }?.key }.first
    }
    bos = named(["<bos>", "<s>", "<|begin_of_text|>", "<|endoftext|>"])
    eos = named(["<eos>", "</s>", "<|end_of_text|>", "<|endoftext|>"])
    pad = named(["<pad>", "[PAD]", "<|pad|>"])
  }

  /// The ids of any bytes.
  ///
  ///     try gpt2.encode("Hello world")      // [15496, 995]
  public func encode(bytes: [UInt8]) throws -> [Int] {
    var out: [Int] = []
    out.reserveCapacity(bytes.count / 3)
    var known: [ArraySlice<UInt8>: [Int32]] = [:]
    var checkedAt = 0
    try bytes.withUnsafeBufferPointer { buffer in
      try GPT2Split.forEachWord(buffer, digitsAlone: digitsAlone) { range in
        if range.lowerBound - checkedAt > 1 << 20 {
          checkedAt = range.lowerBound
          try Interrupt.check()
        }
        let word = bytes[range]
        if let done = known[word] {
          for id in done { out.append(Int(id)) }
          return
        }
        var ids = word.map { byteIds[Int($0)] }
        try merges.apply(to: &ids)
        for id in ids { out.append(Int(id)) }
        if bytes.count > 256 && word.count < 64 { known[word] = ids }
      }
    }
    return out
  }

  public func bytes(of id: Int) throws -> [UInt8] {
    try check(id)
    return tokens[id]
  }

  public func name(of id: Int) throws -> String {
    try check(id)
    return specialNames[id] ?? ByteAlphabet.printable(tokens[id])
  }

  public func id(named name: String) -> Int? {
    if let special = specialNames.first(where: { $0.value == name })?.key { return special }
    return ByteAlphabet.bytes(name).flatMap { ids[$0] }.map(Int.init)
  }
}
