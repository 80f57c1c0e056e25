/// Colours and signs that stay apart for colour-blind readers and in grey print.
///
/// Series take the colours of Okabe and Ito ("Color Universal Design", 2008), the dark ones first, since pale yellow
/// is hard to see on white. Heatmaps take viridis, whose lightness rises evenly, so that it survives a grey printer.
import Base
import Foundation

/// The named colours a series may ask for.
public enum Palette {
  /// Names with their colour, in the order in which series take the first eight.
  static let entries: [(name: String, color: RGB)] = [
    ("blue", RGB(0x00, 0x72, 0xB2)), ("vermillion", RGB(0xD5, 0x5E, 0x00)), ("green", RGB(0x00, 0x9E, 0x73)),
    ("purple", RGB(0xCC, 0x79, 0xA7)), ("orange", RGB(0xE6, 0x9F, 0x00)), ("sky", RGB(0x56, 0xB4, 0xE9)),
    ("black", RGB(0x22, 0x22, 0x22)), ("yellow", RGB(0xD9, 0xC6, 0x1A)), ("red", RGB(0xC0, 0x39, 0x2B)),
    ("gray", RGB(0x66, 0x66, 0x66)), ("grey", RGB(0x66, 0x66, 0x66)),
  ]

  /// The colour names, as for an error message or a help page.
  public static var names: [String] { entries.map(\.name) }

  static func color(_ index: Int) -> RGB { entries[index % 8].color }
  static let rule = RGB(0x66, 0x66, 0x66)

  /// Matplotlib's viridis at ten even steps; between them colours are mixed.
  private static let viridis: [RGB] = [
    RGB(0x44, 0x01, 0x54), RGB(0x48, 0x28, 0x78), RGB(0x3E, 0x49, 0x89), RGB(0x31, 0x68, 0x8E),
    RGB(0x26, 0x82, 0x8E), RGB(0x1F, 0x9E, 0x89), RGB(0x35, 0xB7, 0x79), RGB(0x6E, 0xCE, 0x58),
    RGB(0xB5, 0xDE, 0x2B), RGB(0xFD, 0xE7, 0x25),
  ]

  /// The heatmap colour for a share from 0 to 1.
  static func heat(_ share: Double) -> RGB {
    let place = min(max(share, 0), 1) * Double(viridis.count - 1)
    let i = min(Int(place), viridis.count - 2)
    let f = place - Double(i)
    func mix(_ a: UInt8, _ b: UInt8) -> UInt8 { UInt8((Double(a) + (Double(b) - Double(a)) * f).rounded()) }
    let (a, b) = (viridis[i], viridis[i + 1])
    return RGB(mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue))
  }
}

/// An sRGB colour.
struct RGB: Equatable, Sendable {
  var red, green, blue: UInt8

  init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) { (self.red, self.green, self.blue) = (red, green, blue) }

  /// Reads a name of the palette or `#rrggbb`.
  init(named text: String) throws {
    if let entry = Palette.entries.first(where: { $0.name == text }) {
      self = entry.color
    } else if text.utf8.count == 7, text.hasPrefix("#"),
      text.dropFirst().allSatisfy({ $0.isASCII && $0.isHexDigit }),
      let value = Int(text.dropFirst(), radix: 16)
    {
      self.init(UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255))
    } else {
      throw Failure(
        .value, "color '\(text)': '#rrggbb' or one of \(Palette.names.joined(separator: ", ")) is wanted")
    }
  }

  var hex: String { String(format: "#%02x%02x%02x", Int(red), Int(green), Int(blue)) }

  /// Relative lightness from 0 to 1, for the choice of black or white letters on it.
  var lightness: Double { (0.299 * Double(red) + 0.587 * Double(green) + 0.114 * Double(blue)) / 255 }

  /// The nearest colour of a terminal's 6 x 6 x 6 cube.
  var terminalCode: Int {
    func level(_ value: UInt8) -> Int { value < 48 ? 0 : value < 115 ? 1 : min((Int(value) - 35) / 40, 5) }
    return 16 + 36 * level(red) + 6 * level(green) + level(blue)
  }
}

/// What one series looks like, settled for the whole figure.
struct Ink: Equatable {
  var color: RGB
  var marker: Marker
  var style: LineStyle
}

extension Marker {
  /// The smaller sign of the same form, for loose points under a curve.
  func smallCharacter(unicode: Bool) -> Character {
    guard unicode else { return character(unicode: false) }
    switch self {
    case .circle: return "•"
    case .square: return "▪"
    case .triangle: return "▴"
    case .diamond: return "⋄"
    case .triangleDown: return "▾"
    default: return character(unicode: true)
    }
  }

  /// Markers in the order in which series take them.
  static let cycle: [Marker] = [.circle, .triangle, .square, .diamond, .triangleDown, .cross, .plus, .star]

  func character(unicode: Bool) -> Character {
    switch self {
    case .circle: return unicode ? "●" : "o"
    case .square: return unicode ? "■" : "#"
    case .triangle: return unicode ? "▲" : "^"
    case .diamond: return unicode ? "◆" : "%"
    case .triangleDown: return unicode ? "▼" : "v"
    case .plus: return "+"
    case .cross: return unicode ? "×" : "x"
    case .star: return unicode ? "★" : "*"
    case .none: return unicode ? "•" : "."
    }
  }
}
