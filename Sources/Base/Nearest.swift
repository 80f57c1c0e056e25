/// Finds the name that a misspelt one was meant to be.
public enum Nearest {
  /// The candidate with the fewest edits, if they are few: at most half the letters of the longer name, but
  /// at least one. A name that begins the other counts as one edit; of equal counts the name of nearest
  /// length is taken.
  ///
  ///     Nearest.name(to: "keepdims", in: ["dim", "keepdim"])   // "keepdim"
  ///     Nearest.name(to: "valid", in: ["train", "validation"]) // "validation"
  public static func name<S: Sequence>(to name: String, in candidates: S) -> String?
  where S.Element == String {
    let wanted = Array(name.lowercased().utf8.prefix(longest))
    var best: (edits: Int, difference: Int, name: String)?
    for candidate in candidates {
      let letters = Array(candidate.lowercased().utf8.prefix(longest))
      let edits = begins(wanted, letters) ? 1 : distance(wanted, letters)
      if edits > max(1, max(wanted.count, letters.count) / 2) { continue }
      let found = (edits: edits, difference: abs(wanted.count - letters.count), name: candidate)
      if best.map({ found < $0 }) ?? true { best = found }
    }
    return best?.name
  }

  /// `; did you mean 'keepdim'?`, or "" if no candidate is near.
  public static func hint<S: Sequence>(_ name: String, in candidates: S) -> String
  where S.Element == String {
    self.name(to: name, in: candidates).map { "; did you mean '\($0)'?" } ?? ""
  }

  /// Bytes of a name that are compared: the cost is quadratic, and a caller may pass a page of text as a
  /// name.
  private static let longest = 64

  /// True if one of two different names is the start of the other. One letter begins too many names to be a
  /// hint.
  private static func begins(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count != b.count && min(a.count, b.count) >= 2 && (a.starts(with: b) || b.starts(with: a))
  }

  /// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var before: [Int] = []
    var row = Array(0...b.count)
    for i in a.indices {
      var next = [i + 1]
      for j in b.indices {
        var edits = min(row[j] + (a[i] == b[j] ? 0 : 1), row[j + 1] + 1, next[j] + 1)
        if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] { edits = min(edits, before[j - 1] + 1) }
        next.append(edits)
      }
      before = row
      row = next
    }
    return row[b.count]
  }
}
