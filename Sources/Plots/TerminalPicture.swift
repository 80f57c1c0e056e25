/// A picture as the escape sequence that draws it in a terminal, with the cursor at the start of the line below it after.
import Foundation

/// The ways in which terminals draw pictures.
public enum GraphicsProtocol: String, CaseIterable, Sendable {
  /// PNG in chunks: https://sw.kovidgoyal.net/kitty/graphics-protocol.
  case kitty
  /// PNG as a file inline: https://iterm2.com/documentation-images.html.
  case iterm
  case sixel
}

/// Where a picture goes: its size in cells, and what a picture with the same number replaces.
public struct TerminalPlacement: Sendable {
  public let columns: Int
  public let rows: Int
  /// Kitty replaces the picture of this number; 0 draws a new one.
  public let number: Int

  public init(columns: Int, rows: Int, number: Int = 0) {
    (self.columns, self.rows, self.number) = (max(columns, 1), max(rows, 1), number)
  }
}

public enum TerminalPicture {
  /// Characters of base64 in an escape sequence of kitty: the most that it takes.
  private static let chunk = 4096

  /// The bytes that draw `picture`, `scale` pixels of the terminal for each of its pixels.
  ///
  /// Room is made with line ends first, and the cursor is put back after: terminals differ in where they leave it.
  public static func escape(
    _ picture: Picture, scale: Double, by way: GraphicsProtocol, at place: TerminalPlacement
  ) throws -> [UInt8] {
    let drawn: [UInt8]
    switch way {
    case .kitty: drawn = kitty(try picture.png(scale: scale), place)
    case .iterm: drawn = iterm(try picture.png(scale: scale), place)
    case .sixel: drawn = Sixel.encode(try picture.pixels(scale: scale))
    }
    let room = String(repeating: "\n", count: place.rows) + "\u{1B}[\(place.rows)A\u{1B}7"
    return Array(room.utf8) + drawn + Array("\u{1B}8\u{1B}[\(place.rows)B\r".utf8)
  }

  /// `q=2`: kitty answers nothing, so that no answer is taken for typed keys.
  static func kitty(_ png: [UInt8], _ place: TerminalPlacement) -> [UInt8] {
    let text = Array(Data(png).base64EncodedString().utf8)
    var out: [UInt8] = []
    for start in stride(from: 0, to: text.count, by: chunk) {
      let end = min(start + chunk, text.count)
      var keys = start > 0 ? "q=2," : "a=T,f=100,q=2,C=1,c=\(place.columns),r=\(place.rows),"
      if start == 0, place.number > 0 { keys += "i=\(place.number),p=1," }
      out += Array("\u{1B}_G\(keys)m=\(end < text.count ? 1 : 0);".utf8)
      out += text[start..<end]
      out += Array("\u{1B}\\".utf8)
    }
    return out
  }

  static func iterm(_ png: [UInt8], _ place: TerminalPlacement) -> [UInt8] {
    let keys = "size=\(png.count);width=\(place.columns);height=\(place.rows);preserveAspectRatio=1;inline=1"
    return Array("\u{1B}]1337;File=\(keys):\(Data(png).base64EncodedString())\u{07}".utf8)
  }
}
