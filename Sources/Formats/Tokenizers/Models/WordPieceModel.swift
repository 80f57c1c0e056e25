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

  /// Adds the tokens of a word; false where a part has none. No part longer than the longest token is looked
  /// up, so that the work grows with the length of the word.
  private func add(_ piece: UnsafeBufferPointer<UInt8>, _ edges: [Int], to ids: inout [Int32]) -> Bool {
    var from = 0
    var part: [UInt8] = []
    while from < edges.count - 1 {
      let start = edges[from]
      part.removeAll(keepingCapacity: true)
      if from > 0 { part += prefix }
      let before = part.count
      let most = max(0, names.longest - before)
      part += piece[start..<min(piece.count, start + most)]
      var to = from
      while to < edges.count - 1 && edges[to + 1] - start <= most { to += 1 }
      var found: Int32?
      while to > from {
        found = names.id(of: part[..<(before + edges[to] - start)])
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
