/// Byte-level byte-pair encoding of GPT-2: every text has ids, and decoding gives back every byte.
///
/// The tokenizers are `TokenizerPipeline`s: text is split into words as GPT-2 does, a word starts as its bytes,
/// and adjacent pairs merge in the order in which they were learnt.
import Base

public enum ByteLevelBPE {
  /// A tokenizer of printable tokens (a space is Ġ), merges in order, and which ids are control tokens.
  ///
  /// Every byte must have a token and every merge must make one.
  public static func tokenizer(
    names: [String], merges: [(String, String)], specials: [Int], digitsAlone: Bool = false,
    source: String = "vocabulary"
  ) throws -> TokenizerPipeline {
    try tokenizer(
      tokens: TokenTable(names.map { Array($0.utf8) }), model: .bpe(merges: merges), specials: specials,
      digitsAlone: digitsAlone, source: source)
  }

  static func tokenizer(
    tokens: TokenTable, model: TokenizerParts.Model, specials: [Int], digitsAlone: Bool, source: String
  ) throws -> TokenizerPipeline {
    func failure(_ problem: String) -> Failure { Failure(.format, "\(source): \(problem)") }
    for id in specials where id < 0 || id >= tokens.count {
      throw failure("control token \(id) is not among the \(tokens.count) tokens")
    }
    for byte in UInt8.min...UInt8.max where tokens.id(of: Array(ByteAlphabet.printable([byte]).utf8)) == nil {
      throw failure("no token for the byte \(byte)")
    }
    for id in 0..<tokens.count {
      let name = Quoted.name(String(decoding: tokens[id].prefix(400), as: UTF8.self))
      if tokens[id].isEmpty { throw failure("token \(id) has no name") }
      if let other = tokens.id(of: tokens[id]), Int(other) != id {
        throw failure("tokens \(id) and \(other) are both '\(name)'")
      }
      if tokens[id].count > 2 * Limits.tokenBytesMax {
        throw failure("token \(id) ('\(name)') has more than \(Limits.tokenBytesMax) characters")
      }
    }
    var parts = TokenizerParts(tokens: tokens, model: model)
    parts.written.preTokenizer = TokenizerParts.byteLevel(digitsAlone: digitsAlone)
    parts.written.decoder = TokenizerParts.byteLevel()
    parts.addedTokens = specials.map {
      AddedToken(id: $0, content: String(decoding: tokens[$0], as: UTF8.self))
    }
    return try TokenizerPipeline(parts, source: source)
  }

  /// Reads GPT-2's `encoder.json` and `vocab.bpe`.
  ///
  ///     let gpt2 = try ByteLevelBPE.load(encoder: "encoder.json", merges: "vocab.bpe")
  ///     gpt2.vocabSize      // 50257
  public static func load(
    encoder: String, merges: String, specials: [String] = ["<|endoftext|>"]
  ) throws -> TokenizerPipeline {
    let vocabulary = try ByteSource(path: encoder).all(limit: Limits.tokenizerBytesMax)
    return try tokenizer(
      encoder: vocabulary, merges: LineReader(path: merges), specials: specials, source: encoder)
  }

  static func tokenizer(
    encoder: [UInt8], merges lines: LineReader, specials: [String], source: String
  ) throws -> TokenizerPipeline {
    let tokens = try encoder.withUnsafeBufferPointer {
      var parser = try JSONParser.checked($0, name: source)
      return try TokenizerParts.vocabulary(&parser, depth: 0, source: source)
    }
    let model = TokenizerParts.Model.bpe(.init()) { merge in
      while true {
        let more = try lines.next { line in
          let parts = line.filter { $0 != 13 }.split(separator: 32, maxSplits: 2)
          if parts.isEmpty || (lines.line == 1 && parts[0].starts(with: "#version".utf8)) { return }
          if parts.count != 2 {
            throw Failure(.format, "\(lines.name): line \(lines.line) is not two tokens and a space")
          }
          try merge(parts[0], parts[1])
        }
        if !more { return }
      }
    }
    return try tokenizer(
      tokens: tokens, model: model,
      specials: specials.compactMap { tokens.id(of: Array($0.utf8)).map(Int.init) },
      digitsAlone: false, source: source)
  }
}
