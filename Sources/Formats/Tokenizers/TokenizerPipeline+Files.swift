/// Reads and writes the `tokenizer.json` of Hugging Face's tokenizers.
///
/// The parser reads the vocabulary and the merges in place: a tree of JSON values would take many times their
/// bytes before the first error is found. The other parts are small and become values.
import Base

extension TokenizerPipeline {
  /// Reads a tokenizer.json, the tokenizer inside a GGUF file, or a folder with a tokenizer.json; a
  /// tokenizer_config.json beside it names the control tokens.
  ///
  ///     let tokenizer = try TokenizerPipeline.load("models/SmolLM2-135M-Instruct")
  public static func load(_ path: String) throws -> TokenizerPipeline { try open(path).tokenizer }

  /// Reads a tokenizer as `load` does; a GGUF file that holds it is given too.
  public static func open(_ path: String) throws -> (tokenizer: TokenizerPipeline, gguf: GGUFFile?) {
    let isFolder = FileCalls.isFolder(path)
    let file = isFolder ? path + "/tokenizer.json" : path
    let source = try ByteSource(path: file)
    if try GGUFFile.recognises(source) {
      let gguf = try GGUFFile(source)
      return (try TokenizerPipeline(gguf: gguf), gguf)
    }
    var tokenizer = try TokenizerPipeline(json: try source.all(limit: Limits.tokenizerBytesMax), name: file)
    if isFolder { try tokenizer.readNames(path + "/tokenizer_config.json") }
    return (tokenizer, nil)
  }

  /// Reads the bytes of such a file.
  public init(json bytes: [UInt8], name source: String = "tokenizer.json") throws {
    self = try bytes.withUnsafeBufferPointer { bytes in
      try TokenizerPipeline(try TokenizerParts(reading: bytes, source), source: source)
    }
  }

  /// BOS, EOS and padding from a tokenizer_config.json, if it is there: strings, or objects with `content`.
  private mutating func readNames(_ path: String) throws {
    if access(path, F_OK) != 0 { return }
    let config = try JSONValue.load(path)
    func id(_ key: String, _ otherwise: Int?) throws -> Int? {
      guard let value = config[key] else { return otherwise }
      if value == .null { return nil }
      let part = Part(value, path: "\(path): \(key)")
      guard let name = value.text ?? value["content"]?.text else { throw part.expected("a token") }
      guard let id = self.id(named: name) else {
        throw part.failure("'\(Quoted.name(name))' is not a token of the tokenizer")
      }
      return id
    }
    bos = try id("bos_token", bos)
    eos = try id("eos_token", eos)
    pad = try id("pad_token", pad)
  }

  /// This tokenizer as one JSON value.
  public func json() -> JSONValue {
    let modelNames = modelTokens == names.count ? names : TokenTable((0..<modelTokens).map { names[$0] })
    return [
      "version": "1.0", "truncation": .null, "padding": .null,
      "added_tokens": .array(addedTokens.map(\.json)), "normalizer": written.normalizer,
      "pre_tokenizer": written.preTokenizer, "post_processor": written.postProcessor,
      "decoder": written.decoder, "model": model.json(names: modelNames),
    ]
  }

  /// Writes one JSON file that `load` reads back to the same tokenizer.
  ///
  ///     try tokenizer.save(to: "tokenizer.json")
  public func save(to path: String) throws {
    if (model as? BPEModel)?.bytesComeLast == true {
      throw Failure(
        .state,
        "a tokenizer that merges by score, as SentencePiece in a GGUF file, has no merges for a tokenizer.json: "
          + "keep the GGUF file")
    }
    try json().save(to: path)
  }
}

extension TokenizerParts {
  init(reading bytes: UnsafeBufferPointer<UInt8>, _ source: String) throws {
    var parser = try JSONParser.checked(bytes, name: source)
    var root = try parser.members(depth: 0)
    guard var model = try root["model"]?.members(depth: 1) else {
      throw Failure(.format, "\(source): the key 'model' is missing")
    }
    var written = Written()
    written.normalizer = try Self.part(&root, "normalizer", source)
    written.preTokenizer = try Self.part(&root, "pre_tokenizer", source)
    written.postProcessor = try Self.part(&root, "post_processor", source)
    written.decoder = try Self.part(&root, "decoder", source)
    // Truncation and padding of a file are settings of its last use: text is never cut silently here.
    let added = try Self.addedTokens(&root, source)
    let type = try Self.type(of: &model, source)
    switch type {
    case "BPE": self = try Self.bpe(&model, source)
    case "Unigram": self = try Self.unigram(&model, source)
    case "WordPiece": self = try Self.wordPiece(&model, source)
    default:
      throw Failure(
        .format,
        "\(source): model: the model '\(Quoted.name(type))' is not supported, expected BPE, Unigram or WordPiece"
      )
    }
    self.written = written
    addedTokens = added
  }

  /// A small part as a value; null where it is missing.
  private static func part(
    _ members: inout [String: JSONParser], _ name: String, _ source: String
  ) throws -> JSONValue {
    guard var parser = members[name] else { return .null }
    var end = parser
    var values = 0
    try count(&end, depth: 1, &values)
    if values > Limits.tokenizerPartValuesMax || end.position - parser.position > Limits.tokenizerPartBytesMax
    {
      throw Failure(.format, "\(source): \(name) is too long to be a known one")
    }
    return try parser.value(depth: 1)
  }

  /// Counts the values of a value, and moves past it.
  private static func count(_ parser: inout JSONParser, depth: Int, _ values: inout Int) throws {
    values += 1
    switch try parser.kind() {
    case .object:
      try parser.object(depth: depth) { parser, _ in try count(&parser, depth: depth + 1, &values) }
    case .array: try parser.array(depth: depth) { parser in try count(&parser, depth: depth + 1, &values) }
    default: try parser.skipValue(depth: depth)
    }
  }

  private static func addedTokens(_ root: inout [String: JSONParser], _ source: String) throws -> [AddedToken]
  {
    guard var parser = root["added_tokens"], try parser.kind() != .null else { return [] }
    var added: [AddedToken] = []
    try parser.array(depth: 1) { parser in
      if added.count == Limits.vocabularyMax {
        throw Failure(.format, "\(source): added_tokens: more than \(Limits.vocabularyMax)")
      }
      var members: [String: JSONParser] = ["token": parser]
      let value = try part(&members, "token", "\(source): added_tokens[\(added.count)]")
      added.append(try AddedToken(Part(value, path: "\(source): added_tokens[\(added.count)]")))
      try parser.skipValue(depth: 2)
    }
    return added
  }

  /// The model's `type`; older files have none, and tell by their keys.
  private static func type(of model: inout [String: JSONParser], _ source: String) throws -> String {
    if let type = try part(&model, "type", "\(source): model").text { return type }
    if model["merges"] != nil { return "BPE" }
    return model["unk_id"] != nil ? "Unigram" : "WordPiece"
  }

  // MARK: models

  /// The settings of a model, without its lists.
  private static func settings(
    _ model: inout [String: JSONParser], _ names: [String], _ source: String
  ) throws -> Part {
    let members = try names.compactMap { name -> JSONMember? in
      model[name] == nil ? nil : JSONMember(name, try part(&model, name, "\(source): model"))
    }
    return Part(.object(members), path: "\(source): model")
  }

  private static func bpe(_ model: inout [String: JSONParser], _ source: String) throws -> TokenizerParts {
    let settings = try settings(
      &model,
      [
        "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
        "byte_fallback",
        "ignore_merges",
      ], source)
    func text(_ key: String) throws -> String? {
      settings.value[key] == nil || settings.value[key] == .null ? nil : try settings.text(key)
    }
    if let dropout = settings.value["dropout"], dropout != .null, dropout.double != 0 {
      throw settings.failure("dropout is not supported: ids would be random; set it to null")
    }
    var options = BPEModel.Options()
    options.unknown = try text("unk_token")
    options.continuingPrefix = try text("continuing_subword_prefix") ?? ""
    options.wordSuffix = try text("end_of_word_suffix") ?? ""
    options.fusesUnknown = try settings.flag("fuse_unk", otherwise: false)
    options.byteFallback = try settings.flag("byte_fallback", otherwise: false)
    options.ignoresMerges = try settings.flag("ignore_merges", otherwise: false)
    let names = try vocabulary(&model, source)
    guard let list = model["merges"] else { throw settings.failure("the key 'merges' is missing") }
    return TokenizerParts(
      tokens: names,
      model: .bpe(options) { merge in
        var list = list
        var joined: [UInt8] = []
        try list.array(depth: 2) { parser in
          joined.removeAll(keepingCapacity: true)
          var cut: Int?
          if try parser.kind() == .array {
            var count = 0
            try parser.array(depth: 3) { parser in
              count += 1
              if count > 2 { throw parser.failure("a merge is of two tokens") }
              if count == 2 { cut = joined.count }
              joined.append(contentsOf: try parser.string().utf8)
            }
          } else {
            joined.append(contentsOf: try parser.string().utf8)
            cut = joined.firstIndex(of: 32)
            if let at = cut, joined[at...].dropFirst().contains(32) { cut = nil }
            if let at = cut { joined.remove(at: at) }
          }
          guard let cut else { throw parser.failure("a merge is of two tokens") }
          try merge(joined[..<cut], joined[cut...])
        }
      })
  }

  private static func wordPiece(_ model: inout [String: JSONParser], _ source: String) throws
    -> TokenizerParts
  {
    let settings = try settings(
      &model, ["unk_token", "continuing_subword_prefix", "max_input_chars_per_word"], source)
    return TokenizerParts(
      tokens: try vocabulary(&model, source),
      model: .wordPiece(
        unknown: try settings.text("unk_token"),
        continuingPrefix: try settings.text("continuing_subword_prefix"),
        charactersMax: try settings.count("max_input_chars_per_word")))
  }

  private static func unigram(_ model: inout [String: JSONParser], _ source: String) throws
    -> TokenizerParts
  {
    let settings = try settings(&model, ["unk_id", "byte_fallback"], source)
    guard var list = model["vocab"] else { throw settings.failure("the key 'vocab' is missing") }
    var tokens: [[UInt8]] = []
    var scores: [Double] = []
    try list.array(depth: 2) { parser in
      if tokens.count == Limits.vocabularyMax {
        throw settings.failure("vocab: more than \(Limits.vocabularyMax) tokens")
      }
      var count = 0
      try parser.array(depth: 3) { parser in
        count += 1
        if count == 1 {
          tokens.append(Array(try parser.string().utf8))
        } else if count == 2, try parser.kind() == .scalar, let score = try parser.value(depth: 4).double {
          scores.append(score)
        } else {
          throw parser.failure("an entry of vocab is a token and its score")
        }
      }
      if count != 2 { throw parser.failure("an entry of vocab is a token and its score") }
    }
    let hasUnknown = settings.value["unk_id"] != nil && settings.value["unk_id"] != .null
    return TokenizerParts(
      tokens: TokenTable(tokens),
      model: .unigram(
        scores: scores, unknown: hasUnknown ? try settings.count("unk_id") : nil,
        byteFallback: try settings.flag("byte_fallback", otherwise: false)))
  }

  private static func vocabulary(_ model: inout [String: JSONParser], _ source: String) throws -> TokenTable {
    guard var parser = model["vocab"] else {
      throw Failure(.format, "\(source): model: the key 'vocab' is missing")
    }
    return try vocabulary(&parser, depth: 2, source: "\(source): model.vocab")
  }

  /// The tokens of an object of ids, by id; ids must be 0..<count, each once.
  static func vocabulary(_ parser: inout JSONParser, depth: Int, source: String) throws -> TokenTable {
    func failure(_ problem: String) -> Failure { Failure(.format, "\(source): \(problem)") }
    var counter = parser
    var count = 0
    try counter.object(depth: depth) { parser, _ in
      _ = try parser.count("an id")
      count += 1
    }
    if count > Limits.vocabularyMax {
      throw failure("\(count) tokens, more than the limit of \(Limits.vocabularyMax)")
    }
    var names = [ArraySlice<UInt8>](repeating: [], count: count)
    var taken = [Bool](repeating: false, count: count)
    try parser.object(depth: depth) { parser, key in
      let name = parser.text(key)
      let id = try parser.count("an id")
      if id >= count { throw failure("\(count) tokens, but '\(Quoted.name(name))' has the id \(id)") }
      if taken[id] {
        let other = Quoted.name(String(decoding: names[id], as: UTF8.self))
        throw failure("'\(other)' and '\(Quoted.name(name))' both have the id \(id)")
      }
      names[id] = Array(name.utf8)[...]
      taken[id] = true
    }
    return TokenTable(names)
  }
}
