import Base
import Foundation
import Testing

@testable import Formats

@Suite struct TokenizerTests {
  // MARK: llama2.c

  @Test func storyTokenizerGivesBackItsText() throws {
    guard let path = sharedData("stories260K/tok512.bin") else { return }
    let t = try Llama2CTokenizer.load(path)
    #expect(t.vocabSize == 512)
    let text = "Once upon a time, there was a little girl named Lily. She saw a 🦙!\n"
    let ids = try t.encode(text, bos: true)
    #expect(ids.first == 1)
    #expect(try t.decode(ids) == text)
    // Ids of llama2.c's own encoder (run.c, test_tokenizers style) for this prompt with tok512.bin.
    #expect(try t.encode("Once upon a time") == [403, 407, 261, 378])
    #expect(try t.encode("") == [])
    #expect(try t.bytes(of: 13) == [10])
    #expect(try t.name(of: 13) == "<0x0A>")
    #expect(try t.bytes(of: 1) == [])
    #expect(try t.decode([1, 260, 1, 261]) == "hea")
    for special in ["<s>", "</s>", "<unk>", "\n<s>\n", "<0x41>"] {
      let ids = try t.encode(special)
      #expect(ids.allSatisfy { $0 > 2 })
      #expect(try t.decode([1] + t.encode(special)) == special)
    }
  }

  @Test func storyTokenizerMergesAsTheReferenceLoopDoes() throws {
    guard let path = sharedData("stories260K/tok512.bin") else { return }
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let t = try Llama2CTokenizer(bytes: bytes)
    let reference = LlamaReference(bytes)
    var random = Philox(seed: 1, stream: "llama reference")
    let letters = Array("aaeeiothhednsrlw  ,.TOSL'\né🦙".unicodeScalars)
    for _ in 0..<300 {
      var text = ""
      for _ in 0..<random.below(80) { text.unicodeScalars.append(letters[random.below(letters.count)]) }
      #expect(try t.encode(text) == reference.encode(Array(text.utf8)))
    }
    for _ in 0..<300 {
      let raw = (0..<random.below(60)).map { _ in UInt8(1 + random.below(255)) }
      let ids = try t.encode(bytes: raw)
      #expect(ids == reference.encode(raw))
      #expect(try t.decodeBytes([1] + ids) == raw)
    }
  }

  @Test func idOutOfRangeIsAFailureThatNamesTheRange() throws {
    guard let path = sharedData("stories260K/tok512.bin") else { return }
    let t = try Llama2CTokenizer.load(path)
    expectFailure("id 512 is not a token id: expected 0..511 (vocab 512)") { _ = try t.decode([1, 512]) }
    expectFailure("id -1 is not a token id") { _ = try t.decode([-1]) }
  }

  @Test func brokenStoryTokenizersAreRefused() throws {
    expectFailure("bytes wanted at byte 0") { _ = try Llama2CTokenizer(bytes: [1, 2]) }
    expectFailure("fewer than the 259") { _ = try Llama2CTokenizer(bytes: [7, 0, 0, 0]) }
    expectFailure("token 0 has 9 bytes, expected 0..7") {
      _ = try Llama2CTokenizer(bytes: [7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0])
    }
    expectFailure("token 0 has -1 bytes") {
      _ = try Llama2CTokenizer(bytes: [7, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255])
    }
    expectFailure("the file ends after 1") {
      _ = try Llama2CTokenizer(bytes: [7, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 65])
    }
    expectFailure("has the score nan") {
      _ = try Llama2CTokenizer(bytes: [7, 0, 0, 0, 0, 0, 192, 127, 0, 0, 0, 0])
    }
  }

  // MARK: GPT-2

  private func gpt2() throws -> TokenizerPipeline? {
    guard let encoder = sharedData("tokenizers/gpt2/encoder.json"),
      let merges = sharedData("tokenizers/gpt2/vocab.bpe")
    else { return nil }
    return try ByteLevelBPE.load(encoder: encoder, merges: merges)
  }

  @Test func gpt2MatchesTheCasesOfLlamaCpp() throws {
    guard let t = try gpt2(), let inputs = sharedData("tokenizers/gpt2/cases.inp"),
      let outputs = sharedData("tokenizers/gpt2/cases.out")
    else { return }
    #expect(t.vocabSize == 50257)
    #expect(t.eos == 50256)
    var texts = try String(contentsOfFile: inputs, encoding: .utf8).components(
      separatedBy: "\n__ggml_vocab_test__\n")
    if texts.last == "" { texts.removeLast() }
    var lines = try String(contentsOfFile: outputs, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false)
    if lines.count == texts.count + 1 { lines.removeLast() }
    #expect(texts.count >= 46 && lines.count == texts.count)
    for (text, line) in zip(texts, lines) {
      let expected = line.split(separator: " ").compactMap { Int($0) }
      let ids = try t.encode(text)
      #expect(ids == expected, "\(text.debugDescription)")
      #expect(try t.decode(ids) == text)
    }
    let forged = try t.encode("<|endoftext|>")
    #expect(!forged.contains(50256))
    #expect(
      try t.encode("Hello<|endoftext|> world", EncodeOptions(splitSpecialTokens: false)) == [
        15496, 50256, 995,
      ])
    var random = Philox(seed: 2, stream: "gpt2 bytes")
    for _ in 0..<200 {
      let raw = (0..<random.below(300)).map { _ in UInt8(random.below(256)) }
      #expect(try t.decodeBytes(t.encode(bytes: raw)) == raw)
    }
  }

  @Test func heapMergesAsThePlainLoopDoes() throws {
    var random = Philox(seed: 3, stream: "merges")
    for _ in 0..<200 {
      var merges = TokenMerges()
      for rank in 0..<20 {
        _ = merges.add(
          Int32(random.below(8 + rank)), Int32(random.below(8 + rank)),
          TokenMerges.Merge(rank: Int32(random.below(8)), token: Int32(8 + rank)))
      }
      var plain = (0..<random.below(120)).map { _ in Int32(random.below(8)) }
      var fast = plain
      merges.applyPlainly(to: &plain)
      if fast.count > 1 { try merges.applyWithHeap(to: &fast) }
      #expect(plain == fast)
    }
  }

  // MARK: training

  @Test func trainingLearnsTheFrequentPairsFirst() throws {
    let t = try ByteLevelBPE.train(
      texts: ["low low low lower", "newest newest newest newest"], vocabSize: 300,
      specials: ["<pad>", "<bos>", "<eos>", "<sep>"])
    #expect(t.specials == [0, 1, 2, 3])
    #expect([t.pad, t.bos, t.eos] == [0, 1, 2])
    // Counts by hand: "we" is in 4 x newest and 1 x lower; w e = 5, then e s, lo and st follow.
    #expect(try t.name(of: 260) == "we")
    #expect(try t.decode(t.encode("lower newest <bos>")) == "lower newest <bos>")
    let forged = try t.encode("<bos><eos>")
    #expect(forged.allSatisfy { $0 > 3 })
  }

  @Test func trainingIsDeterministicAndSavedWhole() throws {
    let texts = (0..<50).map { "the cat \($0) sat on the mat, the dog's \($0 * 7) bones; äöü 🦙🦙" }
    let a = try ByteLevelBPE.train(texts: texts, vocabSize: 400, specials: ["<pad>"])
    let b = try ByteLevelBPE.train(texts: texts, vocabSize: 400, specials: ["<pad>"])
    #expect(try a.json().encoded() == b.json().encoded())
    try withTemporaryFolder { folder in
      try a.save(to: folder + "/t.json")
      let c = try TokenizerPipeline.load(folder + "/t.json")
      #expect(try a.json().encoded() == c.json().encoded())
      #expect(c.pad == 0)
      for text in texts {
        let ids = try a.encode(text)
        #expect(try c.encode(text) == ids)
        #expect(try c.decode(ids) == text)
      }
    }
  }

  @Test func trainingFollowsTheSlowReference() throws {
    var random = Philox(seed: 4, stream: "train")
    for _ in 0..<20 {
      let texts = (0..<5).map { _ in
        String(decoding: (0..<60).map { _ in Array("aab bcc".utf8)[random.below(7)] }, as: UTF8.self)
      }
      let t = try ByteLevelBPE.train(texts: texts, vocabSize: 280)
      let bpe = try #require(t.model as? BPEModel)
      #expect(bpe.mergeList.map { [$0.left, $0.right] } == (try slowMerges(texts, 280)))
    }
  }

  @Test func trainingRefusesTooSmallAVocabulary() {
    expectFailure("vocabulary of 100", "expected 257..") {
      _ = try ByteLevelBPE.train(texts: [], vocabSize: 100, specials: ["<pad>"])
    }
    expectFailure("control token 'a' is an ordinary token") {
      _ = try ByteLevelBPE.train(texts: [], vocabSize: 300, specials: ["a"])
    }
    expectFailure("same id or name") {
      _ = try ByteLevelBPE.train(texts: [], vocabSize: 300, specials: ["<a>", "<a>"])
    }
  }

  @Test func trainingOnMegabytesTakesSeconds() throws {
    guard let path = sharedData("hh-rlhf/harmless-base/test.jsonl.gz") else { return }
    var texts: [String] = []
    var bytes = 0
    try JSONLines.forEach(path) { _, value in
      if bytes < 2_000_000, let text = value["chosen"]?.text {
        texts.append(text)
        bytes += text.utf8.count
      }
    }
    let t = try ByteLevelBPE.train(texts: texts, vocabSize: 2048, specials: ["<pad>", "<bos>", "<eos>"])
    let ids = try texts.reduce(0) { try $0 + t.encode($1).count }
    #expect(t.vocabSize == 2048)
    #expect(ids < bytes / 3, "\(ids) ids of \(bytes) bytes")
  }
}

/// llama2.c's encoder as its source reads: look up, fall back to bytes, then merge the best pair until none
/// is left.
private struct LlamaReference {
  var pieces: [[UInt8]] = []
  var scores: [Float] = []

  init(_ file: [UInt8]) {
    var i = 4
    while i < file.count {
      scores.append(file[i..<i + 4].withUnsafeBytes { $0.loadUnaligned(as: Float.self) })
      let count = Int(file[i + 4])
      pieces.append(Array(file[i + 8..<i + 8 + count]))
      i += 8 + count
    }
  }

  func find(_ piece: [UInt8]) -> Int? { pieces.firstIndex(of: piece) }

  func encode(_ text: [UInt8]) -> [Int] {
    if text.isEmpty { return [] }
    var ids = [find([32])].compactMap { $0 }
    var buffer: [UInt8] = []
    for (i, byte) in text.enumerated() {
      if byte & 0xC0 != 0x80 { buffer = [] }
      buffer.append(byte)
      if i + 1 < text.count && text[i + 1] & 0xC0 == 0x80 && buffer.count < 4 { continue }
      if let id = find(buffer) { ids.append(id) } else { ids += buffer.map { Int($0) + 3 } }
      buffer = []
    }
    while true {
      var best: (score: Float, id: Int, at: Int)?
      for i in ids.indices.dropLast() {
        if let id = find(pieces[ids[i]] + pieces[ids[i + 1]]), scores[id] > best?.score ?? -1e10 {
          best = (scores[id], id, i)
        }
      }
      guard let best else { return ids }
      ids[best.at] = best.id
      ids.remove(at: best.at + 1)
    }
  }
}

/// Counts everything again at each merge.
private func slowMerges(_ texts: [String], _ vocabSize: Int) throws -> [[Int32]] {
  var words: [[Int32]] = []
  let pattern = try NSRegularExpression(pattern: PreTokenizer.gpt2Pattern)
  for text in texts {
    for match in pattern.matches(in: text, range: NSRange(location: 0, length: text.utf16.count)) {
      words.append((text as NSString).substring(with: match.range).utf8.map { Int32($0) })
    }
  }
  var spelled = (0..<256).map { [UInt8($0)] }
  var merges: [[Int32]] = []
  while spelled.count < vocabSize {
    var counts: [[Int32]: Int] = [:]
    for word in words {
      for i in word.indices.dropFirst() { counts[[word[i - 1], word[i]], default: 0] += 1 }
    }
    let best = counts.filter { $0.value > 1 }.min {
      ($1.value, $0.key[0], $0.key[1]) < ($0.value, $1.key[0], $1.key[1])
    }
    guard let pair = best?.key else { break }
    let bytes = spelled[Int(pair[0])] + spelled[Int(pair[1])]
    let token = Int32(spelled.firstIndex(of: bytes) ?? spelled.count)
    if token == spelled.count { spelled.append(bytes) }
    if !merges.contains(pair) { merges.append(pair) }
    for w in words.indices {
      var i = 0
      while i + 1 < words[w].count {
        if words[w][i] == pair[0] && words[w][i + 1] == pair[1] {
          words[w][i] = token
          words[w].remove(at: i + 1)
        }
        i += 1
      }
    }
  }
  return merges
}
