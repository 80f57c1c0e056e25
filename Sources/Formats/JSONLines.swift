/// One JSON value a line: how records and logs are kept.
///
/// Files may be gzipped. Blank lines are skipped; an error names the file, the line and the column.
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
    var more = true
    while more {
      more = try lines.next { bytes in
        if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return }
        var parser = try JSONParser.checked(bytes, name: lines.name, firstLine: lines.line)
        try body(lines.line, try parser.value(depth: 0))
      }
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

  /// Replaces a file with one line for each value, atomically.
  ///
  ///     try JSONLines.save([["step": 1, "loss": 0.69]], to: "log.jsonl")
  public static func save<S: Sequence>(_ values: S, to path: String) throws where S.Element == JSONValue {
    try AtomicFile.write(to: path) { put in
      for value in values {
        var line = try value.encodedBytes()
        line.append(10)
        try line.withUnsafeBytes { try put($0) }
      }
    }
  }
}
