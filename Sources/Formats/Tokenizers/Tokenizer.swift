/// What every tokenizer does: text to ids and back.
///
/// Ids are values from 0, exactly as in the vocabulary file. Text may be any bytes (Lua strings are), and
/// control tokens such as BOS come out of text only where that is asked for: a prompt cannot forge the end of a
/// dialogue.
import Base

/// Text to token ids and back.
///
///     let t = try Llama2CTokenizer.load("tok512.bin")
///     try t.decode([1] + t.encode("Once upon a time"))      // "Once upon a time"
public protocol Tokenizer: Sendable {
  /// Ids are 0..<vocabSize.
  var vocabSize: Int { get }
  /// The token that begins a text, if there is one.
  var bos: Int? { get }
  /// The token that ends a text, if there is one.
  var eos: Int? { get }
  /// The token that fills short rows of a batch, if there is one.
  var pad: Int? { get }
  /// Ids of control tokens, in rising order.
  var specials: [Int] { get }

  /// The ids of any bytes, without BOS or EOS.
  func encode(bytes: [UInt8]) throws -> [Int]
  /// The ids of any bytes, with or without control tokens.
  func encode(bytes: [UInt8], _ options: EncodeOptions) throws -> [Int]
  /// What a token stands for; nothing for a control token.
  func bytes(of id: Int) throws -> [UInt8]
  /// A readable form of a token, as the vocabulary writes it.
  func name(of id: Int) throws -> String
  /// The id whose name this is, or nil.
  func id(named name: String) -> Int?
  /// The bytes that the ids stand for together, without control tokens.
  func decodeBytes(_ ids: [Int]) throws -> [UInt8]
  /// The same, with the names of control tokens unless they are skipped.
  func decodeBytes(_ ids: [Int], skipSpecialTokens: Bool) throws -> [UInt8]
}

extension Tokenizer {
  /// The ids of a text, without BOS or EOS.
  public func encode(_ text: String) throws -> [Int] { try encode(bytes: Array(text.utf8)) }

  /// The text that the ids stand for; bytes that are not UTF-8 become U+FFFD.
  public func decode(_ ids: [Int]) throws -> String { String(decoding: try decodeBytes(ids), as: UTF8.self) }

  public func decodeBytes(_ ids: [Int]) throws -> [UInt8] {
    var out: [UInt8] = []
    for id in ids { out.append(contentsOf: try bytes(of: id)) }
    return out
  }

  /// The ids of a text. With `splitSpecialTokens: false` the names of control tokens stand for these tokens: for
  /// chat templates, not for input.
  ///
  ///     try gpt2.encode("Hello<|endoftext|>", EncodeOptions(splitSpecialTokens: false))      // [15496, 50256]
  public func encode(_ text: String, _ options: EncodeOptions) throws -> [Int] {
    try encode(bytes: Array(text.utf8), options)
  }

  /// Refuses ids that the vocabulary does not have.
  func check(_ id: Int) throws {
    if id < 0 || id >= vocabSize {
      throw Failure(.index, "id \(id) is not a token id: expected 0..\(vocabSize - 1) (vocab \(vocabSize))")
    }
  }
}
