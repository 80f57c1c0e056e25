/// The tokenizer inside a GGUF file.
///
/// The file holds the vocabulary, the kind of each token, and merges or scores; how text is normalised and cut
/// is only named (`tokenizer.ggml.model`, `tokenizer.ggml.pre`), and what a name means is llama.cpp's
/// (`src/llama-vocab.cpp`). A name that is not known here is refused: another cut would give other ids.
import Base

extension TokenizerPipeline {
  /// The kinds of tokens, by their numbers in `tokenizer.ggml.token_type`.
  private enum Kind: Int {
    case normal = 1, unknown, control, user, unused, byte
  }

  /// What the keys of a file are called.
  private enum Key {
    static let model = "tokenizer.ggml.model"
    static let cut = "tokenizer.ggml.pre"
    static let tokens = "tokenizer.ggml.tokens"
    static let kinds = "tokenizer.ggml.token_type"
    static let merges = "tokenizer.ggml.merges"
    static let scores = "tokenizer.ggml.scores"
    static let bos = "tokenizer.ggml.bos_token_id"
    static let eos = "tokenizer.ggml.eos_token_id"
    static let pad = "tokenizer.ggml.padding_token_id"
    static let addsBOS = "tokenizer.ggml.add_bos_token"
    static let addsEOS = "tokenizer.ggml.add_eos_token"
    static let addsSpace = "tokenizer.ggml.add_space_prefix"
  }

  /// Reads the tokenizer of a GGUF file, with or without weights.
  ///
  ///     let tokenizer = try TokenizerPipeline(gguf: GGUFFile(ByteSource(path: "model.gguf")))
  public init(gguf file: GGUFFile) throws {
    guard let model = try file.text(Key.model) else {
      throw Failure(.format, "\(file.source.name): no key '\(Key.model)': the file holds no tokenizer")
    }
    let tokens = try Self.tokens(file)
    let kinds = try Self.kinds(file, count: tokens.count)
    let isSentencePiece = model == "llama"
    var parts: TokenizerParts
    switch model {
    case "gpt2": parts = try Self.byteLevel(file, tokens)
    case "llama": parts = try Self.sentencePiece(file, tokens, kinds)
    default:
      throw file.failure(
        Key.model, "is '\(Quoted.name(model))', which is not read; read are gpt2 (BPE) and llama (SPM)")
    }
    parts.addedTokens = kinds.enumerated().compactMap { id, kind in
      if kind != .control && kind != .user && !(isSentencePiece && kind == .unknown) { return nil }
      var token = AddedToken(id: id, content: String(decoding: tokens[id], as: UTF8.self))
      token.special = kind != .user
      return token
    }
    func id(_ key: String) throws -> Int? {
      guard let id = try file.integer(key) else { return nil }
      if id < 0 || id >= tokens.count {
        throw file.failure(key, "is \(id), expected 0 to \(tokens.count - 1)")
      }
      return id
    }
    let (bos, eos, pad) = (try id(Key.bos), try id(Key.eos), try id(Key.pad))
    parts.written.postProcessor = Self.template(
      bos: try file.flag(Key.addsBOS) ?? isSentencePiece ? bos : nil,
      eos: try file.flag(Key.addsEOS) ?? false ? eos : nil, tokens)
    try self.init(parts, source: file.source.name)
    (self.bos, self.eos, self.pad) = (bos, eos, pad)
  }

  private static func tokens(_ file: GGUFFile) throws -> [[UInt8]] {
    var tokens: [[UInt8]] = []
    let found = try file.forEachString(Key.tokens) { _, bytes in
      if tokens.count == Limits.vocabularyMax {
        throw file.failure(Key.tokens, "has more than \(Limits.vocabularyMax) tokens")
      }
      if bytes.count > Limits.tokenBytesMax {
        throw file.failure(
          Key.tokens, "has a token of \(bytes.count) bytes; the limit is \(Limits.tokenBytesMax)")
      }
      tokens.append(Array(bytes))
    }
    if !found || tokens.isEmpty {
      throw file.failure(Key.tokens, "is missing or empty: the file holds no tokenizer")
    }
    return tokens
  }

  private static func kinds(_ file: GGUFFile, count: Int) throws -> [Kind] {
    guard let numbers = try file.integers(Key.kinds) else { return [Kind](repeating: .normal, count: count) }
    if numbers.count != count {
      throw file.failure(Key.kinds, "has \(numbers.count) kinds for \(count) tokens")
    }
    return try numbers.enumerated().map { id, number in
      guard let kind = Kind(rawValue: number) else {
        throw file.failure(Key.kinds, "gives token \(id) the kind \(number), expected 1 to 6")
      }
      return kind
    }
  }

  private static func byteLevel(_ file: GGUFFile, _ tokens: [[UInt8]]) throws -> TokenizerParts {
    let cut = try file.text(Key.cut) ?? "default"
    guard let preTokenizer = TokenizerParts.preTokenizer(named: cut) else {
      throw file.failure(Key.cut, "is '\(Quoted.name(cut))', a way to cut text that is not known here")
    }
    if file[Key.merges] == nil { throw file.failure(Key.merges, "is missing") }
    var options = BPEModel.Options()
    // As llama.cpp has it for the vocabularies of Llama 3.
    options.ignoresMerges = ["llama-bpe", "llama3", "llama-v3"].contains(cut)
    var parts = TokenizerParts(
      tokens: tokens,
      model: .bpe(options) { merge in
        _ = try file.forEachString(Key.merges) { number, bytes in
          // A merge of two tokens and a space; the first token is never empty.
          guard let space = bytes.dropFirst().firstIndex(of: 32) else {
            throw file.failure(
              Key.merges, "has a merge, number \(number + 1), that is not two tokens and a space")
          }
          let pair = Array(bytes)
          try merge(pair[..<space], pair[(space + 1)...])
        }
      })
    parts.written.preTokenizer = preTokenizer
    parts.written.decoder = TokenizerParts.byteLevel()
    return parts
  }

  private static func sentencePiece(_ file: GGUFFile, _ tokens: [[UInt8]], _ kinds: [Kind]) throws
    -> TokenizerParts
  {
    guard let scores = try file.numbers(Key.scores), scores.count == tokens.count else {
      throw file.failure(Key.scores, "is missing, or has not one score for each of \(tokens.count) tokens")
    }
    let unknown = kinds.firstIndex(of: .unknown).map { String(decoding: tokens[$0], as: UTF8.self) }
    var parts = TokenizerParts(
      tokens: tokens,
      model: .scoredBPE(scores: scores, unknown: unknown) { kinds[$0] == .normal || kinds[$0] == .user })
    let space: JSONValue = ["String": " "]
    let replaced: JSONValue = ["type": "Replace", "pattern": space, "content": "▁"]
    let addsSpace = try file.flag(Key.addsSpace) ?? true
    parts.written.normalizer =
      addsSpace
      ? ["type": "Sequence", "normalizers": [["type": "Prepend", "prepend": "▁"], replaced]] : replaced
    var steps: [JSONValue] = [
      ["type": "Replace", "pattern": ["String": "▁"], "content": " "], ["type": "ByteFallback"],
      ["type": "Fuse"],
    ]
    if addsSpace { steps.append(["type": "Strip", "content": " ", "start": 1, "stop": 0]) }
    parts.written.decoder = ["type": "Sequence", "decoders": .array(steps)]
    return parts
  }

  /// BOS before and EOS after a text, as a tokenizer.json writes it; null without either.
  private static func template(bos: Int?, eos: Int?, _ tokens: [[UInt8]]) -> JSONValue {
    if bos == nil && eos == nil { return .null }
    func name(_ id: Int) -> JSONValue { .string(String(decoding: tokens[id], as: UTF8.self)) }
    func token(_ id: Int?) -> [JSONValue] {
      id.map { [["SpecialToken": ["id": name($0), "type_id": 0]]] } ?? []
    }
    func text(_ name: String) -> [JSONValue] { [["Sequence": ["id": .string(name), "type_id": 0]]] }
    let named = Set([bos, eos].compactMap { $0 }).sorted().map { id in
      JSONMember(
        String(decoding: tokens[id], as: UTF8.self),
        ["id": name(id), "ids": [.integer(id)], "tokens": [name(id)]])
    }
    let single = token(bos) + text("A") + token(eos)
    return [
      "type": "TemplateProcessing", "single": .array(single),
      "pair": .array(single + token(bos) + text("B") + token(eos)), "special_tokens": .object(named),
    ]
  }
}
