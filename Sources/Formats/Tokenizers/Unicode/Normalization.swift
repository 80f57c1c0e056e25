/// The four normal forms of Unicode (UAX 15), of Unicode 9.0, which `tokenizers` has.
///
/// Own tables: Foundation and ICU have later versions, where characters that came after 9.0 decompose and
/// reorder too, and both work in UTF-16. `NormalizationData` is written by scripts/golden/unicode_tables.py from
/// what `tokenizers` does with each character. Text without anything to do is left alone after one look at it.
import Base

enum Normalization {
  enum Form: String, Sendable {
    case nfc = "NFC"
    case nfd = "NFD"
    case nfkc = "NFKC"
    case nfkd = "NFKD"

    var composes: Bool { self == .nfc || self == .nfkc }
    var isCompatible: Bool { self == .nfkc || self == .nfkd }
    /// Below this value characters stay as they are where the next does so too.
    var firstChanged: UInt32 { self == .nfc ? 0x300 : 0x80 }
  }

  static func apply(_ form: Form, to text: inout [UInt8]) throws {
    // U+0300 begins with the byte 0xCC.
    let firstByte: UInt8 = form == .nfc ? 0xCC : 0x80
    if text.allSatisfy({ $0 < firstByte }) { return }
    var out: [UInt8] = []
    out.reserveCapacity(text.count + text.count / 8)
    try text.withUnsafeBufferPointer { bytes in
      var plain = 0
      var i = 0
      var last = 0
      while i < bytes.count {
        let (value, length) = Characters.scalar(bytes, at: i)
        if value < form.firstChanged || value >= Characters.notUTF8 {
          last = i
          i += length
          continue
        }
        // From the character before, which may compose with this one, to the next that begins afresh.
        try Interrupt.check()
        let start = i > last && form.composes ? last : i
        out.append(contentsOf: bytes[plain..<max(plain, start)])
        var part: [UInt32] = []
        var at = max(plain, start)
        while at < bytes.count {
          let (value, length) = Characters.scalar(bytes, at: at)
          if at > i && (value < 0x80 || value >= Characters.notUTF8) { break }
          part.append(value)
          at += length
        }
        for value in normalized(part, form) { Characters.append(value, to: &out) }
        plain = at
        i = at
        last = at
      }
      out.append(contentsOf: bytes[plain...])
    }
    text = out
  }

  /// The normal form of scalars.
  static func normalized(_ scalars: [UInt32], _ form: Form) -> [UInt32] {
    var out: [UInt32] = []
    out.reserveCapacity(scalars.count + scalars.count / 4)
    for scalar in scalars { decompose(scalar, form.isCompatible, &out) }
    reorder(&out)
    return form.composes ? composed(out) : out
  }

  private static func decompose(_ scalar: UInt32, _ isCompatible: Bool, _ out: inout [UInt32]) {
    if Hangul.syllables.contains(scalar) { return Hangul.decompose(scalar, &out) }
    if let parts = NormalizationTables.decomposition(scalar, isCompatible) {
      out.append(contentsOf: parts)
    } else {
      out.append(scalar)
    }
  }

  /// Sorts runs of marks by their combining classes, equal ones as they stand.
  private static func reorder(_ scalars: inout [UInt32]) {
    var i = 0
    while i < scalars.count {
      if NormalizationTables.combiningClass(scalars[i]) == 0 { i += 1; continue }
      var end = i
      while end < scalars.count && NormalizationTables.combiningClass(scalars[end]) != 0 { end += 1 }
      if end - i > 1 {
        let run = scalars[i..<end].enumerated().map {
          (class: NormalizationTables.combiningClass($1), place: $0, scalar: $1)
        }
        let sorted = run.sorted { ($0.class, $0.place) < ($1.class, $1.place) }
        for (k, mark) in sorted.enumerated() { scalars[i + k] = mark.scalar }
      }
      i = end
    }
  }

  /// Joins each mark with the starter before it where nothing between blocks it.
  private static func composed(_ scalars: [UInt32]) -> [UInt32] {
    var out: [UInt32] = []
    out.reserveCapacity(scalars.count)
    var starter: Int?
    var lastClass: UInt8 = 0
    for scalar in scalars {
      let combining = NormalizationTables.combiningClass(scalar)
      if let at = starter, out.count - 1 == at || (lastClass != 0 && lastClass < combining),
        let joined = Hangul.compose(out[at], scalar) ?? NormalizationTables.composition(out[at], scalar)
      {
        out[at] = joined
        continue
      }
      out.append(scalar)
      lastClass = combining
      if combining == 0 { starter = out.count - 1 }
    }
    return out
  }
}

/// Syllables of Hangul, which compose by arithmetic (Unicode Standard, section 3.12).
private enum Hangul {
  static let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3
  private static let (leads, vowels, trails): (UInt32, UInt32, UInt32) = (0x1100, 0x1161, 0x11A7)
  private static let (leadCount, vowelCount, trailCount): (UInt32, UInt32, UInt32) = (19, 21, 28)

  static func decompose(_ syllable: UInt32, _ out: inout [UInt32]) {
    let index = syllable - syllables.lowerBound
    out.append(leads + index / (vowelCount * trailCount))
    out.append(vowels + index % (vowelCount * trailCount) / trailCount)
    if index % trailCount != 0 { out.append(trails + index % trailCount) }
  }

  static func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if first >= leads, first < leads + leadCount, second >= vowels, second < vowels + vowelCount {
      return syllables.lowerBound + ((first - leads) * vowelCount + second - vowels) * trailCount
    }
    if syllables.contains(first), (first - syllables.lowerBound) % trailCount == 0, second > trails,
      second < trails + trailCount
    {
      return first + second - trails
    }
    return nil
  }
}

/// The tables of `NormalizationData`, unpacked when first used.
enum NormalizationTables {
  private struct Tables: Sendable {
    var canonical: [UInt32: [UInt32]] = [:]
    var compatible: [UInt32: [UInt32]] = [:]
    var compositions: [UInt64: UInt32] = [:]
    /// Which scalars below U+30000 decompose, a bit each.
    var changed = [UInt64](repeating: 0, count: 0x30000 / 64)
  }

  private static let tables: Tables = {
    var tables = Tables()
    /// Entries are a key and its scalars, in base 36; a key is the distance to the key before.
    func each(_ text: String, _ body: (UInt32, [UInt32]) -> Void) {
      var key: UInt32 = 0
      for entry in text.split(whereSeparator: { $0 == "\n" || $0 == " " }) {
        let numbers = entry.split(separator: ".").compactMap { UInt32($0, radix: 36) }
        guard let step = numbers.first else { continue }
        key += step
        body(key, Array(numbers.dropFirst()))
      }
    }
    func mark(_ key: UInt32) {
      if key < 0x30000 { tables.changed[Int(key / 64)] |= 1 << UInt64(key % 64) }
    }
    each(NormalizationData.canonical) { key, parts in
      tables.canonical[key] = parts
      mark(key)
    }
    each(NormalizationData.compatible) { key, parts in
      tables.compatible[key] = parts
      mark(key)
    }
    each(NormalizationData.compositions) { key, parts in
      if parts.count == 2 { tables.compositions[UInt64(parts[0]) << 32 | UInt64(parts[1])] = key }
    }
    return tables
  }()

  /// The combining classes of the two planes that have them; 0 for what came after Unicode 9.0.
  private static let classes: [UInt8] = (UInt32(0)..<0x20000).map { value in
    guard let properties = Unicode.Scalar(value)?.properties, let age = properties.age, age.major <= 9 else {
      return 0
    }
    return properties.canonicalCombiningClass.rawValue
  }

  static func combiningClass(_ scalar: UInt32) -> UInt8 {
    scalar < 0x300 || scalar >= 0x20000 ? 0 : classes[Int(scalar)]
  }

  static func decomposition(_ scalar: UInt32, _ isCompatible: Bool) -> [UInt32]? {
    guard scalar < 0x30000, tables.changed[Int(scalar / 64)] >> UInt64(scalar % 64) & 1 == 1 else {
      return nil
    }
    return (isCompatible ? tables.compatible[scalar] : nil) ?? tables.canonical[scalar]
  }

  static func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    tables.compositions[UInt64(first) << 32 | UInt64(second)]
  }
}
