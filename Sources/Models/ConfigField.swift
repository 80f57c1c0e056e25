/// One field of a model's configuration: how it is named, read, written, checked and explained.
import Base

/// The value of a field.
public enum ConfigValue: Equatable, Sendable {
  case integer(Int)
  case number(Double)
  case flag(Bool)
  case text(String)

  /// As files hold it.
  public var text: String {
    switch self {
    case .integer(let value): return "\(value)"
    case .number(let value): return "\(value)"
    case .flag(let value): return "\(value)"
    case .text(let value): return value
    }
  }
}

public struct ConfigField: @unchecked Sendable {
  public enum Kind: Equatable, Sendable {
    case size(least: Int)
    case number(least: Double?, above: Double?)
    case flag
    case choice([String])
    /// Letters, of these, repeated over the layers.
    case pattern(String)
  }

  /// As files and Lua tables name it.
  public let name: String
  public let kind: Kind
  /// What holds where the field is not given; nil where it must be given.
  public let otherwise: String?
  public let meaning: String
  /// Whether files of earlier versions lack the field, which then has its default.
  public let isLater: Bool
  private let get: (TransformerConfig) -> ConfigValue
  private let put: (inout TransformerConfig, ConfigValue) -> Bool

  public var isRequired: Bool { otherwise == nil }

  public func value(of config: TransformerConfig) -> ConfigValue { get(config) }

  /// Sets the field; a value of another type or outside the bounds is refused with the field's name.
  public func set(_ value: ConfigValue, in config: inout TransformerConfig) throws {
    var value = value
    if case .number = kind, case .integer(let whole) = value { value = .number(Double(whole)) }
    if !put(&config, value) { throw Failure(.value, "\(name) must be \(expected), got \(value.text)") }
    try check(value)
  }

  /// Parses what a file says.
  public func parse(_ text: String) -> ConfigValue? {
    switch kind {
    case .size: return Int(text).map { .integer($0) }
    case .number: return Double(text).map { .number($0) }
    case .flag: return Bool(text).map { .flag($0) }
    case .choice(let known): return known.contains(text) ? .text(text) : nil
    case .pattern: return .text(text)
    }
  }

  /// Refuses a value outside the bounds.
  public func check(_ value: ConfigValue) throws {
    let isAllowed: Bool
    switch (kind, value) {
    case (.size(let least), .integer(let size)): isAllowed = (least...Self.sizeMax).contains(size)
    case (.number(let least, let above), .number(let number)):
      isAllowed = number.isFinite && number >= least ?? -.infinity && number > above ?? -.infinity
    case (.pattern(let letters), .text(let text)):
      isAllowed = !text.isEmpty && text.utf8.count <= Self.patternMax && text.allSatisfy(letters.contains)
    default: isAllowed = true
    }
    if !isAllowed { throw Failure(.value, "\(name) must be \(expected), got \(value.text)") }
  }

  /// Beyond any model, and far from overflow in products of two sizes.
  public static let sizeMax = 1 << 24
  /// As many layers as any model has.
  public static let patternMax = 1 << 12

  private var expected: String {
    switch kind {
    case .size(let least): return "from \(least) to \(Self.sizeMax)"
    case .number(let least?, _): return "a finite number, at least \(least)"
    case .number(_, let above?): return "a finite number above \(above)"
    case .number: return "a finite number"
    case .flag: return "true or false"
    case .pattern(let letters):
      return "a text of the letters " + letters.map(String.init).joined(separator: ", ")
    case .choice(let known): return "one of " + known.map { "\"\($0)\"" }.joined(separator: ", ")
    }
  }
}

extension ConfigField {
  static func size(
    _ name: String, _ path: WritableKeyPath<TransformerConfig, Int>, _ meaning: String,
    otherwise: String? = nil, least: Int = 1, isLater: Bool = false
  ) -> ConfigField {
    ConfigField(
      name: name, kind: .size(least: least), otherwise: otherwise, meaning: meaning, isLater: isLater,
      get: { .integer($0[keyPath: path]) },
      put: { config, value in
        guard case .integer(let size) = value else { return false }
        config[keyPath: path] = size
        return true
      })
  }

  static func number(
    _ name: String, _ path: WritableKeyPath<TransformerConfig, Double>, _ meaning: String,
    otherwise: String? = nil, least: Double? = nil, above: Double? = nil
  ) -> ConfigField {
    ConfigField(
      name: name, kind: .number(least: least, above: above),
      otherwise: otherwise ?? "\(TransformerConfig()[keyPath: path])", meaning: meaning, isLater: true,
      get: { .number($0[keyPath: path]) },
      put: { config, value in
        guard case .number(let number) = value else { return false }
        config[keyPath: path] = number
        return true
      })
  }

  static func flag(
    _ name: String, _ path: WritableKeyPath<TransformerConfig, Bool>, _ meaning: String, otherwise: String,
    isLater: Bool = false
  ) -> ConfigField {
    ConfigField(
      name: name, kind: .flag, otherwise: otherwise, meaning: meaning, isLater: isLater,
      get: { .flag($0[keyPath: path]) },
      put: { config, value in
        guard case .flag(let flag) = value else { return false }
        config[keyPath: path] = flag
        return true
      })
  }

  static func choice<C: RawRepresentable & CaseIterable>(
    _ name: String, _ path: WritableKeyPath<TransformerConfig, C>, _ meaning: String,
    otherwise: String = "by style", isLater: Bool = false
  ) -> ConfigField where C.RawValue == String {
    ConfigField(
      name: name, kind: .choice(C.allCases.map(\.rawValue)), otherwise: otherwise, meaning: meaning,
      isLater: isLater,
      get: { .text($0[keyPath: path].rawValue) },
      put: { config, value in
        guard case .text(let text) = value, let choice = C(rawValue: text) else { return false }
        config[keyPath: path] = choice
        return true
      })
  }
}

extension ConfigField {
  static func pattern(
    _ name: String, _ path: WritableKeyPath<TransformerConfig, String>, of letters: String, _ meaning: String
  ) -> ConfigField {
    ConfigField(
      name: name, kind: .pattern(letters), otherwise: TransformerConfig()[keyPath: path], meaning: meaning,
      isLater: true,
      get: { .text($0[keyPath: path]) },
      put: { config, value in
        guard case .text(let text) = value else { return false }
        config[keyPath: path] = text
        return true
      })
  }
}

extension TransformerConfig {
  /// The fields as text, as a file's metadata hold them.
  var metadata: [String: String] {
    Dictionary(uniqueKeysWithValues: Self.fields.map { ($0.name, $0.value(of: self).text) })
  }

  /// The configuration that a file's metadata state. A field that is missing because it came later than the
  /// file has its default.
  init(metadata: [String: String], file: String) throws {
    self.init()
    for field in Self.fields {
      guard let text = metadata[field.name] else {
        if field.isLater { continue }
        throw Failure(.format, "\(file): the metadata do not state '\(field.name)'")
      }
      guard let value = field.parse(text) else {
        throw Failure(.format, "\(file): metadata '\(field.name)' is \"\(Quoted.name(text))\"")
      }
      do { try field.set(value, in: &self) } catch {
        throw Failure(.format, "\(file): metadata: \(error)", cause: error)
      }
    }
    if metadata["head_dim"] == nil { splitHeads() }
  }
}
