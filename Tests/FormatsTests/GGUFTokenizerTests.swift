/// Tokenizers inside GGUF files.
///
/// Tests/Golden/gguf/vocab has small ones with the ids that Hugging Face's tokenizers 0.23.3 gives for 107 texts
/// (scripts/golden/gguf_tokenizers.py). llama.cpp's own vocabularies and their vectors are read from the folder
/// that PERILUNE_GGUF_VOCABS names: models/ of llama.cpp, or of the sdist of PyPI's llama-cpp-python 0.3.36.
import Base
import Foundation
import Testing

@testable import Formats

@Suite struct GGUFTokenizerTests {
  private static let cases = (try? JSONValue.load(goldenPath("gguf/vocab/cases.json"))) ?? .null
  private static let names = cases["results"]?.members?.map(\.key) ?? []
  private static let matching = EncodeOptions(addSpecialTokens: false, splitSpecialTokens: false)

  private static func tokenizer(_ path: String) throws -> TokenizerPipeline {
    try TokenizerPipeline(gguf: GGUFFile(ByteSource(path: path)))
  }

  @Test func everyFamilyHasCases() { #expect(Self.names.count == 6) }

  @Test(arguments: names)
  func idsAndTextAreThoseOfTokenizers(_ name: String) throws {
    let tokenizer = try Self.tokenizer(goldenPath("gguf/vocab/\(name).gguf"))
    let texts = try #require(Self.cases["texts"]?.elements).compactMap(\.text)
    let ids = try #require(Self.cases["results"]?[name]?["ids"]?.elements)
    let decoded = try #require(Self.cases["results"]?[name]?["decoded"]?.elements)
    #expect(texts.count == 107 && ids.count == texts.count && decoded.count == texts.count)
    for (i, text) in texts.enumerated() {
      let expected = (ids[i].elements ?? []).compactMap(\.int)
      let got = try tokenizer.encode(bytes: Array(text.utf8), Self.matching)
      #expect(got == expected, "\(name): \(text.debugDescription)")
      #expect(try tokenizer.decode(expected) == decoded[i].text, "\(name): \(text.debugDescription)")
    }
  }

  @Test func controlTokensAreThoseOfTheFile() throws {
    let chat = try Self.tokenizer(goldenPath("gguf/vocab/smollm.gguf"))
    #expect(chat.bos == chat.id(named: "<|im_start|>") && chat.eos == chat.id(named: "<|im_end|>"))
    let eos = try #require(chat.eos)
    #expect(try !chat.encode("<|im_end|>").contains(eos))
    let spm = try Self.tokenizer(goldenPath("gguf/vocab/llama-spm.gguf"))
    let options = EncodeOptions(addSpecialTokens: true, splitSpecialTokens: true)
    #expect(try spm.encode(bytes: Array("a".utf8), options).first == 1)
  }

  @Test(arguments: ["gpt-2", "starcoder", "llama-bpe", "qwen2", "qwen35", "llama-spm"])
  func idsAreThoseOfLlamaCpp(_ name: String) throws {
    guard let folder = ProcessInfo.processInfo.environment["PERILUNE_GGUF_VOCABS"] else {
      return print("skipped: PERILUNE_GGUF_VOCABS names no folder of llama.cpp's vocabularies")
    }
    let path = "\(folder)/ggml-vocab-\(name).gguf"
    let tokenizer = try Self.tokenizer(path)
    let texts = try String(contentsOfFile: path + ".inp", encoding: .utf8)
      .components(separatedBy: "\n__ggml_vocab_test__\n")
    let lines = try String(contentsOfFile: path + ".out", encoding: .utf8).components(separatedBy: "\n")
    #expect(texts.count >= 46 && lines.count >= texts.count)
    for (text, line) in zip(texts, lines) {
      let expected = line.split(separator: " ").compactMap { Int($0) }
      #expect(
        try tokenizer.encode(bytes: Array(text.utf8), Self.matching) == expected,
        "\(name): \(text.debugDescription)")
    }
  }

  @Test func faultsAreNamed() {
    func refuse(_ words: String, _ change: (inout MadeGGUF) -> Void) {
      expectFailure("x.gguf", words) {
        var made = MadeGGUF()
        change(&made)
        _ = try TokenizerPipeline(gguf: GGUFFile(ByteSource(made.bytes(), name: "x.gguf")))
      }
    }
    func start(_ model: String, _ made: inout MadeGGUF) {
      made.add("tokenizer.ggml.model", 8, string(model))
      made.add("tokenizer.ggml.tokens", 9, u32(8) + u64(2) + string("a") + string("b"))
    }
    refuse("no key 'tokenizer.ggml.model'") { _ in }
    refuse("key 'tokenizer.ggml.model' is 'bert', which is not read") { start("bert", &$0) }
    refuse("key 'tokenizer.ggml.tokens' is missing") { $0.add("tokenizer.ggml.model", 8, string("gpt2")) }
    refuse("key 'tokenizer.ggml.merges' is missing") { start("gpt2", &$0) }
    refuse("key 'tokenizer.ggml.scores' is missing") { start("llama", &$0) }
    refuse("key 'tokenizer.ggml.pre' is 'chatglm', a way to cut text that is not known") {
      start("gpt2", &$0)
      $0.add("tokenizer.ggml.pre", 8, string("chatglm"))
    }
    refuse("key 'tokenizer.ggml.token_type' has 1 kinds for 2 tokens") {
      start("gpt2", &$0)
      $0.add("tokenizer.ggml.token_type", 9, u32(5) + u64(1) + u32(1))
    }
    refuse("gives token 1 the kind 9") {
      start("gpt2", &$0)
      $0.add("tokenizer.ggml.token_type", 9, u32(5) + u64(2) + u32(1) + u32(9))
    }
    refuse("key 'tokenizer.ggml.merges' has a merge, number 1, that is not two tokens") {
      start("gpt2", &$0)
      $0.add("tokenizer.ggml.merges", 9, u32(8) + u64(1) + string("ab"))
    }
    refuse("key 'tokenizer.ggml.eos_token_id' is 7, expected 0 to 1") {
      start("gpt2", &$0)
      $0.add("tokenizer.ggml.merges", 9, u32(8) + u64(0))
      $0.add("tokenizer.ggml.eos_token_id", 4, u32(7))
    }
  }
}
