/// The members of a JSON object, in the order they were written.
///
/// Keys are equal when their bytes are: Swift's own string equality would take a composed and a decomposed accent for
/// one key. Few members are searched one by one; many get an index.
///
///     var o: JSONObject = ["b": 1, "a": 2]
///     o["b"] = 3
///     o.map(\.key)      // ["b", "a"]
public struct JSONObject: Sendable, RandomAccessCollection, ExpressibleByDictionaryLiteral {
  public typealias Element = (key: String, value: JSONValue)
  private var entries: [Element] = []
  private var index: [ExactText: Int]?
  private static let searchedOneByOne = 8

  /// No members.
  public init() {}

  /// Members in the given order; of equal keys the last value stays.
  public init<S: Sequence>(_ members: S) where S.Element == (String, JSONValue) {
    for (key, value) in members { set(key, value) }
  }

  public init(dictionaryLiteral members: (String, JSONValue)...) { self.init(members) }

  public var startIndex: Int { 0 }
  public var endIndex: Int { entries.count }
  public subscript(position: Int) -> Element { entries[position] }

  /// The value of a key; assigning nil removes the member.
  public subscript(key: String) -> JSONValue? {
    get { position(of: key).map { entries[$0].value } }
    set {
      if let newValue {
        set(key, newValue)
      } else if let place = position(of: key) {
        entries.remove(at: place)
        index = nil
        if entries.count > Self.searchedOneByOne { buildIndex() }
      }
    }
  }

  private mutating func set(_ key: String, _ value: JSONValue) {
    if let place = position(of: key) {
      entries[place].value = value
      return
    }
    entries.append((key, value))
    if index != nil {
      index?[ExactText(key)] = entries.count - 1
    } else if entries.count > Self.searchedOneByOne {
      buildIndex()
    }
  }

  private mutating func buildIndex() {
    var fresh: [ExactText: Int] = [:]
    for (place, entry) in entries.enumerated() { fresh[ExactText(entry.key)] = place }
    index = fresh
  }

  private func position(of key: String) -> Int? {
    let wanted = ExactText(key)
    if let index { return index[wanted] }
    return entries.firstIndex { ExactText($0.key) == wanted }
  }
}

extension JSONObject: Equatable {
  /// The same members; their order does not matter.
  public static func == (a: JSONObject, b: JSONObject) -> Bool {
    a.count == b.count && a.allSatisfy { b[$0.key] == $0.value }
  }
}

/// A string that is compared and hashed by its UTF-8 bytes.
struct ExactText: Hashable, Sendable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (a: ExactText, b: ExactText) -> Bool {
    a.text.utf8.count == b.text.utf8.count && a.text.utf8.elementsEqual(b.text.utf8)
  }

  func hash(into hasher: inout Hasher) {
    var copy = text
    copy.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
