/// Preference pairs from files: a prompt, the answer that was preferred, and the one that was not.
///
/// Two forms are read, as JSON lines (also gzipped) or as one JSON array: hh-rlhf's {chosen, rejected}, two whole
/// dialogues that are cut at the last "\n\nAssistant:", and {prompt, chosen, rejected}. Dialogues whose prompts differ
/// cannot be compared and are dropped; how many is reported, because silence about it changes results.
import Base

/// One comparison.
public struct PreferencePair: Sendable, Equatable {
  /// What both answers reply to; of a dialogue, all up to and including the last "\n\nAssistant:".
  public var prompt: String
  public var chosen: String
  public var rejected: String

  public init(prompt: String, chosen: String, rejected: String) {
    self.prompt = prompt
    self.chosen = chosen
    self.rejected = rejected
  }
}

/// The pairs of a file, and what was left out.
///
///     let data = try PreferenceData.load("harmless-base/test.jsonl.gz")
///     (data.pairs.count, data.dropped.count)      // (2307, 5)
public struct PreferenceData: Sendable {
  /// Why a record was left out.
  public enum Reason: String, Sendable {
    case promptsDiffer = "the prompts of chosen and rejected differ"
    case noAnswer = "no \"\\n\\nAssistant:\" to cut at"
  }

  /// In the order of the file.
  public private(set) var pairs: [PreferencePair] = []
  /// Lines (of JSON lines) or positions (of an array), from 1, with the reason.
  public private(set) var dropped: [(position: Int, reason: Reason)] = []
  /// Records read in all.
  public var total: Int { pairs.count + dropped.count }

  public init() {}

  /// Reads `.jsonl`, `.jsonl.gz`, or `.json` that holds one array.
  public static func load(_ path: String) throws -> PreferenceData {
    var data = PreferenceData()
    if path.hasSuffix(".json") {
      let bytes = try ByteSource(path: path).all(limit: Limits.jsonBytesMax)
      try bytes.withUnsafeBufferPointer { bytes in
        var parser = try JSONParser.checked(bytes, name: path)
        if try parser.peek("an array") != UInt8(ascii: "[") {
          throw Failure(.format, "\(path): expected an array of records")
        }
        var position = 0
        try parser.array(depth: 0) { parser in
          position += 1
          try data.add(&parser, position: position, "\(path): record \(position)")
        }
      }
    } else {
      try JSONLines.forEachChecked(LineReader(path: path)) { line, parser in
        try data.add(&parser, position: line, "\(path): line \(line)")
      }
    }
    return data
  }

  /// Adds one record; `place` begins the text of an error. The record is walked and only its texts are built.
  private mutating func add(_ parser: inout JSONParser, position: Int, _ place: String) throws {
    if try parser.peek("an object") != UInt8(ascii: "{") {
      throw Failure(.format, "\(place) is not an object")
    }
    var texts: [String: String] = [:]
    try parser.object(depth: 1) { parser, key in
      let key = parser.text(key)
      if !["prompt", "chosen", "rejected"].contains(key) { return try parser.skipValue(depth: 2) }
      if try parser.peek("a string") != UInt8(ascii: "\"") {
        throw Failure(.format, "\(place): '\(key)' is not a string")
      }
      texts[key] = try parser.string()
    }
    guard let chosen = texts["chosen"] else { throw Failure(.format, "\(place) has no 'chosen'") }
    guard let rejected = texts["rejected"] else { throw Failure(.format, "\(place) has no 'rejected'") }
    add(prompt: texts["prompt"], chosen: chosen, rejected: rejected, position: position)
  }

  /// Adds one comparison; without a prompt the answers are dialogues to cut.
  ///
  ///     var data = PreferenceData()
  ///     data.add(prompt: "Hi", chosen: "Hello.", rejected: "No.", position: 1)
  public mutating func add(prompt: String?, chosen: String, rejected: String, position: Int) {
    if let prompt {
      pairs.append(PreferencePair(prompt: prompt, chosen: chosen, rejected: rejected))
      return
    }
    guard let a = Self.cut(chosen), let b = Self.cut(rejected) else {
      dropped.append((position, .noAnswer))
      return
    }
    if !a.prompt.utf8.elementsEqual(b.prompt.utf8) {
      dropped.append((position, .promptsDiffer))
      return
    }
    pairs.append(PreferencePair(prompt: a.prompt, chosen: a.answer, rejected: b.answer))
  }

  /// Cuts a dialogue behind its last "\n\nAssistant:"; nil when there is none.
  ///
  ///     PreferenceData.cut("\n\nHuman: Hi\n\nAssistant: Hello")      // ("\n\nHuman: Hi\n\nAssistant:", " Hello")
  public static func cut(_ dialogue: String) -> (prompt: String, answer: String)? {
    let mark = Array("\n\nAssistant:".utf8)
    let bytes = Array(dialogue.utf8)
    var start = bytes.count - mark.count
    while start >= 0 {
      if bytes[start] == 10 && bytes[start..<start + mark.count].elementsEqual(mark) {
        let end = start + mark.count
        return (
          String(decoding: bytes[..<end], as: UTF8.self), String(decoding: bytes[end...], as: UTF8.self)
        )
      }
      start -= 1
    }
    return nil
  }

  /// One line that says what was kept and what was not.
  ///
  ///     data.summary      // 2307 of 2312 pairs; dropped 5: the prompts of chosen and rejected differ (5)
  public var summary: String {
    if dropped.isEmpty { return "\(total) pairs" }
    let reasons = [Reason.promptsDiffer, .noAnswer].compactMap { reason -> String? in
      let count = dropped.filter { $0.reason == reason }.count
      return count == 0 ? nil : "\(reason.rawValue) (\(count))"
    }
    return "\(pairs.count) of \(total) pairs; dropped \(dropped.count): \(reasons.joined(separator: ", "))"
  }
}
