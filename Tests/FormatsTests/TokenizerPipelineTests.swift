import Base
import Foundation
import Testing

@testable import Formats

/// What a file of Tests/Golden/tokenizers says; scripts/golden/tokenizer_cases.py wrote it with tokenizers 0.23.3.
private func golden(_ name: String) throws -> JSONValue {
  let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  return try JSONValue.load(tests.appendingPathComponent("Golden/tokenizers/\(name).json").path)
}

private func goldenTexts() throws -> [String] {
  let texts = try golden("texts").elements?.compactMap(\.text)
  return try #require(texts)
}

private func integers(_ value: JSONValue?) -> [Int]? { value?.elements?.compactMap(\.int) }

@Suite struct TokenizerPipelineTests {
  // MARK: whole tokenizers

  @Test(arguments: [
    "gpt2", "llama3", "qwen", "smollm", "roberta", "llama2", "gemma", "mistral", "t5", "flan", "albert",
    "bert",
    "bert_cased", "clip", "prefix", "bytes",
  ])
  func everyKindGivesTheIdsAndTextsOfTokenizers(name: String) throws {
    let cases = try golden(name)
    let texts = try goldenTexts()
    let t = try TokenizerPipeline(json: try #require(cases["file"]).encodedBytes(), name: name)
    // What is saved is the same tokenizer.
    let saved = try TokenizerPipeline(json: t.json().encodedBytes(), name: name)
    #expect(texts.count > 100)
    for (i, text) in texts.enumerated() {
      for tokenizer in [t, saved] {
        let split = try tokenizer.encode(text)
        #expect(split == integers(cases["ids_split"]?[i]), "\(name): \(text.debugDescription)")
        let plain = try tokenizer.encode(text, EncodeOptions(splitSpecialTokens: false))
        #expect(plain == integers(cases["ids_plain"]?[i]), "\(name): \(text.debugDescription)")
        let options = EncodeOptions(addSpecialTokens: true, splitSpecialTokens: false)
        let ids = try tokenizer.encode(text, options)
        #expect(ids == integers(cases["ids"]?[i]), "\(name): \(text.debugDescription)")
      }
      let ids = try #require(integers(cases["ids"]?[i]))
      let whole = String(decoding: try t.decodeBytes(ids, skipSpecialTokens: false), as: UTF8.self)
      #expect(
        whole.utf8.elementsEqual(try #require(cases["decoded"]?[i]?.text).utf8),
        "\(name): \(text.debugDescription)")
      let skipped = try t.decode(ids)
      #expect(
        skipped.utf8.elementsEqual(try #require(cases["decoded_skip"]?[i]?.text).utf8),
        "\(name): \(text.debugDescription)")
    }
  }

  @Test(arguments: ["gpt2", "t5"])
  func realFilesGiveTheIdsAndTextsOfTokenizers(name: String) throws {
    guard let file = sharedData("tokenizers/\(name)/tokenizer.json"),
      let cases = sharedData("tokenizers/\(name)/cases.json")
    else { return }
    let t = try TokenizerPipeline.load(file)
    let list = try #require(JSONValue.load(cases)["cases"]?.elements)
    #expect(list.count == 200)
    for one in list {
      let text = try #require(one["text"]?.text)
      let plain = try t.encode(text, EncodeOptions(splitSpecialTokens: false))
      #expect(plain == integers(one["ids_plain"]), "\(text.debugDescription)")
      let ids = try t.encode(text, EncodeOptions(addSpecialTokens: true, splitSpecialTokens: false))
      #expect(ids == integers(one["ids"]), "\(text.debugDescription)")
      let whole = String(decoding: try t.decodeBytes(ids, skipSpecialTokens: false), as: UTF8.self)
      #expect(whole.utf8.elementsEqual(try #require(one["decoded"]?.text).utf8), "\(text.debugDescription)")
      #expect(try t.decode(ids).utf8.elementsEqual(try #require(one["decoded_skip"]?.text).utf8))
    }
  }

  // MARK: parts

  @Test func everyPartMakesOfTextsWhatTokenizersMakes() throws {
    let texts = try goldenTexts().filter { $0.unicodeScalars.count <= 32 }
    for (place, one) in try #require(golden("parts")["parts"]?.elements).enumerated() {
      let part = Part(try #require(one["part"]), path: "part \(place)")
      let results = try #require(one["results"]?.elements)
      #expect(results.count == texts.count)
      let isNormalizer = one["kind"]?.text == "normalizer"
      let normalizer = isNormalizer ? try Normalizer(part) : nil
      let steps = isNormalizer ? [] : try PreTokenizer(part).steps
      for (text, expected) in zip(texts, results) {
        if let normalizer {
          var bytes = Array(text.utf8)
          var atStart = true
          try normalizer.apply(to: &bytes, atStart: &atStart)
          let wanted = try #require(expected.text)
          #expect(
            bytes.elementsEqual(wanted.utf8),
            "\(part.value): \(text.debugDescription) -> \(String(decoding: bytes, as: UTF8.self).debugDescription)"
          )
        } else {
          var pieces = Pieces(Array(text.utf8), atStart: true)
          for step in steps { try step.apply(to: &pieces, writesBytes: true) }
          let found = pieces.ranges.map { Array(pieces.bytes[$0]) }
          let wanted = expected.elements?.compactMap { $0.text.map { Array($0.utf8) } }
          #expect(
            found == wanted,
            "\(part.value): \(text.debugDescription) -> \(found.map { String(decoding: $0, as: UTF8.self) })")
        }
      }
    }
  }

  @Test func everyScalarIsInTheClassesOfTokenizers() throws {
    let scalars = (UInt32(0)..<0x110000).filter { Unicode.Scalar($0) != nil }
    func digest(_ members: [UInt32]) throws -> String {
      let text = members.map { String($0, radix: 16) }.joined(separator: ",")
      return try SHA256.hash(of: Array(text.utf8))
    }
    func digest(_ passes: (UInt32) -> Bool) throws -> String { try digest(scalars.filter(passes)) }
    func normalized(_ normalizer: Normalizer) throws -> String {
      var all: [UInt8] = []
      var text: [UInt8] = []
      for scalar in scalars {
        text.removeAll(keepingCapacity: true)
        Characters.append(scalar, to: &text)
        var atStart = true
        try normalizer.apply(to: &text, atStart: &atStart)
        all += text
        all.append(10)
      }
      return try SHA256.hash(of: all)
    }
    // All scalars as one text, of which a pattern cuts each scalar of its class.
    var whole: [UInt8] = []
    var starts: [Int] = []
    for scalar in scalars {
      starts.append(whole.count)
      Characters.append(scalar, to: &whole)
    }
    func matches(_ pattern: Pattern) throws -> [UInt32] {
      var found: [UInt32] = []
      var i = 0
      try whole.withUnsafeBufferPointer { bytes in
        try pattern.forEachPiece(bytes, in: 0..<bytes.count) { piece, isMatch in
          if !isMatch { return }
          while starts[i] < piece.lowerBound { i += 1 }
          found.append(scalars[i])
        }
      }
      return found
    }
    for member in try #require(golden("classes")["classes"]?.members) {
      let found: String
      switch member.key {
      case "numeric": found = try digest(CharacterClass.isNumeric)
      case "whitespace": found = try digest(CharacterClass.isWhitespace)
      case "word": found = try digest(CharacterClass.isWord)
      case "punctuation": found = try digest(CharacterClass.isPunctuation)
      case "bert removes": found = try digest(CharacterClass.bertRemoves)
      case "nonspacing mark": found = try digest(CharacterClass.isNonspacingMark)
      case "chinese": found = try digest(CharacterClass.isChinese)
      case "combining mark": found = try digest(CharacterClass.isCombiningMark)
      case "Lowercase": found = try normalized(.lowercase)
      default:
        if let form = Normalization.Form(rawValue: member.key) {
          found = try normalized(.unicode(form))
        } else {
          found = try digest(matches(try Pattern(member.key)))
        }
      }
      #expect(found == member.value.text, "\(member.key)")
    }
  }

  // MARK: streams

  @Test func streamsGiveTheTextOfAllTokensAndOnlyWholeCharacters() throws {
    for name in ["gpt2", "llama2", "gemma", "bert", "t5", "bytes"] {
      let t = try TokenizerPipeline(json: try #require(golden(name)["file"]).encodedBytes(), name: name)
      for text in try goldenTexts() {
        let ids = try t.encode(text)
        let stream = DecodeStream(t)
        var all: [UInt8] = []
        for id in ids {
          let step = try stream.step(id)
          #expect(String(validating: step, as: UTF8.self) != nil)
          all += step
        }
        let whole = Array(try t.decode(ids).utf8)
        if !whole.suffix(3).elementsEqual([0xEF, 0xBF, 0xBD]) {
          #expect(all == whole, "\(name): \(text.debugDescription)")
        }
      }
    }
  }

  @Test func anyBytesComeBackFromAByteLevelVocabulary() throws {
    let t = try TokenizerPipeline(json: try #require(golden("llama3")["file"]).encodedBytes(), name: "llama3")
    var random = Philox(seed: 5, stream: "bytes")
    for _ in 0..<300 {
      let raw = (0..<random.below(100)).map { _ in UInt8(random.below(256)) }
      #expect(try t.decodeBytes(t.encode(bytes: raw)) == raw)
    }
  }

  // MARK: files that are not good

  private func expectRefusal(_ name: String, _ from: String, _ to: String, _ words: String...) throws {
    let good = try #require(golden(name)["file"]).encoded()
    let at = try #require(good.range(of: from), "\(from)")
    let bad = Array(good.replacingCharacters(in: at, with: to).utf8)
    do {
      _ = try TokenizerPipeline(json: bad, name: "file.json")
      Issue.record("expected a refusal that says \(words)")
    } catch let failure as Failure {
      for word in ["file.json"] + words { #expect(failure.message.contains(word), "\(failure.message)") }
    }
  }

  @Test func badFilesAreRefusedWithFileAndKey() throws {
    try expectRefusal(
      "gpt2", "\"type\":\"BPE\"", "\"type\":\"WordLevel\"", "model 'WordLevel' is not supported")
    try expectRefusal("gpt2", "\"dropout\":null", "\"dropout\":0.1", "dropout is not supported")
    try expectRefusal("gpt2", "\"merges\"", "\"mergers\"", "model: the key 'merges' is missing")
    try expectRefusal("gpt2", "\"vocab\"", "\"words\"", "model: the key 'vocab' is missing")
    try expectRefusal("gpt2", "\"vocab\":{", "\"vocab\":[{", "expected")
    try expectRefusal("gpt2", "\"!\":1", "\"!\":2", "both have the id 2")
    try expectRefusal("gpt2", "\"!\":1", "\"!\":100000", "'!' has the id 100000")
    try expectRefusal("gpt2", "\"!\":1", "\"!\":-1", "expected an id")
    try expectRefusal("gpt2", "\"!\":1", "\"!\":\"1\"", "expected")
    try expectRefusal(
      "gpt2", "\"use_regex\":true", "\"use_regex\":3",
      "pre_tokenizer.use_regex: expected true or false, got 3")
    try expectRefusal(
      "gpt2", "\"pre_tokenizer\":{\"type\":\"ByteLevel\"", "\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"",
      "pre_tokenizer", "'UnicodeScripts' is not supported")
    try expectRefusal(
      "gpt2", "\"decoder\":{\"type\":\"ByteLevel\"", "\"decoder\":{\"type\":\"CTC\"", "decoder",
      "'CTC' is not supported")
    try expectRefusal(
      "gpt2", "\"pre_tokenizer\":{", "\"pre_tokenizer\":[],\"x\":{", "pre_tokenizer", "expected an object")
    try expectRefusal("gpt2", "\"id\":0,\"content\"", "\"id\":5,\"content\"", "added_tokens", "has the id 5")
    try expectRefusal("gpt2", "\"content\":\"<ab>\"", "\"content\":\"\"", "added_tokens", "no content")
    try expectRefusal("gpt2", "\"content\":\"<ab>\"", "\"content\":\"<a>\"", "added_tokens", "occurs twice")
    try expectRefusal("gpt2", "\"single_word\":false", "\"single_word\":null", "added_tokens[0].single_word")
    try expectRefusal(
      "llama3", "\"Regex\":\"", "\"Regex\":\"(", "pre_tokenizer.pretokenizers[0].pattern",
      "regular expression", "unclosed")
    try expectRefusal(
      "llama3", "\"behavior\":\"Isolated\"", "\"behavior\":\"Joined\"", "behavior 'Joined' is not known")
    try expectRefusal("llama3", "\"ids\":[1]", "\"ids\":[100000]", "post_processor", "100000")
    try expectRefusal("t5", "\"unk_id\":2", "\"unk_id\":20000", "model: unk_id 20000")
    try expectRefusal(
      "t5", "\"precompiled_charsmap\":\"", "\"precompiled_charsmap\":\"AAAA",
      "normalizer.normalizers[0].precompiled_charsmap")
    try expectRefusal(
      "t5", "[\"<pad>\",0.0", "[\"<pad>\",\"0\"", "an entry of vocab is a token and its score")
    try expectRefusal(
      "bert", "\"max_input_chars_per_word\":100", "\"max_input_chars_per_word\":1e9",
      "max_input_chars_per_word")
    try expectRefusal(
      "mistral", "\"prepend_scheme\":\"first\"", "\"prepend_scheme\":\"last\"", "prepend_scheme 'last'")
    let deep = String(repeating: "[", count: 3000)
    try expectRefusal("gpt2", "\"normalizer\":null", "\"normalizer\":\(deep)", "deeper")
    for (open, what) in [("(", "groups"), ("[", "classes")] {
      let nested = String(repeating: open, count: 200_000)
      try expectRefusal("llama3", "\"Regex\":\"", "\"Regex\":\"\(nested)", "\(what) nested deeper than 64")
    }
  }

  @Test func damagedFilesOfEveryKindNeverTrap() throws {
    for name in ["llama3", "llama2", "t5", "bert", "clip"] {
      let good = try #require(golden(name)["file"]).encodedBytes()
      var random = Philox(seed: 9, stream: name)
      for _ in 0..<200 {
        var bytes = good
        for _ in 0...random.below(3) {
          // Most damage goes to the parts around the vocabulary, which is at the end.
          bytes[random.below(random.below(2) == 0 ? bytes.count : 3000)] = UInt8(32 + random.below(95))
        }
        if let t = try? TokenizerPipeline(json: bytes, name: name) {
          _ = try? t.decode(t.encode("Hello wörld\r\n 123 <a>", EncodeOptions(addSpecialTokens: true)))
        }
      }
    }
  }

  @Test func canonicallyEqualTokensAreTwo() throws {
    let table = TokenTable([Array("\u{E0}".utf8), Array("a\u{300}".utf8)])
    #expect(table.id(of: Array("a\u{300}".utf8)) == 1)
    #expect(table.id(of: Array("\u{E0}".utf8)) == 0)
  }
}
