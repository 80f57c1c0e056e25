/// The filters of templates: `value|NAME`. Those that go through lists are in TemplateFilters+Lists.
import Base

enum TemplateFilters {
  static let names: Set<String> = [
    "abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape",
    "first",
    "float", "forceescape", "format", "groupby", "indent", "int", "items", "join", "last", "length", "list",
    "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select",
    "selectattr", "slice", "sort", "string", "sum", "title", "tojson", "trim", "truncate", "unique", "upper",
    "urlencode", "wordcount",
  ]
}

extension TemplateRenderer {
  func filter(_ name: String, _ value: TemplateValue, _ given: CallArguments) throws -> TemplateValue {
    func arguments(_ parameters: String...) throws -> [TemplateValue?] {
      try given.bound(to: parameters, of: name)
    }
    switch name {
    case "indent":
      try value.requireDefined()
      guard let text = value.asText else {
        throw Failure(.value, "unsupported operand type(s) for +=: '\(value.typeName)' and 'str'")
      }
      return try indented(text, arguments("width", "first", "blank"))
    case "upper", "lower", "capitalize", "title", "trim", "center", "replace", "truncate", "wordcount",
      "urlencode", "escape", "e", "forceescape", "format":
      return try textFilter(name, printed(value), given)
    case "string": return .text(try printed(value))
    case "safe":
      var text = try printed(value)
      text.isMarkup = true
      return .text(text)
    case "default", "d":
      let values = try arguments("default_value", "boolean")
      let replaces = value.isUndefined || (values[1]?.isTrue ?? false) && !value.isTrue
      return replaces ? values[0] ?? .string("") : value
    case "tojson": return try json(value, given)
    case "abs", "round", "int", "float": return try numberFilter(name, value, given)
    case "attr":
      guard let key = try arguments("name")[0] else { throw Failure(.value, "attr takes a name") }
      try value.requireDefined()
      return try attribute(value, printed(key).string, onlyAttributes: true)
    default:
      if !TemplateFilters.names.contains(name) {
        throw Failure(.value, "No filter named '\(Quoted.name(name))' found.")
      }
      return try listFilter(name, value, given)
    }
  }

  /// `value|attr(name)`: a method or field, never an item.
  private func attribute(_ value: TemplateValue, _ name: String, onlyAttributes: Bool) throws -> TemplateValue
  {
    if case .dict = value {
      return try TemplateMethods.method(of: value, name)
        ?? .undefined("'dict object' has no attribute '\(name)'")
    }
    return try attribute(value, name)
  }

  // MARK: Texts

  private func textFilter(_ name: String, _ text: TemplateText, _ given: CallArguments) throws
    -> TemplateValue
  {
    try charge(text.count)
    func arguments(_ parameters: String...) throws -> [TemplateValue?] {
      try given.bound(to: parameters, of: name)
    }
    func whole(_ value: TemplateValue?, _ standard: Int) throws -> Int {
      guard let value else { return standard }
      guard let whole = value.whole else {
        throw Failure(.value, "'\(value.typeName)' object cannot be interpreted as an integer")
      }
      return whole
    }
    switch name {
    case "upper": return .text(text.uppercased())
    case "lower": return .text(text.lowercased())
    case "capitalize": return .text(text.capitalized())
    case "title": return .text(Self.titled(text))
    case "trim":
      var set: TemplateText?
      if let characters = try arguments("chars")[0] {
        if case .none = characters {} else { set = try printed(characters) }
      }
      return .text(text.stripped(set, left: true, right: true))
    case "center":
      let width = try whole(arguments("width")[0], 80)
      try charge(max(0, width))
      return .text(text.centred(width, 32))
    case "replace":
      let values = try arguments("old", "new", "count")
      guard let old = values[0], let new = values[1] else {
        throw Failure(.value, "replace takes old and new")
      }
      var limit = -1
      if let count = values[2] { if case .none = count {} else { limit = try whole(count, -1) } }
      return try replaced(text, printed(old), printed(new), limit: limit)
    case "truncate":
      let values = try arguments("length", "killwords", "end", "leeway")
      let end = try values[2].map { try printed($0) } ?? TemplateText("...")
      return try truncated(
        text, whole(values[0], 255), isHard: values[1]?.isTrue ?? false, end, whole(values[3], 5))
    case "wordcount": return .int(Self.wordCount(text))
    case "urlencode": return .text(Self.urlEncoded(text))
    case "format": return try TemplateFormat.printf(text, .tuple(given.positional), self)
    default: return .text(Self.escaped(text))
    }
  }

  /// A capital after every blank, `-`, `(`, `{`, `[` and `<`.
  private static func titled(_ text: TemplateText) -> TemplateText {
    var isFirst = true
    return text.mapped { scalar in
      let capital = isFirst
      isFirst = TemplateText.isSpace(scalar.value) || "-({[<".unicodeScalars.contains(scalar)
      return capital ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
    }
  }

  private static func wordCount(_ text: TemplateText) -> Int {
    var (count, isInside) = (0, false)
    for unit in text.units {
      let properties = TemplateText.character(unit).properties
      let isWord = TemplateText.scalar(unit) == 95 || properties.isAlphabetic || properties.numericType != nil
      if isWord && !isInside { count += 1 }
      isInside = isWord
    }
    return count
  }

  private func truncated(
    _ text: TemplateText, _ length: Int, isHard: Bool, _ end: TemplateText, _ leeway: Int
  ) throws -> TemplateValue {
    if length < end.count || leeway < 0 {
      throw Failure(.value, "expected length >= \(end.count), got \(length)")
    }
    if text.count - length <= leeway { return .text(text) }
    var kept = TemplateText(text.units[..<(length - end.count)])
    if !isHard, let blank = kept.findLast(TemplateText(" ")) { kept = TemplateText(kept.units[..<blank]) }
    return .text(TemplateText(kept.units + end.units))
  }

  private func indented(_ text: TemplateText, _ values: [TemplateValue?]) throws -> TemplateValue {
    let space: [UInt32]
    switch values[0] ?? .int(4) {
    case .text(let given): space = given.units
    case let value:
      guard let width = value.whole else { throw Failure(.value, "indent takes a width or a text") }
      try charge(max(0, width))
      space = [UInt32](repeating: 32, count: max(0, width))
    }
    let (isFirst, isBlank) = (values[1]?.isTrue ?? false, values[2]?.isTrue ?? false)
    // As Jinja does: a line end is added, so that a last empty line counts.
    var lines = TemplateText(text.units + [10]).lines(keepingEnds: false)
    if isBlank, lines.isEmpty { lines = [TemplateText([])] }
    var out: [UInt32] = isFirst ? space : []
    for (i, line) in lines.enumerated() {
      try charge(space.count + line.count)
      if i > 0 {
        out.append(10)
        if isBlank || !line.isEmpty { out += space }
      }
      out += line.units
    }
    return .text(TemplateText(out))
  }

  private static func urlEncoded(_ text: TemplateText) -> TemplateText {
    text.mapped { scalar in
      if scalar.isASCII,
        scalar.properties.isAlphabetic || scalar.properties.numericType != nil
          || "_.-~/".unicodeScalars.contains(scalar)
      {
        return String(Character(scalar))
      }
      return String(Character(scalar)).utf8.map {
        "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true)
      }
      .joined()
    }
  }

  /// Markup as it is; of other text the characters of HTML by their names.
  static func escaped(_ text: TemplateText) -> TemplateText {
    if text.isMarkup { return text }
    let names: [Unicode.Scalar: String] = [
      "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&#34;", "'": "&#39;",
    ]
    var markup = text.mapped { names[$0] ?? String(Character($0)) }
    markup.isMarkup = true
    return markup
  }

  // MARK: Numbers

  private func numberFilter(_ name: String, _ value: TemplateValue, _ given: CallArguments) throws
    -> TemplateValue
  {
    switch name {
    case "abs":
      try value.requireDefined()
      if let whole = value.whole {
        return whole < 0 ? try arithmetic(.int(0), "-", .int(whole)) : .int(whole)
      }
      guard let number = value.number else {
        throw Failure(.value, "bad operand type for abs(): '\(value.typeName)'")
      }
      return .float(Swift.abs(number))
    case "round":
      let values = try given.bound(to: ["precision", "method"], of: name)
      try value.requireDefined()
      guard let number = value.number else {
        throw Failure(.value, "type \(value.typeName) doesn't define __round__ method")
      }
      return try rounded(number, value, values[0]?.whole ?? 0, values[1]?.asText?.string ?? "common")
    case "int":
      let values = try given.bound(to: ["default", "base"], of: name)
      return try converted(value, values[0] ?? .int(0), values[1]?.whole ?? 10)
    default:
      let standard = try given.bound(to: ["default"], of: name)[0] ?? .float(0)
      if let number = value.number { return .float(number) }
      guard let text = value.asText else { return standard }
      return Self.number(text).map(TemplateValue.float) ?? standard
    }
  }

  private static func number(_ text: TemplateText) -> Double? {
    let trimmed = text.stripped(nil, left: true, right: true).string
    if trimmed.contains(where: { "xXpP".contains($0) }) { return nil }
    return Double(trimmed)
  }

  /// A whole number as Python's `int` gives it; one beyond 64 bits, which Python has, is refused.
  private func converted(_ value: TemplateValue, _ standard: TemplateValue, _ base: Int) throws
    -> TemplateValue
  {
    if let whole = value.whole { return .int(whole) }
    var number = value.number
    if let text = value.asText {
      var digits = text.stripped(nil, left: true, right: true).string
      let prefixes = [16: "0x", 8: "0o", 2: "0b"]
      if let prefix = prefixes[base], digits.lowercased().hasPrefix(prefix) { digits.removeFirst(2) }
      if (2...36).contains(base), let whole = Int(digits, radix: base) { return .int(whole) }
      if (2...36).contains(base), Self.isWhole(digits, base) { throw Self.beyond64Bits }
      number = Self.number(text)
      if number?.isFinite == false { return standard }
    }
    guard let number, !number.isNaN else { return standard }
    if number.isInfinite { throw Failure(.value, "cannot convert float infinity to integer") }
    guard let whole = Int(exactly: number.rounded(.towardZero)) else { throw Self.beyond64Bits }
    return .int(whole)
  }

  private static var beyond64Bits: Failure { Failure(.value, "a whole number beyond 64 bits") }

  /// Whether a text is a sign and digits of a base.
  private static func isWhole(_ text: String, _ base: Int) -> Bool {
    let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
    return !digits.isEmpty
      && digits.utf8.allSatisfy { Int(String(Unicode.Scalar($0)), radix: base) != nil }
  }

  private func rounded(_ number: Double, _ value: TemplateValue, _ precision: Int, _ method: String) throws
    -> TemplateValue
  {
    if !["common", "ceil", "floor"].contains(method) {
      throw Failure(.value, "method must be common, ceil or floor")
    }
    if Swift.abs(precision) > 300 { throw Failure(.value, "round takes a precision of at most 300") }
    if method == "common" {
      if case .float = value {} else if precision >= 0 { return .int(value.whole ?? 0) }
      return .float(try Self.nearest(number, precision))
    }
    let scale = Libm.pow(10, Double(precision))
    let scaled = number * scale
    return .float((method == "ceil" ? scaled.rounded(.up) : scaled.rounded(.down)) / scale)
  }

  /// The nearest decimal, of two the even one: what Python's `round` gives, by the exact decimal expansion.
  private static func nearest(_ number: Double, _ precision: Int) throws -> Double {
    if precision < 0 {
      let scale = Libm.pow(10, Double(-precision))
      return (number / scale).rounded(.toNearestOrEven) * scale
    }
    var buffer = [CChar](repeating: 0, count: 700)
    let count = withVaList([Int32(precision), number]) { vsnprintf(&buffer, buffer.count, "%.*f", $0) }
    let text = String(decoding: buffer[..<min(Int(count), 699)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return Double(text) ?? number
  }

  // MARK: JSON

  private func json(_ value: TemplateValue, _ given: CallArguments) throws -> TemplateValue {
    let values = try given.bound(
      to: ["ensure_ascii", "indent", "separators", "sort_keys"], of: "tojson")
    try measure(value)
    var writer = TemplateJSONWriter(charge: charge)
    writer.ensureASCII = values[0]?.isTrue ?? false
    writer.sortKeys = values[3]?.isTrue ?? false
    switch values[1] ?? .none {
    case .none: break
    case .text(let text): writer.indent = text
    case let indent:
      guard let width = indent.whole, width <= 64 else {
        throw Failure(.value, "tojson takes an indent of at most 64")
      }
      writer.indent = TemplateText([UInt32](repeating: 32, count: max(0, width)))
    }
    if writer.indent != nil { writer.itemSeparator = TemplateText(",") }
    if case .list(let pair)? = values[2] {
      guard pair.elements.count == 2, let item = pair.elements[0].asText, let key = pair.elements[1].asText
      else {
        throw Failure(.value, "tojson takes separators of two texts")
      }
      (writer.itemSeparator, writer.keySeparator) = (item, key)
    }
    let text = try writer.write(value)
    try charge(text.count)
    return .text(text)
  }
}
