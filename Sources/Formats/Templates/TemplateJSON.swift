/// Between JSON and the values of templates; `tojson` writes as Python's `json.dumps` does.
import Base

extension TemplateValue {
  /// The value of JSON that the caller supplied: every text is marked as input.
  init(_ json: JSONValue, marks: UInt32 = TemplateText.inputBit) throws {
    switch json {
    case .null: self = .none
    case .bool(let flag): self = .bool(flag)
    case .integer(let value): self = .int(value)
    case .number(let value): self = .float(value)
    case .string(let text): self = .text(TemplateText(text, marks: marks))
    case .array(let elements):
      self = try .list(elements.map { try TemplateValue($0, marks: marks) })
    case .object(let members):
      self = .dict(
        try TemplateDict(
          members.map {
            (.text(TemplateText($0.key, marks: marks)), try TemplateValue($0.value, marks: marks))
          }))
    }
  }
}

/// The arguments of `tojson`.
struct TemplateJSONWriter {
  var ensureASCII = false
  /// The text of one level of indentation; nil for one line.
  var indent: TemplateText?
  var itemSeparator = TemplateText(", ")
  var keySeparator = TemplateText(": ")
  var sortKeys = false
  /// Charges work for indentation, which `measure` does not know.
  let charge: (Int) throws -> Void
  private var out: [UInt32] = []

  init(charge: @escaping (Int) throws -> Void) { self.charge = charge }

  mutating func write(_ value: TemplateValue) throws -> TemplateText {
    out = []
    try append(value, level: 0)
    return TemplateText(out)
  }

  private mutating func append(_ text: String) { out += TemplateText(text).units }

  private mutating func newLine(_ level: Int) throws {
    guard let indent else { return }
    try charge(level * indent.count)
    out.append(10)
    for _ in 0..<level { out += indent.units }
  }

  private mutating func append(_ value: TemplateValue, level: Int) throws {
    switch value {
    case .none: append("null")
    case .bool(let flag): append(flag ? "true" : "false")
    case .int(let value): append("\(value)")
    case .float(let value):
      append(
        value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : value.description)
    case .text(let text): append(text)
    case .list(let list) where list.kind != .generator:
      if list.elements.isEmpty { return append("[]") }
      append("[")
      for (i, element) in list.elements.enumerated() {
        if i > 0 { out += itemSeparator.units }
        try newLine(level + 1)
        try append(element, level: level + 1)
      }
      try newLine(level)
      append("]")
    case .dict(let dict): try append(dict, level: level)
    default:
      throw Failure(.value, "Object of type \(value.typeName) is not JSON serializable")
    }
  }

  private mutating func append(_ dict: TemplateDict, level: Int) throws {
    if dict.keys.isEmpty { return append("{}") }
    var pairs = Array(dict.pairs)
    if sortKeys { try pairs.sort { try $0.0.precedes($1.0) } }
    append("{")
    for (i, (key, value)) in pairs.enumerated() {
      if i > 0 { out += itemSeparator.units }
      try newLine(level + 1)
      switch key {
      case .text(let text): append(text)
      case .none: append("\"null\"")
      case .bool(let flag): append(flag ? "\"true\"" : "\"false\"")
      case .int(let value): append("\"\(value)\"")
      case .float(let value): append("\"\(TemplateValue.repr(value))\"")
      default:
        throw Failure(.value, "keys must be str, int, float, bool or None, not \(key.typeName)")
      }
      out += keySeparator.units
      try append(value, level: level + 1)
    }
    try newLine(level)
    append("}")
  }

  private mutating func append(_ text: TemplateText) {
    out.append(34)
    for unit in text.units {
      switch TemplateText.scalar(unit) {
      case 34: append("\\\"")
      case 92: append("\\\\")
      case 10: append("\\n")
      case 13: append("\\r")
      case 9: append("\\t")
      case 8: append("\\b")
      case 12: append("\\f")
      case let scalar where scalar < 32 || (ensureASCII && scalar > 126): escape(scalar)
      default: out.append(unit)
      }
    }
    out.append(34)
  }

  private mutating func escape(_ scalar: UInt32) {
    for unit in TemplateText.character(scalar).utf16 {
      let digits = String(unit, radix: 16)
      append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
    }
  }
}
