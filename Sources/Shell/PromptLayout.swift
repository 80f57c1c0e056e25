/// Where a prompt and the text typed at it stand on a terminal of some width: rows with their colours, and the
/// cursor.
///
/// A pure function of its arguments, so that tests need no terminal. Every line of the text has a prompt before
/// it. A row that the text fills to the last column is followed by another, on which the cursor can stand.
///
///     PromptLayout(prompt: "> ", continuation: ">> ", text: "do\nend", point: 6, columns: 80).cursor   // (1, 6)
struct PromptLayout {
  /// A row of the screen. A row that `isWrapped` continues the one before.
  struct Row: Equatable {
    var bytes: [UInt8] = []
    var columns = 0
    var isWrapped = false
  }

  private(set) var rows = [Row()]
  private(set) var cursor = (row: 0, column: 0)

  private let columns: Int
  private let width: (UInt32) -> Int
  /// The style that the terminal is in at the end of the last row.
  private var style = PromptStyle.plain

  /// Lays out `text`, whose bytes have the `styles` (none: all plain), with the cursor before the byte at
  /// `point`. `width` gives the columns of a character that is not ASCII.
  init(
    prompt: [UInt8], continuation: [UInt8], text: [UInt8], styles: [PromptStyle] = [], point: Int,
    columns: Int,
    width: @escaping (UInt32) -> Int = { _ in 1 }
  ) {
    self.columns = max(columns, 1)
    self.width = width
    put(prompt: prompt)
    var i = 0
    while i < text.count {
      let (scalar, length) = Self.decode(text, at: i)
      let isHere = point >= i && point < i + length
      let style = styles.isEmpty ? .plain : styles[i]
      if scalar == 10 {
        if isHere {
          fillUp()
          setCursor(before: 0)
        }
        breakLine()
        put(prompt: continuation)
      } else {
        let before = put(scalar, text[i..<i + length], style)
        if isHere { setCursor(before: before) }
      }
      i += length
    }
    fillUp()
    if point >= text.count { setCursor(before: 0) }
    endStyle()
  }

  private mutating func setCursor(before count: Int) {
    cursor = (rows.count - 1, min(rows[rows.count - 1].columns - count, columns - 1))
  }

  /// Begins a row where the last one is full.
  private mutating func fillUp() {
    if rows[rows.count - 1].columns >= columns { wrap() }
  }

  private mutating func wrap() {
    let style = self.style
    endStyle()
    rows.append(Row(isWrapped: true))
    setStyle(style)
  }

  private mutating func breakLine() {
    fillUp()
    endStyle()
    rows.append(Row())
  }

  private mutating func endStyle() { setStyle(.plain) }

  private mutating func setStyle(_ new: PromptStyle) {
    guard new != style else { return }
    rows[rows.count - 1].bytes +=
      new == .plain || style == .plain ? new.escape : PromptStyle.plain.escape + new.escape
    style = new
  }

  /// Adds a piece that is not divided. The cursor stands `piece columns` after its start.
  private mutating func put(_ piece: ArraySlice<UInt8>, columns count: Int, _ style: PromptStyle) {
    let used = rows[rows.count - 1].columns
    if count > 0 && used > 0 && used + count > columns { wrap() }
    setStyle(style)
    rows[rows.count - 1].bytes += piece
    rows[rows.count - 1].columns = min(rows[rows.count - 1].columns + count, columns)
  }

  /// Adds a character and gives the columns of its last row that it takes.
  private mutating func put(_ scalar: UInt32?, _ bytes: ArraySlice<UInt8>, _ style: PromptStyle) -> Int {
    guard let scalar else { return put(text: Self.hexadecimal(bytes[bytes.startIndex]), .error) }
    switch scalar {
    case 32..<127:
      put(bytes, columns: 1, style)
      return 1
    case 9:
      let used = rows[rows.count - 1].columns % columns
      return put(text: [UInt8](repeating: 32, count: min(8 - used % 8, columns)), style)
    case 0..<32, 127: return put(text: [UInt8(ascii: "^"), UInt8(scalar) ^ 64], .error)
    default:
      let count = width(scalar)
      if count < 0 { return put(text: Array("\u{FFFD}".utf8), columns: 1, .error) }
      put(bytes, columns: min(count, columns), style)
      return min(count, columns)
    }
  }

  /// Adds ASCII, whose first column is where the cursor stands for it.
  private mutating func put(text: [UInt8], columns count: Int? = nil, _ style: PromptStyle) -> Int {
    let count = count ?? text.count
    if count <= columns {
      put(text[...], columns: count, style)
      return count
    }
    for i in text.indices { put(text[i...i], columns: 1, style) }
    return rows[rows.count - 1].columns
  }

  private static func hexadecimal(_ byte: UInt8) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return Array("\\x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
  }

  /// Adds a prompt. Text between the marks \001 and \002 and the terminal's own sequences take no columns.
  private mutating func put(prompt: [UInt8]) {
    var i = 0
    while i < prompt.count {
      let invisible = Self.invisible(prompt, at: i)
      if !invisible.isEmpty {
        rows[rows.count - 1].bytes += prompt[invisible].filter { $0 > 2 }
        i = invisible.upperBound
        continue
      }
      let (scalar, length) = Self.decode(prompt, at: i)
      if scalar == 10 { breakLine() } else { _ = put(scalar, prompt[i..<i + length], .plain) }
      i += length
    }
  }

  private static func invisible(_ prompt: [UInt8], at start: Int) -> Range<Int> {
    var end = start
    switch prompt[start] {
    case 1:
      while end < prompt.count && prompt[end] != 2 { end += 1 }
      return start..<min(end + 1, prompt.count)
    case 2: return start..<start + 1
    case 27 where start + 1 < prompt.count && prompt[start + 1] == UInt8(ascii: "["):
      end += 2
      while end < prompt.count && !(64...126).contains(prompt[end]) { end += 1 }
      return start..<min(end + 1, prompt.count)
    default: return start..<start
    }
  }

  /// The character at `i` and its bytes; nil and 1 where the bytes are not UTF-8.
  static func decode(_ text: [UInt8], at i: Int) -> (scalar: UInt32?, length: Int) {
    let first = text[i]
    if first < 128 { return (UInt32(first), 1) }
    let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
    guard first >= 0xC2, first < 0xF5, i + length <= text.count else { return (nil, 1) }
    var scalar = UInt32(first) & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
    for byte in text[i + 1..<i + length] {
      guard byte & 0xC0 == 0x80 else { return (nil, 1) }
      scalar = scalar << 6 | UInt32(byte & 0x3F)
    }
    let isShortest = scalar >= (length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000)
    guard isShortest, Unicode.Scalar(scalar) != nil else { return (nil, 1) }
    return (scalar, length)
  }
}
