/// Text token by token, as a model samples it.
///
/// A token may end inside of a character, and a decoder may look at the token before: each step decodes the last
/// few tokens together and gives what is new, once it ends with a whole character.
import Base

public final class DecodeStream {
  private let tokenizer: any Tokenizer
  private let skipSpecialTokens: Bool
  /// The tokens whose text is not given yet, after those that were given last.
  private var ids: [Int] = []
  private var givenIds = 0
  private var given: [UInt8] = []
  private static let incomplete: [UInt8] = [0xEF, 0xBF, 0xBD]

  public init(_ tokenizer: any Tokenizer, skipSpecialTokens: Bool = true) {
    self.tokenizer = tokenizer
    self.skipSpecialTokens = skipSpecialTokens
  }

  /// The text that one more token adds; empty while a character is incomplete.
  ///
  ///     let stream = DecodeStream(gpt2)
  ///     try [15496, 995].map { String(decoding: try stream.step($0), as: UTF8.self) }      // ["Hello", " world"]
  public func step(_ id: Int) throws -> [UInt8] {
    let all = try text(ids + [id])
    ids.append(id)
    if all.count <= given.count || all.suffix(3).elementsEqual(Self.incomplete) { return [] }
    let new = Array(all.dropFirst(given.count))
    // The tokens just given stay, so that the next are decoded with what stands before them.
    ids.removeFirst(givenIds)
    givenIds = ids.count
    given = try text(ids)
    return new
  }

  /// The text of ids, with U+FFFD for bytes that are not UTF-8.
  private func text(_ ids: [Int]) throws -> [UInt8] {
    let bytes = try tokenizer.decodeBytes(ids, skipSpecialTokens: skipSpecialTokens)
    return Array(String(decoding: bytes, as: UTF8.self).utf8)
  }
}
