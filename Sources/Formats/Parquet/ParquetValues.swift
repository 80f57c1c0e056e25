/// The values of a page, in each encoding that pyarrow writes.
import Base

/// Gives the values of a page in order. Errors: the page is damaged.
protocol ParquetValues: AnyObject {
  func next() throws -> JSONValue
}

/// What a page of a column has, for its readers.
struct ParquetPageValues {
  let column: ParquetColumn
  let bytes: [UInt8]
  let range: Range<Int>
  let subject: String

  func failure(_ problem: String) -> Failure { Failure(.format, "\(subject): \(problem)") }
  var endsEarly: Failure { failure("a page ends before its values") }

  /// A whole number as the column means it.
  func integer(_ value: Int) throws -> JSONValue {
    switch column.values {
    case .integer(is64Bit: true, isSigned: false):
      return value < 0 ? .number(Double(UInt64(bitPattern: Int64(value)))) : .integer(value)
    case .integer(is64Bit: false, isSigned: false): return .integer(Int(UInt32(truncatingIfNeeded: value)))
    case .integer(is64Bit: false, isSigned: true): return .integer(Int(Int32(truncatingIfNeeded: value)))
    case .time(_, unit: 0): return .integer(Int(Int32(truncatingIfNeeded: value)) * 86_400_000)
    case .time(_, let unit):
      let step = unit / 1000
      return .integer(value / step - (value % step < 0 ? 1 : 0))
    default: return .integer(value)
    }
  }

  /// A number without a JSON form is null, as `Dataset.to_json` writes it.
  private func number(_ value: Double) -> JSONValue { value.isFinite ? .number(value) : .null }

  /// A value of fixed width from the bytes at `address`.
  func fixed(_ address: UnsafeRawPointer) throws -> JSONValue {
    switch column.values {
    case .float: return number(Double(Float(bitPattern: LittleEndian.load(address))))
    case .double: return number(Double(bitPattern: LittleEndian.load(address)))
    default:
      let value =
        column.width == 4 ? Int(LittleEndian.load(address, as: Int32.self)) : LittleEndian.load(address)
      return try integer(value)
    }
  }

  func text(_ bytes: ArraySlice<UInt8>) throws -> JSONValue {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw failure(
        "bytes that are no UTF-8 text; leave the column out: dataset.remove_columns(\""
          + "\(Quoted.name(column.path.prefix { $0 != "." }))\")")
    }
    return .string(text)
  }

  /// The range of a text that begins with its length at `position`; moves past it.
  func text(at position: inout Int) throws -> Range<Int> {
    guard range.upperBound - position >= 4,
      let length = LittleEndian.load(bytes, at: position, as: UInt32.self),
      Int(length) <= range.upperBound - position - 4
    else { throw endsEarly }
    let start = position + 4
    position = start + Int(length)
    return start..<position
  }

  /// The reader of an encoding.
  func reader(encoding: Int, count: Int, dictionary: ParquetDictionary?) throws -> any ParquetValues {
    switch (encoding, column.values) {
    case (0, .bool): return PackedBooleans(self)
    case (0, _): return PlainValues(self)
    case (2, _), (8, _):
      guard let dictionary else {
        throw failure("a page of places in a dictionary, which the column does not have")
      }
      return try DictionaryValues(self, dictionary)
    case (3, .bool): return try RunBooleans(self)
    case (5, .integer), (5, .time): return try DeltaIntegers(self)
    case (6, .text): return try DeltaTexts(self)
    case (7, .text): return try PrefixedTexts(self)
    case (9, _) where column.width > 0: return SplitValues(self, count: range.count / column.width)
    default:
      let names = [
        4: "BIT_PACKED", 5: "DELTA_BINARY_PACKED", 6: "DELTA_LENGTH_BYTE_ARRAY", 7: "DELTA_BYTE_ARRAY",
      ]
      throw failure("the encoding \(names[encoding] ?? "\(encoding)") is not read for values of this type")
    }
  }
}

/// PLAIN numbers and texts.
private final class PlainValues: ParquetValues {
  private let page: ParquetPageValues
  private var position: Int

  init(_ page: ParquetPageValues) { (self.page, position) = (page, page.range.lowerBound) }

  func next() throws -> JSONValue {
    if case .text = page.column.values { return try page.text(page.bytes[try page.text(at: &position)]) }
    if page.column.width > page.range.upperBound - position { throw page.endsEarly }
    position += page.column.width
    return try page.bytes.withUnsafeBytes {
      try page.fixed($0.baseAddress.unsafelyUnwrapped + (position - page.column.width))
    }
  }
}

/// PLAIN truth values, a bit each.
private final class PackedBooleans: ParquetValues {
  private let page: ParquetPageValues
  private var bit: Int

  init(_ page: ParquetPageValues) { (self.page, bit) = (page, page.range.lowerBound * 8) }

  func next() throws -> JSONValue {
    if bit >= page.range.upperBound * 8 { throw page.endsEarly }
    bit += 1
    return .bool(ParquetBits.value(page.bytes, at: bit - 1, width: 1) == 1)
  }
}

/// RLE truth values, after the number of their bytes.
private final class RunBooleans: ParquetValues {
  private let page: ParquetPageValues
  private var runs: ParquetRuns

  init(_ page: ParquetPageValues) throws {
    var start = page.range.lowerBound
    self.page = page
    runs = ParquetRuns(page.bytes, try page.text(at: &start), width: 1)
  }

  func next() throws -> JSONValue {
    guard let value = runs.next() else { throw page.endsEarly }
    return .bool(value & 1 == 1)
  }
}

/// The values of a dictionary page: the page and where each begins.
struct ParquetDictionary {
  private let page: ParquetPageValues
  private var starts: [UInt32] = []
  let count: Int

  /// Errors: the page has not the values that it says.
  init(_ page: ParquetPageValues, count: Int) throws {
    (self.page, self.count) = (page, count)
    guard case .text = page.column.values else {
      if page.column.width == 0 { throw page.failure("a dictionary of truth values") }
      if count > page.range.count / page.column.width { throw page.endsEarly }
      return
    }
    if count > page.range.count / 4 { throw page.endsEarly }
    starts.reserveCapacity(count)
    var position = page.range.lowerBound
    for _ in 0..<count {
      starts.append(UInt32(truncatingIfNeeded: position))
      _ = try page.text(at: &position)
    }
  }

  func value(_ index: Int) throws -> JSONValue {
    if !starts.isEmpty {
      var position = Int(starts[index])
      return try page.text(page.bytes[try page.text(at: &position)])
    }
    return try page.bytes.withUnsafeBytes {
      try page.fixed($0.baseAddress.unsafelyUnwrapped + page.range.lowerBound + index * page.column.width)
    }
  }
}

/// Places in a dictionary, after a byte with their width.
private final class DictionaryValues: ParquetValues {
  private let page: ParquetPageValues
  private let dictionary: ParquetDictionary
  private var runs: ParquetRuns

  init(_ page: ParquetPageValues, _ dictionary: ParquetDictionary) throws {
    (self.page, self.dictionary) = (page, dictionary)
    // A page of nulls alone may have no bytes.
    let width = page.range.isEmpty ? 0 : Int(page.bytes[page.range.lowerBound])
    if width > 32 { throw page.failure("places in a dictionary of \(width) bits, at most 32") }
    runs = ParquetRuns(page.bytes, page.range.dropFirst(), width: width)
  }

  func next() throws -> JSONValue {
    guard let index = runs.next() else { throw page.endsEarly }
    if index >= dictionary.count {
      throw page.failure("place \(index) in a dictionary of \(dictionary.count) values")
    }
    return try dictionary.value(index)
  }
}

/// DELTA_BINARY_PACKED numbers.
private final class DeltaIntegers: ParquetValues {
  private let page: ParquetPageValues
  private var deltas: ParquetDeltas

  init(_ page: ParquetPageValues) throws {
    guard let deltas = ParquetDeltas(page.bytes, page.range) else { throw page.endsEarly }
    (self.page, self.deltas) = (page, deltas)
  }

  func next() throws -> JSONValue {
    guard let value = deltas.next() else { throw page.endsEarly }
    return try page.integer(value)
  }
}

/// DELTA_LENGTH_BYTE_ARRAY: the lengths of all texts, then their bytes.
private final class DeltaTexts: ParquetValues {
  private let page: ParquetPageValues
  private var lengths: ParquetDeltas
  private var position: Int

  init(_ page: ParquetPageValues) throws {
    guard let lengths = ParquetDeltas(page.bytes, page.range), let end = lengths.endPosition() else {
      throw page.endsEarly
    }
    (self.page, self.lengths, position) = (page, lengths, end)
  }

  func nextBytes() throws -> ArraySlice<UInt8> {
    guard let length = lengths.next(), length >= 0, length <= page.range.upperBound - position else {
      throw page.endsEarly
    }
    position += length
    return page.bytes[(position - length)..<position]
  }

  func next() throws -> JSONValue { try page.text(try nextBytes()) }
}

/// DELTA_BYTE_ARRAY: how many bytes each text shares with the one before it, and the rest of each.
private final class PrefixedTexts: ParquetValues {
  private let page: ParquetPageValues
  private var shared: ParquetDeltas
  private let rests: DeltaTexts
  private var text: [UInt8] = []

  init(_ page: ParquetPageValues) throws {
    guard let shared = ParquetDeltas(page.bytes, page.range), let end = shared.endPosition() else {
      throw page.endsEarly
    }
    (self.page, self.shared) = (page, shared)
    rests = try DeltaTexts(
      ParquetPageValues(
        column: page.column, bytes: page.bytes, range: end..<page.range.upperBound, subject: page.subject))
  }

  func next() throws -> JSONValue {
    guard let count = shared.next(), count >= 0, count <= text.count else { throw page.endsEarly }
    text.removeLast(text.count - count)
    text += try rests.nextBytes()
    return try page.text(text[...])
  }
}

/// BYTE_STREAM_SPLIT: the first bytes of all numbers, then their second bytes, and so on.
private final class SplitValues: ParquetValues {
  private let page: ParquetPageValues
  private let count: Int
  private var index = 0

  init(_ page: ParquetPageValues, count: Int) { (self.page, self.count) = (page, count) }

  func next() throws -> JSONValue {
    if index >= count { throw page.endsEarly }
    let start = page.range.lowerBound + index
    index += 1
    return try (0..<page.column.width).map { page.bytes[start + $0 * count] }.withUnsafeBytes {
      try page.fixed($0.baseAddress.unsafelyUnwrapped)
    }
  }
}
