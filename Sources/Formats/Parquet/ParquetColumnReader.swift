/// The entries of a column of a row group, one at a time: its levels, and its value where there is one.
import Base

final class ParquetColumnReader {
  let column: ParquetColumn
  /// The levels of the current entry.
  private(set) var repetition = 0
  private(set) var definition = 0
  /// Whether all entries have been taken.
  var isAtEnd: Bool { values == nil }
  private let subject: String
  private var pages: ParquetPages
  private var entriesLeft: Int
  private var pageLeft = 0
  private var pageBytes = 0
  private var repetitions: ParquetRuns?
  private var definitions: ParquetRuns?
  /// Those of the page that has the current entry; nil once all entries have been taken.
  private var values: (any ParquetValues)?
  private var dictionary: ParquetDictionary?

  /// A reader at the first entry.
  init(
    _ column: ParquetColumn, _ chunk: ParquetFooter.Chunk, of source: ByteSource, held: ParquetHeld,
    group: Int
  ) throws {
    self.column = column
    subject = "\(source.name): column '\(Quoted.name(column.path))' of row group \(group)"
    pages = try ParquetPages(chunk, of: source, held: held, subject: subject)
    entriesLeft = chunk.valueCount
    try advance()
  }

  private func failure(_ problem: String) -> Failure { Failure(.format, "\(subject): \(problem)") }

  /// Moves to the next entry.
  func advance() throws {
    if entriesLeft == 0 {
      (values, repetition, definition) = (nil, 0, 0)
      return
    }
    while pageLeft == 0 { try openPage() }
    entriesLeft -= 1
    pageLeft -= 1
    repetition = try level(&repetitions, column.repetitionMax, "repetition")
    definition = try level(&definitions, column.definitionMax, "definition")
  }

  /// The value of the current entry, whose definition level is the greatest; moves to the next.
  func take() throws -> JSONValue {
    guard let values else { throw tooFew }
    if definition != column.definitionMax { throw disagrees() }
    let value = try values.next()
    try advance()
    return value
  }

  /// Takes an entry without a value, which its definition level says.
  func takeNull() throws {
    if isAtEnd { throw tooFew }
    try advance()
  }

  private var tooFew: Failure { failure("its values end before its rows") }

  func disagrees() -> Failure { failure("its levels do not agree with the schema and the other columns") }

  private func level(_ levels: inout ParquetRuns?, _ most: Int, _ what: String) throws -> Int {
    if most == 0 { return 0 }
    guard let level = levels?.next() else { throw failure("a page ends before its \(what) levels") }
    if level > most { throw failure("a \(what) level of \(level), at most \(most)") }
    return level
  }

  private func openPage() throws {
    (values, repetitions, definitions) = (nil, nil, nil)
    let page = try pages.next(replacing: pageBytes)
    pageBytes = page.bytes.count
    func part(_ range: Range<Int>) -> ParquetPageValues {
      ParquetPageValues(column: column, bytes: page.bytes, range: range, subject: subject)
    }
    if page.kind == .dictionary {
      if dictionary != nil { throw failure("two dictionaries") }
      if page.encoding != 0 && page.encoding != 2 {
        throw failure("a dictionary of the encoding \(page.encoding)")
      }
      dictionary = try ParquetDictionary(part(0..<page.bytes.count), count: page.valueCount)
      // It is held until the row group ends.
      pageBytes = 0
      return
    }
    var position = 0
    repetitions = try levels(page, 0, column.repetitionMax, &position)
    definitions = try levels(page, 1, column.definitionMax, &position)
    if page.valueCount > entriesLeft {
      throw failure("a page of \(page.valueCount) values where \(entriesLeft) are left")
    }
    values = try part(position..<page.bytes.count).reader(
      encoding: page.encoding, count: page.valueCount, dictionary: dictionary)
    pageLeft = page.valueCount
  }

  /// The levels of a page, repetition (0) or definition (1); moves past them.
  private func levels(_ page: ParquetPage, _ which: Int, _ most: Int, _ position: inout Int) throws
    -> ParquetRuns?
  {
    let start: Int
    if page.kind == .dataV2 {
      // `ParquetPages` has checked that the page has them.
      start = position
      position += page.levelBytes[which]
    } else {
      if most == 0 { return nil }
      if page.levelEncodings[which] != 3 {
        throw failure("levels of the encoding \(page.levelEncodings[which]), of which only RLE is read")
      }
      guard let count = LittleEndian.load(page.bytes, at: position, as: UInt32.self),
        Int(count) <= page.bytes.count - position - 4
      else { throw failure("a page ends before its levels") }
      start = position + 4
      position = start + Int(count)
    }
    let width = Int.bitWidth - most.leadingZeroBitCount
    return most == 0 ? nil : ParquetRuns(page.bytes, start..<position, width: width)
  }
}
