/// Regular expressions of whole names.
import Base

public enum RegularExpression {
  /// Whether the pattern matches all of the text, as Python's `re.fullmatch`.
  ///
  ///     try RegularExpression.matchesWhole("h.0.attn.c_attn", ".*\\.(c_attn|c_proj)")      // true
  public static func matchesWhole(_ text: String, _ pattern: String) throws -> Bool {
    let (compiled, bytes) = (try Pattern("\\A(?:\(pattern))\\z"), Array(text.utf8))
    var isWhole = false
    try bytes.withUnsafeBufferPointer { bytes in
      try compiled.forEachPiece(bytes, in: 0..<bytes.count) { range, isMatch in
        isWhole = isWhole || isMatch && range == 0..<bytes.count
      }
    }
    return isWhole
  }
}
