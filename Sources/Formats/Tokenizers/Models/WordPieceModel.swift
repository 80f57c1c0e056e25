/// WordPiece: from the left, the longest token that a word begins with, then the longest that goes on.
///
/// Devlin et al. 2019 (BERT). A word with a part that is in no token is unknown as a whole.
import Base

struct WordPieceModel: TokenModel {
  private let names: TokenTable
  private let unknown: String
  private let prefix: [UInt8]
  private let charactersMax: Int

  init(names: TokenTable, unknown: String, prefix: String, charactersMax: Int) {
    self.names = names
    self.unknown = unknown
    self.prefix = Array(prefix.utf8)
    self.charactersMax = charactersMax
  }

  func encode(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) throws {
    var starts: [Int] = []
    var i = 0
    while i < piece.count {
      starts.append(i)
      i += Characters.length(piece, at: i)
    }
    let count = ids.count
    if starts.count <= charactersMax, add(piece, starts + [piece.count], to: &ids) { return }
    ids.removeLast(ids.count - count)
    guard let id = names.id(of: Array(unknown.utf8)) else {
      throw Failure(.format, "unk_token '\(Quoted.name(unknown))' is not in the vocabulary")
    }
    ids.append(id)
  }

  /// Adds the tokens of a word; false where a part has none.
  private func add(_ piece: UnsafeBufferPointer<UInt8>, _ edges: [Int], to ids: inout [Int32]) -> Bool {
    var from = 0
    while from < edges.count - 1 {
      var to = edges.count - 1
      var found: Int32?
      while to > from {
        let part = UnsafeBufferPointer(rebasing: piece[edges[from]..<edges[to]])
        found = from == 0 ? names.id(of: part) : names.id(of: prefix + Array(part))
        if found != nil { break }
        to -= 1
      }
      guard let id = found else { return false }
      ids.append(id)
      from = to
    }
    return true
  }

  func json(names: TokenTable) -> JSONValue {
    [
      "type": "WordPiece", "unk_token": .string(unknown),
      "continuing_subword_prefix": .string(String(decoding: prefix, as: UTF8.self)),
      "max_input_chars_per_word": .integer(charactersMax), "vocab": vocabulary(names),
    ]
  }
}
