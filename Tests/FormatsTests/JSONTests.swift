import Base
import Foundation
import Testing

@testable import Formats

@Suite struct JSONTests {
  private func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: text) }

  @Test func valuesAreReadAsWritten() throws {
    let text = #"{"b":[1,-2,3.5,1e3,true,false,null],"a":{"é\n\u00e9\ud83e\udd99\/":"\"\\\b\f\r\t"},"":""}"#
    let value = try parse(text)
    #expect(value["b"]?.elements?.prefix(4) == [1, -2, 3.5, 1000.0])
    #expect(value["a"]?["é\né🦙/"]?.text == "\"\\\u{8}\u{c}\r\t")
    #expect(value[""] == "")
    #expect(try parse(value.encoded()) == value)
    #expect(try value.encoded(sortedKeys: true).hasPrefix(#"{"":"","a":"#))
    #expect(value.members?.map(\.key) == ["b", "a", ""])
  }

  @Test func numbersKeepTheirKindAndBits() throws {
    #expect(try parse("9223372036854775807") == .integer(.max))
    #expect(try parse("-9223372036854775808") == .integer(.min))
    #expect(try parse("9223372036854775808") == .number(0x1p63))
    #expect(try parse("1.0").encoded() == "1.0")
    #expect(try parse("-0").double?.sign == .minus)
    #expect(try parse("1e-999") == .number(0))
    #expect(try parse("5e-324") == .number(.leastNonzeroMagnitude))
    var random = Philox(seed: 5, stream: "numbers")
    for _ in 0..<2000 {
      let bits = UInt64(random.next32()) << 32 | UInt64(random.next32())
      let value = Double(bitPattern: bits)
      if value.isFinite { #expect(try parse(JSONValue.number(value).encoded()).double?.bitPattern == bits) }
    }
  }

  @Test func lastOfEqualKeysCountsAndKeysAreEqualByBytes() throws {
    #expect(try parse(#"{"a":1,"b":2,"a":3}"#)["a"] == 3)
    let accents = try parse("{\"e\u{301}\":1,\"\u{e9}\":2}")
    #expect(accents["e\u{301}"] == 1 && accents["\u{e9}"] == 2 && accents.members?.count == 2)
  }

  @Test func badTextIsRefusedWithItsPlace() {
    for (text, words) in [
      ("", "ends where a value"), ("  ", "ends where a value"),
      ("[1,]", "expected a value (line 1, column 4)"),
      ("{\"a\" 1}", "expected ':'"), ("{a:1}", "a key in quotes"), ("[1 2]", "expected ',' or ']'"),
      ("[1", "ends where ',' or ']'"),
      ("tru", "expected true"), ("nulll", "more text"), ("01", "leading zero"), ("1.", "after the point"),
      ("1e", "exponent"),
      ("-", "expected a value"), ("+1", "expected a value"), ("NaN", "expected a value"),
      ("1e999", "beyond 64-bit"),
      ("-1e999", "beyond 64-bit"), ("\"a", "without closing quote"), ("\"\\", "without closing quote"),
      ("\"\\x\"", "unknown escape"),
      ("\"\\u12g4\"", "four hexadecimal"), ("\"\\ud800\"", "lone surrogate \\ud800"),
      ("\"\\udc00\"", "lone surrogate \\udc00"),
      ("\"\\ud800\\u0041\"", "lone surrogate"), ("\"a\nb\"", "control character 10"),
      ("{\"a\":1,\n \"b\" 2}", "line 2, column 6"),
    ] {
      expectFailure(words) { _ = try JSONValue(parsing: text) }
    }
    let notUTF8: [[UInt8]] = [
      [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x80],
      [0xF8, 0x88, 0x80, 0x80],
    ]
    for bad in notUTF8 { expectFailure("not UTF-8") { _ = try JSONValue(parsing: [34] + bad + [34]) } }
  }

  @Test func nestingIsLimited() throws {
    let deepest = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
    #expect(try parse(deepest).encoded() == deepest)
    for bracket in ["[", "{\"a\":", "[{\"a\":"] {
      expectFailure("nested deeper than 200") {
        _ = try JSONValue(parsing: String(repeating: bracket, count: 1_000_000))
      }
    }
    var value: JSONValue = 1
    for _ in 0..<300 { value = .array([value]) }
    expectFailure("nested deeper") { _ = try value.encoded() }
  }

  @Test func notANumberIsNotWritten() {
    expectFailure("cannot write nan as JSON") { _ = try JSONValue.number(.nan).encoded() }
    expectFailure("cannot write inf as JSON") { _ = try JSONValue.number(.infinity).encoded() }
  }

  @Test func controlCharactersAreWrittenAsEscapes() throws {
    let text = String(decoding: (0..<128).map { UInt8($0) }, as: UTF8.self) + "é🦙"
    #expect(try parse(JSONValue.string(text).encoded()).text == text)
    #expect(try JSONValue.string("\u{1}\n").encoded() == #""\u0001\n""#)
  }

  @Test func aLargeFileIsWrittenAsItWasRead() throws {
    guard let path = sharedData("golden/losses.json") else { return }
    let value = try JSONValue.load(path)
    #expect(try parse(value.encoded()) == value)
  }

  // MARK: JSON lines

  @Test func linesAreReadPlainAndPacked() throws {
    try withTemporaryFolder { folder in
      let text = Array("{\"a\":1}\r\n\n  \n[2]\n\"last\"".utf8)
      try AtomicFile.write(text, to: folder + "/x.jsonl")
      try AtomicFile.write(Gzip.packed(text), to: folder + "/x.jsonl.gz")
      try AtomicFile.write(
        Gzip.packed(Array(text[..<9])) + Gzip.packed(Array(text[9...])), to: folder + "/two.jsonl.gz")
      for name in ["x.jsonl", "x.jsonl.gz", "two.jsonl.gz"] {
        var lines: [Int] = []
        try JSONLines.forEach(folder + "/" + name) { line, _ in lines.append(line) }
        #expect(lines == [1, 4, 5])
        #expect(try JSONLines.load(folder + "/" + name).last == "last")
      }
      try JSONLines.save([["step": 1, "loss": 0.5], [1, 2]], to: folder + "/y.jsonl")
      #expect(try JSONLines.load(folder + "/y.jsonl") == [["step": 1, "loss": 0.5], [1, 2]])
    }
  }

  @Test func errorsNameTheLine() {
    expectFailure("log: expected a value (line 3, column 2)") {
      try JSONLines.forEach(bytes: Array("1\n\n[x]\n".utf8), name: "log") { _, _ in }
    }
  }

  @Test func truncatedAndDamagedGzipIsRefused() throws {
    var random = Philox(seed: 6, stream: "gzip")
    let text = (0..<2000).map { _ in "[\(random.next32())]\n" }.joined()
    let packed = try Gzip.packed(Array(text.utf8))
    for count in [5, 12, packed.count / 2, packed.count - 1] {
      expectFailure("cut.gz: the gzip data end early") {
        try JSONLines.forEach(bytes: Array(packed[..<count]), name: "cut.gz") { _, _ in }
      }
    }
    var damaged = packed
    damaged[packed.count - 6] ^= 1
    expectFailure("damaged (incorrect data check)") { try JSONLines.forEach(bytes: damaged) { _, _ in } }
    expectFailure("damaged (incorrect header check)") {
      try JSONLines.forEach(bytes: packed + [1, 2, 3]) { _, _ in }
    }
  }

  @Test func longLinesAreRefusedBeforeTheyAreHeld() throws {
    let long = try Gzip.packed([UInt8](repeating: 32, count: 2 * Limits.lineBytesMax))
    expectFailure("bomb.gz: line 1 is longer than the limit of \(Limits.lineBytesMax) bytes") {
      try JSONLines.forEach(bytes: long, name: "bomb.gz") { _, _ in }
    }
    let atLimit = Array("[]".utf8) + [UInt8](repeating: 32, count: Limits.lineBytesMax - 2)
    for bytes in [atLimit, atLimit + [10], atLimit + [10, 49]] {
      try JSONLines.forEach(bytes: bytes) { line, value in #expect(value == (line == 1 ? [] : 1)) }
    }
    expectFailure("line 1 is longer") { try JSONLines.forEach(bytes: atLimit + [32]) { _, _ in } }
    expectFailure("line 1 is longer") { try JSONLines.forEach(bytes: atLimit + [32, 10]) { _, _ in } }
  }
}
