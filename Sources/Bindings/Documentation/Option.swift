/// A named option of a function, declared once: type, default, bounds and sentence.
///
/// The page prints it, `OptionTable` checks a call's table against it and fills in its default, and
/// `require("perilune.native.help").options(name)` gives it to Lua.
///
///     Option("top_k", 0, "draw from the k most likely tokens only; 0 draws from all", least: 0)
///     Option("vocab", required: .integer, "number of tokens in the vocabulary", least: 1)
///     Option("kv_heads", optional: .integer, "key and value heads", otherwise: "heads", least: 1)
import LuaEngine

struct Option: Sendable {
  enum Kind: Sendable, Equatable {
    case integer, number, flag, text
    case choice([String])
    /// A table whose elements the function checks; the text says of what.
    case list(String)
    /// Any value that the function checks; the text says which.
    case any(String)
  }

  enum Default: Sendable {
    case required
    /// No value; the text says what applies then.
    case absent(String)
    case integer(Int)
    case number(Double)
    case flag(Bool)
    case text(String)
    case list([String])
  }

  let name: String
  let kind: Kind
  let standard: Default
  let sentence: String
  /// Smallest and largest allowed value.
  private(set) var least: Double?
  private(set) var most: Double?
  /// Open bounds: the value is larger than `above` and smaller than `below`.
  private(set) var above: Double?
  private(set) var below: Double?

  private init(_ name: String, _ kind: Kind, _ standard: Default, _ sentence: String) {
    (self.name, self.kind, self.standard, self.sentence) = (name, kind, standard, sentence)
  }

  init(_ name: String, _ standard: Int, _ sentence: String, least: Int? = nil, most: Int? = nil) {
    self.init(name, .integer, .integer(standard), sentence)
    (self.least, self.most) = (least.map(Double.init), most.map(Double.init))
  }

  init(
    _ name: String, _ standard: Double, _ sentence: String, least: Double? = nil, most: Double? = nil,
    above: Double? = nil, below: Double? = nil
  ) {
    self.init(name, .number, .number(standard), sentence)
    (self.least, self.most, self.above, self.below) = (least, most, above, below)
  }

  init(_ name: String, _ standard: Bool, _ sentence: String) {
    self.init(name, .flag, .flag(standard), sentence)
  }

  init(_ name: String, _ standard: String, _ sentence: String) {
    self.init(name, .text, .text(standard), sentence)
  }

  init(_ name: String, _ standard: [String], of elements: String, _ sentence: String) {
    self.init(name, .list(elements), .list(standard), sentence)
  }

  init<C: RawRepresentable & CaseIterable>(_ name: String, _ standard: C, _ sentence: String)
  where C.RawValue == String {
    self.init(name, .choice(C.allCases.map(\.rawValue)), .text(standard.rawValue), sentence)
  }

  init(
    _ name: String, required kind: Kind, _ sentence: String, least: Double? = nil, most: Double? = nil,
    above: Double? = nil, below: Double? = nil
  ) {
    self.init(name, kind, .required, sentence)
    (self.least, self.most, self.above, self.below) = (least, most, above, below)
  }

  init(
    _ name: String, optional kind: Kind, _ sentence: String, otherwise: String = "none", least: Double? = nil,
    most: Double? = nil, above: Double? = nil, below: Double? = nil
  ) {
    self.init(name, kind, .absent(otherwise), sentence)
    (self.least, self.most, self.above, self.below) = (least, most, above, below)
  }

  init<C: RawRepresentable & CaseIterable>(
    _ name: String, optional type: C.Type, _ sentence: String, otherwise: String = "none"
  ) where C.RawValue == String {
    self.init(name, .choice(C.allCases.map(\.rawValue)), .absent(otherwise), sentence)
  }

  // MARK: As text

  /// `a whole number from 1 to 256`: what messages and pages say is expected.
  var expected: String {
    switch kind {
    case .integer: return "a whole number" + bounds
    case .number: return "a number" + bounds
    case .flag: return "true or false"
    case .text: return "a string"
    case .choice(let words): return "one of " + words.map { "\"\($0)\"" }.joined(separator: ", ")
    case .list(let elements): return "a list of \(elements)"
    case .any(let text): return text
    }
  }

  private var bounds: String {
    let (least, most) = (least.map(shown), most.map(shown))
    if let least, let most { return " from \(least) to \(most)" }
    let parts = [
      least.map { "of at least \($0)" }, above.map { "above \(shown($0))" }, most.map { "at most \($0)" },
      below.map { "below \(shown($0))" },
    ]
    let given = parts.compactMap { $0 }
    return given.isEmpty ? "" : " " + given.joined(separator: " and ")
  }

  private func shown(_ bound: Double) -> String { Int(exactly: bound).map(String.init) ?? "\(bound)" }

  /// The default as Lua writes it; nil where there is none.
  var defaultText: String? {
    switch standard {
    case .required: return nil
    case .absent(let text): return text
    case .integer(let value): return "\(value)"
    case .number(let value): return "\(value)"
    case .flag(let value): return "\(value)"
    case .text(let value): return "\"\(value)\""
    case .list(let values): return "{\(values.map { "\"\($0)\"" }.joined(separator: ", "))}"
    }
  }

  /// The line of the page: sentence, type with bounds, default.
  var text: String { "\(sentence) (\(expected); \(defaultText.map { "default \($0)" } ?? "required"))" }

  // MARK: For Lua

  /// The default as a value; nil where the option is required or absent.
  var defaultValue: LuaValue {
    switch standard {
    case .required, .absent: return .nil
    case .integer(let value): return .int(value)
    case .number(let value): return .number(value)
    case .flag(let value): return .boolean(value)
    case .text(let value): return .string(value)
    case .list(let values): return .list(values.map { .string($0) })
    }
  }

  private var luaType: String {
    switch kind {
    case .integer: return "integer"
    case .number: return "number"
    case .flag: return "boolean"
    case .text, .choice: return "string"
    case .list: return "table"
    case .any: return "any"
    }
  }

  /// The sentence with what `type` and `default` of the record cannot say.
  private var luaSentence: String {
    var text = sentence
    if case .any(let expected) = kind { text += ": \(expected)" }
    if case .absent(let otherwise) = standard, otherwise != "none" { text += "; by default \(otherwise)" }
    return text
  }

  /// `{ name, type, default, required, sentence, expected, least, most, above, below, choices }`.
  var record: LuaValue {
    func bound(_ value: Double?) -> LuaValue {
      value.map { value in Int(exactly: value).map(LuaValue.int) ?? .number(value) } ?? .nil
    }
    var isRequired = false
    if case .required = standard { isRequired = true }
    var choices = LuaValue.nil
    if case .choice(let words) = kind { choices = .list(words.map { .string($0) }) }
    return .record([
      ("name", .string(name)), ("type", .string(luaType)), ("default", defaultValue),
      ("required", .boolean(isRequired)), ("sentence", .string(luaSentence)), ("expected", .string(expected)),
      ("least", bound(least)), ("most", bound(most)), ("above", bound(above)), ("below", bound(below)),
      ("choices", choices),
    ])
  }

  // MARK: Checking

  /// Whether a given value has the type of the option and lies within its bounds. Numbers are finite.
  func accepts(_ value: LuaValue) -> Bool {
    switch kind {
    case .integer: return value.asInteger.map { isWithinBounds(Double($0)) } ?? false
    case .number: return value.asNumber.map { $0.isFinite && isWithinBounds($0) } ?? false
    case .flag:
      if case .boolean = value { return true }
      return false
    case .text: return value.asString != nil
    case .choice(let words): return value.asString.map(words.contains) ?? false
    case .list: return value.asTable != nil
    case .any: return true
    }
  }

  private func isWithinBounds(_ value: Double) -> Bool {
    (least.map { value >= $0 } ?? true) && (most.map { value <= $0 } ?? true)
      && (above.map { value > $0 } ?? true) && (below.map { value < $0 } ?? true)
  }
}
