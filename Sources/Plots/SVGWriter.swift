/// Writes SVG elements: every text escaped, every number short and finite.

struct SVGWriter {
  private(set) var text = ""
  private var open: [String] = []

  /// The family names most systems have, the first ones drawn for small sizes.
  static let fonts = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

  mutating func begin(_ name: String, _ attributes: KeyValuePairs<String, String> = [:]) {
    line("<\(name)\(SVGWriter.join(attributes))>")
    open.append(name)
  }

  mutating func end() {
    guard let name = open.popLast() else { return }
    line("</\(name)>")
  }

  mutating func leaf(_ name: String, _ attributes: KeyValuePairs<String, String>) {
    line("<\(name)\(SVGWriter.join(attributes))/>")
  }

  /// A text element; `e` in a tick number becomes a power of ten in raised digits.
  mutating func label(
    _ content: String, x: Double, y: Double, anchor: String = "middle", size: Double = 12,
    weight: String = "normal",
    fill: String = "#222222", rotate: Double? = nil, isNumber: Bool = false
  ) {
    if content.isEmpty { return }
    var attributes = " x=\"\(SVGWriter.number(x))\" y=\"\(SVGWriter.number(y))\""
    if anchor != "start" { attributes += " text-anchor=\"\(anchor)\"" }
    attributes += " font-size=\"\(SVGWriter.number(size))\" fill=\"\(fill)\""
    if weight != "normal" { attributes += " font-weight=\"\(weight)\"" }
    if let rotate {
      let (rx, ry) = (SVGWriter.number(x), SVGWriter.number(y))
      attributes += " transform=\"rotate(\(SVGWriter.number(rotate)) \(rx) \(ry))\""
    }
    line("<text\(attributes)>\(isNumber ? SVGWriter.raised(content) : SVGWriter.escaped(content))</text>")
  }

  /// An element whose only content is text.
  mutating func note(_ name: String, _ content: String, _ attributes: KeyValuePairs<String, String> = [:]) {
    line("<\(name)\(SVGWriter.join(attributes))>\(SVGWriter.escaped(content))</\(name)>")
  }

  private mutating func line(_ element: String) {
    text += String(repeating: "  ", count: open.count) + element + "\n"
  }

  private static func join(_ attributes: KeyValuePairs<String, String>) -> String {
    attributes.map { " \($0.key)=\"\(escaped($0.value))\"" }.joined()
  }

  /// `1.5e-7` as 1.5×10⁻⁷ and `-2` with a true minus.
  private static func raised(_ label: String) -> String {
    let parts = label.split(separator: "e", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, Int(parts[1]) != nil else { return minus(label) }
    let power = "10<tspan dy=\"-4\" font-size=\"9\">\(minus(parts[1]))</tspan>"
    return parts[0] == "1" ? power : parts[0] == "-1" ? "−" + power : "\(minus(parts[0]))×\(power)"
  }

  private static func minus(_ text: String) -> String {
    Double(text) == nil ? escaped(text) : text.replacing("-", with: "−")
  }

  /// A coordinate in hundredths of a pixel, without a trailing zero.
  static func number(_ value: Double) -> String {
    guard value.isFinite else { return "0" }
    let hundredths = Int((min(max(value, -1e7), 1e7) * 100).rounded())
    let (whole, rest) = (abs(hundredths) / 100, abs(hundredths) % 100)
    let sign = hundredths < 0 ? "-" : ""
    if rest == 0 { return "\(sign)\(whole)" }
    return rest % 10 == 0 ? "\(sign)\(whole).\(rest / 10)" : "\(sign)\(whole).\(rest < 10 ? "0" : "")\(rest)"
  }

  /// Text safe between tags and in quotes; characters that XML 1.0 has no way to write are left out.
  static func escaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result.append(contentsOf: "&amp;".unicodeScalars)
      case "<": result.append(contentsOf: "&lt;".unicodeScalars)
      case ">": result.append(contentsOf: "&gt;".unicodeScalars)
      case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
      case "'": result.append(contentsOf: "&#39;".unicodeScalars)
      case "\n", "\t", "\r": result.append(scalar)
      case _ where scalar.value < 0x20 || scalar.value & 0xFFFE == 0xFFFE: break
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// The text, cut with an ellipsis when wider than `available` pixels.
  static func cut(_ text: String, to available: Double, size: Double) -> String {
    if width(text, size: size) <= available { return text }
    var (kept, used) = ("", size)
    for character in text {
      used += width(String(character), size: size)
      if used > available { break }
      kept.append(character)
    }
    return kept + "…"
  }

  /// About how wide a text is in a sans-serif of this size, a little more than true.
  static func width(_ text: String, size: Double) -> Double {
    text.reduce(0) { sum, character in
      if "iljtfrI.,:;'|![]() ".contains(character) { return sum + 0.34 * size }
      if "mwMW@%".contains(character) { return sum + 0.92 * size }
      if character.isUppercase { return sum + 0.70 * size }
      return sum + (TerminalText.width(character) == 2 ? 1.0 : 0.58) * size
    }
  }
}
