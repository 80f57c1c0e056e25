/// The last expression of a notebook's cell, whose values are those of the cell.
///
/// It may follow statements, on a line of its own or after a `;`, and it may be a call. It is evaluated within the
/// chunk of the statements, so that it sees their locals: `f(x)` becomes `__values(f(x))`, which remembers the
/// values.
import LuaEngine

extension Evaluator {
  /// Lines at the end of a cell that may be one expression, such as a table of options.
  private static let expressionLinesMax = 100

  /// The cell with its last expression as its values; nil where it ends in a statement.
  func cell(_ text: [UInt8], line: Int) throws -> Input? {
    let isWhole = try isChunk(text)
    let separators = [UInt8(ascii: "\n"), UInt8(ascii: ";")]
    var end = text.endIndex
    for _ in 0..<Self.expressionLinesMax {
      guard let cut = text[..<end].lastIndex(where: separators.contains) else { return nil }
      end = cut
      let head = text[...cut], tail = text[(cut + 1)...]
      // Where Lua reads all as statements, a tail that begins with a bracket or a string goes on with the line before.
      guard let first = tail.first(where: { ![9, 10, 13, 32].contains($0) }),
        !isWhole || LuaScanner.isNameStart(first), try isChunk(Array("return ".utf8) + tail),
        try isChunk(Array(head))
      else { continue }
      let code = head + Array("__values(".utf8) + tail + Array("\n) __keep()".utf8)
      return try ifChunk {
        try compiled(text, LuaScanner.withoutConstants(Array(code)) ?? Array(code), .ofCell, line: line)
      }
    }
    return nil
  }

  private func isChunk(_ code: [UInt8]) throws -> Bool {
    try ifChunk { try lua.load(code, name: inputName, textOnly: true) } != nil
  }
}
