/// The settings of a config.json, read by name with checks; every error names the file and the key.
import Base
import Formats

struct FolderConfig {
  /// For messages.
  let path: String
  private let json: JSONValue

  init(_ json: JSONValue, path: String) { (self.json, self.path) = (json, path) }

  /// The value of a key; null is as if the key were absent.
  subscript(_ key: String) -> JSONValue? {
    guard let value = json[key], value != .null else { return nil }
    return value
  }

  /// How many keys there are.
  var count: Int { json.members?.count ?? 0 }

  func has(_ key: String) -> Bool { json[key] != nil }

  func object(_ key: String) throws -> FolderConfig? {
    guard let value = self[key] else { return nil }
    if value.members == nil { throw bad(key, "an object") }
    return FolderConfig(value, path: "\(path): \(key)")
  }

  func size(_ key: String, otherwise: Int? = nil) throws -> Int {
    try value(key, otherwise, "a whole number from 0 to \(ConfigField.sizeMax)") { value in
      value.int.flatMap { (0...ConfigField.sizeMax).contains($0) ? $0 : nil }
    }
  }

  func number(_ key: String, otherwise: Double? = nil) throws -> Double {
    try value(key, otherwise, "a finite number") { $0.double.flatMap { $0.isFinite ? $0 : nil } }
  }

  func flag(_ key: String, otherwise: Bool) throws -> Bool {
    try value(key, otherwise, "true or false", \.boolean)
  }

  func text(_ key: String, otherwise: String? = nil) throws -> String {
    try value(key, otherwise, "a text", \.text)
  }

  /// A text of the known ones.
  func choice<V>(_ key: String, otherwise: String, _ known: [String: V]) throws -> V {
    let given = try text(key, otherwise: otherwise)
    if let found = known[given] { return found }
    throw Failure(
      .format,
      "\(path): '\(key)' is \"\(Quoted.name(given))\", which is not computed here; known: "
        + known.keys.sorted().joined(separator: ", "))
  }

  /// Refuses a setting that would change what the model computes, unless it has the value that changes nothing.
  func refuse(
    _ keys: [String], unless harmless: (JSONValue) -> Bool = { $0 == .bool(false) }, _ advice: String
  )
    throws
  {
    for key in keys {
      if let value = self[key], !harmless(value) {
        throw Failure(.format, "\(path): '\(key)' is not computed here; \(advice)")
      }
    }
  }

  func bad(_ key: String, _ expected: String) -> Failure {
    let given = self[key].flatMap { try? $0.encoded() }.map { Quoted.name(String($0.prefix(60))) }
    return Failure(.format, "\(path): '\(key)' must be \(expected), got \(given ?? "none")")
  }

  private func value<V>(_ key: String, _ otherwise: V?, _ expected: String, _ read: (JSONValue) -> V?) throws
    -> V
  {
    guard let value = self[key] else {
      if let otherwise { return otherwise }
      throw bad(key, expected)
    }
    guard let found = read(value) else { throw bad(key, expected) }
    return found
  }
}
