/// One JSON value a line: the form of records and logs.
///
/// Files may be gzipped. Blank lines are skipped; an error names the file, the line and the column. A file
/// that is one JSON array is named as that.
import Base

public enum JSONLines {
  /// Calls `body` with each value and its line number, from 1.
  ///
  ///     try JSONLines.forEach("test.jsonl.gz") { line, record in print(line, record["chosen"]?.text ?? "") }
  public static func forEach(_ path: String, _ body: (_ line: Int, JSONValue) throws -> Void) throws {
    try forEach(in: LineReader(path: path), body)
  }

  /// The same for bytes in memory, for tests.
  static func forEach(
    bytes: [UInt8], name: String = "JSON lines", _ body: (_ line: Int, JSONValue) throws -> Void
  ) throws {
    try forEach(in: LineReader(bytes: bytes, name: name), body)
  }

  private static func forEach(in lines: LineReader, _ body: (Int, JSONValue) throws -> Void) throws {
    try forEachChecked(lines) { line, parser in try body(line, try parser.value(depth: 0)) }
  }

  /// Calls `body` with a parser at each line's value, which has been checked.
  package static func forEachChecked(_ lines: LineReader, _ body: (Int, inout JSONParser) throws -> Void)
    throws
  {
    var more = true
    while more {
      more = try lines.next { bytes in
        if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return }
        try Interrupt.check()
        var parser = try checked(bytes, lines)
        try body(lines.line, &parser)
      }
    }
  }

  /// A value that goes on after its line is a file of one JSON value, laid out over lines.
  private static func checked(_ bytes: UnsafeBufferPointer<UInt8>, _ lines: LineReader) throws -> JSONParser {
    do {
      return try JSONParser.checked(bytes, name: lines.name, firstLine: lines.line)
    } catch let failure as Failure where failure.message.contains(": ends where") && lines.line == 1 {
      throw Failure(
        .format,
        "\(failure.message): expected one JSON value a line; formats.load_json reads a file of one value")
    }
  }

  /// All values of a file.
  ///
  ///     try JSONLines.load("log.jsonl").last?["loss"]?.double
  public static func load(_ path: String) throws -> [JSONValue] {
    var values: [JSONValue] = []
    try forEach(path) { values.append($1) }
    return values
  }

  /// Replaces a file with one line for each value, atomically; packed as gzip where the name ends in .gz.
  ///
  ///     try JSONLines.save([["step": 1, "loss": 0.69]], to: "log.jsonl")
  public static func save<S: Sequence>(_ values: S, to path: String) throws where S.Element == JSONValue {
    try AtomicFile.write(to: path) { put in
      try withoutActuallyEscaping(put) { put in
        let gzip = path.hasSuffix(".gz") ? try GzipWriter(put) : nil
        for value in values {
          try Interrupt.check()
          var line = try value.encodedBytes()
          line.append(10)
          try line.withUnsafeBytes { try gzip?.write($0) ?? put($0) }
        }
        try gzip?.finish()
      }
    }
  }
}
