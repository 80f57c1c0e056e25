/// A tokenizer with the ids of a model that has more of them, as many models have for speed. The further ids stand
/// for no text; transformers decodes them to nothing too.
import Base

public struct PaddedTokenizer: Tokenizer {
  public let base: any Tokenizer
  public let vocabSize: Int

  /// Throws a `Failure` where `vocabSize` is below that of the tokenizer, or more than a vocabulary may have.
  public init(_ base: any Tokenizer, vocabSize: Int) throws {
    guard vocabSize >= base.vocabSize, vocabSize <= Limits.vocabularyMax else {
      throw Failure(
        .value,
        "vocab_size \(vocabSize): expected \(base.vocabSize), the tokenizer's, to \(Limits.vocabularyMax)",
        argument: 2)
    }
    self.base = base
    self.vocabSize = vocabSize
  }

  public var bos: Int? { base.bos }
  public var eos: Int? { base.eos }
  public var pad: Int? { base.pad }
  public var specials: [Int] { base.specials }

  public func encode(bytes: [UInt8]) throws -> [Int] { try base.encode(bytes: bytes) }

  public func encode(bytes: [UInt8], _ options: EncodeOptions) throws -> [Int] {
    try base.encode(bytes: bytes, options)
  }

  public func bytes(of id: Int) throws -> [UInt8] { try decodeBytes([id]) }

  public func name(of id: Int) throws -> String {
    try check(id)
    return id < base.vocabSize ? try base.name(of: id) : ""
  }

  public func id(named name: String) -> Int? { base.id(named: name) }

  public func decodeBytes(_ ids: [Int]) throws -> [UInt8] { try decodeBytes(ids, skipSpecialTokens: true) }

  public func decodeBytes(_ ids: [Int], skipSpecialTokens: Bool) throws -> [UInt8] {
    for id in ids { try check(id) }
    return try base.decodeBytes(ids.filter { $0 < base.vocabSize }, skipSpecialTokens: skipSpecialTokens)
  }
}
