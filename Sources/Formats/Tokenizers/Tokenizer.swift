/// What every tokenizer does: text to ids and back.
///
/// Ids are values from 0, exactly as in the vocabulary file. Text may be any bytes (Lua strings are), and
/// control tokens such as BOS never come out of text: a prompt cannot forge the end of a dialogue.
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
  /// What a token stands for; nothing for a control token.
  func bytes(of id: Int) throws -> [UInt8]
  /// A readable form of a token, as the vocabulary writes it.
  func name(of id: Int) throws -> String
  /// The id whose name this is, or nil.
  func id(named name: String) -> Int?
  /// The bytes that the ids stand for together.
  func decodeBytes(_ ids: [Int]) throws -> [UInt8]
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

  /// Encodes a text in which the names of control tokens stand for these tokens: for chat templates, not for
  /// input.
  ///
  ///     try gpt2.encodeWithSpecials("Hello<|endoftext|>")      // [15496, 50256]
  public func encodeWithSpecials(_ text: String) throws -> [Int] {
    let named = try specials.map { (id: $0, name: Array(try name(of: $0).utf8)) }.filter { !$0.name.isEmpty }
      .sorted { ($1.name.count, $0.id) < ($0.name.count, $1.id) }
    let bytes = Array(text.utf8)
    var ids: [Int] = []
    var plain = 0
    var i = 0
    while i < bytes.count {
      guard let found = named.first(where: { bytes[i...].starts(with: $0.name) }) else {
        i += 1
        continue
      }
      if plain < i { ids += try encode(bytes: Array(bytes[plain..<i])) }
      ids.append(found.id)
      i += found.name.count
      plain = i
    }
    if plain < bytes.count { ids += try encode(bytes: Array(bytes[plain...])) }
    return ids
  }

  /// Refuses ids that the vocabulary does not have.
  func check(_ id: Int) throws {
    if id < 0 || id >= vocabSize {
      throw Failure(.index, "id \(id) is not a token id: expected 0..\(vocabSize - 1) (vocab \(vocabSize))")
    }
  }
}
