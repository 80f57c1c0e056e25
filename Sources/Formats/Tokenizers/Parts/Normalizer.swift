/// The normalizers of a tokenizer.json: they rewrite the text before it is cut.
import Base

indirect enum Normalizer: Sendable {
  case bert(cleansText: Bool, spacesChinese: Bool, stripsAccents: Bool, lowercases: Bool)
  case strip(left: Bool, right: Bool)
  case stripAccents
  case unicode(Normalization.Form)
  case lowercase
  case nmt
  case precompiled(Precompiled)
  case replace(Delimiter, [UInt8])
  case prepend([UInt8])
  case byteLevel
  case sequence([Normalizer])

  init(_ part: Part) throws {
    let type = try part.type()
    if let form = Normalization.Form(rawValue: type) {
      self = .unicode(form)
      return
    }
    switch type {
    case "Sequence": self = .sequence(try part.list("normalizers").map { try Normalizer($0) })
    case "BertNormalizer", "Bert":
      let lowercases = try part.flag("lowercase")
      self = .bert(
        cleansText: try part.flag("clean_text"), spacesChinese: try part.flag("handle_chinese_chars"),
        stripsAccents: try part.flag("strip_accents", otherwise: lowercases), lowercases: lowercases)
    case "Strip": self = .strip(left: try part.flag("strip_left"), right: try part.flag("strip_right"))
    case "StripAccents": self = .stripAccents
    case "Lowercase": self = .lowercase
    case "Nmt": self = .nmt
    case "Precompiled": self = .precompiled(try Precompiled(part))
    case "Replace":
      self = .replace(try Delimiter(try part.key("pattern")), Array(try part.text("content").utf8))
    case "Prepend": self = .prepend(Array(try part.text("prepend").utf8))
    case "ByteLevel": self = .byteLevel
    default: throw try part.unsupported("normalizer")
    }
  }

  /// - Parameter atStart: the first byte of `text` comes from the first byte that was given to `encode`; false
  ///   once that one has been taken away.
  func apply(to text: inout [UInt8], atStart: inout Bool) throws {
    if text.isEmpty { return }
    switch self {
    case .sequence(let parts): for part in parts { try part.apply(to: &text, atStart: &atStart) }
    case .unicode(let form): try Normalization.apply(form, to: &text)
    case .lowercase: try Self.lowercase(&text)
    case .prepend(let prefix): text = prefix + text
    case .byteLevel:
      var out: [UInt8] = []
      for byte in text { ByteAlphabet.append(byte, to: &out) }
      text = out
    case .replace(let delimiter, let content): try Self.replace(&text, &atStart, delimiter, content)
    case .strip(let left, let right): Self.strip(&text, &atStart, left, right)
    case .stripAccents: try Self.filter(&text, &atStart) { !CharacterClass.isCombiningMark($0) }
    case .precompiled(let map): text = try map.apply(to: text)
    case .nmt:
      try Self.filter(&text, &atStart) { !CharacterClass.nmtRemoves($0) }
      try Self.map(&text) { CharacterClass.nmtTakesForSpace($0) ? 0x20 : $0 }
    case .bert(let cleansText, let spacesChinese, let stripsAccents, let lowercases):
      if cleansText {
        try Self.filter(&text, &atStart) { !CharacterClass.bertRemoves($0) }
        try Self.map(&text) { CharacterClass.isWhitespace($0) ? 0x20 : $0 }
      }
      if spacesChinese {
        try Self.rewrite(&text) { value, out in
          let isChinese = CharacterClass.isChinese(value)
          if isChinese { out.append(0x20) }
          Characters.append(value, to: &out)
          if isChinese { out.append(0x20) }
        }
      }
      if stripsAccents {
        try Normalization.apply(.nfd, to: &text)
        try Self.filter(&text, &atStart) { !CharacterClass.isNonspacingMark($0) }
      }
      if lowercases { try Self.lowercase(&text) }
    }
  }

  // MARK: character by character

  private static func rewrite(_ text: inout [UInt8], _ character: (UInt32, inout [UInt8]) -> Void) throws {
    var out: [UInt8] = []
    out.reserveCapacity(text.count + 16)
    try text.withUnsafeBufferPointer { bytes in
      var i = 0
      while i < bytes.count {
        if i & 0xFFFFF == 0xFFFFF { try Interrupt.check() }
        let (value, length) = Characters.scalar(bytes, at: i)
        character(value, &out)
        i += length
      }
    }
    text = out
  }

  private static func map(_ text: inout [UInt8], _ other: (UInt32) -> UInt32) throws {
    try rewrite(&text) { Characters.append(other($0), to: &$1) }
  }

  private static func filter(
    _ text: inout [UInt8], _ atStart: inout Bool, _ keeps: (UInt32) -> Bool
  ) throws {
    if text.isEmpty { return }
    let keepsFirst = text.withUnsafeBufferPointer { keeps(Characters.scalar($0, at: 0).value) }
    atStart = atStart && keepsFirst
    try rewrite(&text) { if keeps($0) { Characters.append($0, to: &$1) } }
  }

  private static func lowercase(_ text: inout [UInt8]) throws {
    if text.allSatisfy({ $0 < 0x80 }) {
      for i in text.indices where text[i] >= 65 && text[i] <= 90 { text[i] += 32 }
      return
    }
    try rewrite(&text) { value, out in
      if value < 0x80 {
        out.append(UInt8(value >= 65 && value <= 90 ? value + 32 : value))
      } else if let scalar = Unicode.Scalar(value), scalar.properties.changesWhenLowercased {
        out.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
      } else {
        Characters.append(value, to: &out)
      }
    }
  }

  private static func replace(
    _ text: inout [UInt8], _ atStart: inout Bool, _ delimiter: Delimiter, _ content: [UInt8]
  ) throws {
    var out: [UInt8] = []
    out.reserveCapacity(text.count)
    var keepsStart = true
    try text.withUnsafeBufferPointer { bytes in
      try delimiter.forEachPiece(bytes, in: 0..<bytes.count) { range, isMatch in
        if !isMatch { return out.append(contentsOf: bytes[range]) }
        out.append(contentsOf: content)
        // What replaces a match stands where its last character stood.
        if range.lowerBound == 0 && (content.isEmpty || Characters.length(bytes, at: 0) < range.count) {
          keepsStart = false
        }
      }
    }
    atStart = atStart && keepsStart
    text = out
  }

  private static func strip(_ text: inout [UInt8], _ atStart: inout Bool, _ left: Bool, _ right: Bool) {
    var start = 0
    var end = 0
    text.withUnsafeBufferPointer { bytes in
      var i = 0
      var isLeading = true
      while i < bytes.count {
        let (value, length) = Characters.scalar(bytes, at: i)
        i += length
        if CharacterClass.isWhitespace(value) {
          if isLeading && left { start = i }
        } else {
          isLeading = false
          end = i
        }
      }
    }
    if !right { end = text.count }
    if start > 0 { atStart = false }
    text = start < end ? Array(text[start..<end]) : []
  }
}
