/// Vocabulary files of byte-level BPE: GPT-2's pair of files, and one JSON file.
///
/// The one file is the `tokenizer.json` of Hugging Face's tokenizers, so that what is trained here opens there and the
/// other way round; of theirs, only models that split and merge as GPT-2 does are taken.
import Base

extension ByteLevelBPE {
  /// Reads GPT-2's `encoder.json` and `vocab.bpe`.
  ///
  ///     let gpt2 = try ByteLevelBPE.load(encoder: "encoder.json", merges: "vocab.bpe")
  ///     gpt2.vocabSize      // 50257
  public static func load(
    encoder: String, merges: String, specials: [String] = ["<|endoftext|>"]
  ) throws -> ByteLevelBPE {
    let vocabulary = try JSONValue(parsing: ByteSource(path: encoder).all(limit: Limits.tokenizerBytesMax), name: encoder)
    let text = try ByteSource(path: merges).all(limit: Limits.tokenizerBytesMax)
    return try ByteLevelBPE(encoder: vocabulary, merges: text, specials: specials, source: encoder, mergeSource: merges)
  }

  init(encoder: JSONValue, merges text: [UInt8], specials: [String], source: String, mergeSource: String) throws {
    let names = try Self.names(encoder, [:], source)
    var pairs: [(String, String)] = []
    for (number, line) in text.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
      let parts = line.filter { $0 != 13 }.split(separator: 32).map { String(decoding: $0, as: UTF8.self) }
      if parts.isEmpty || (number == 0 && parts[0].hasPrefix("#version")) { continue }
      if parts.count != 2 { throw Failure(.format, "\(mergeSource): line \(number + 1) is not two tokens and a space") }
      pairs.append((parts[0], parts[1]))
    }
    let wanted = Set(specials.map(ExactText.init))
    let ids = names.indices.filter { wanted.contains(ExactText(names[$0])) }
    try self.init(names: names, merges: pairs, specials: ids, source: source)
  }

  /// Reads one JSON file, written by `save` or by Hugging Face's tokenizers.
  ///
  ///     let tokenizer = try ByteLevelBPE.load("tokenizer.json")
  public static func load(_ path: String) throws -> ByteLevelBPE {
    try ByteLevelBPE(json: try ByteSource(path: path).all(limit: Limits.tokenizerBytesMax), name: path)
  }

  /// Reads the bytes of such a file.
  public init(json bytes: [UInt8], name source: String = "tokenizer.json") throws {
    func failure(_ problem: String) -> Failure { Failure(.format, "\(source): \(problem)") }
    let root = try JSONValue(parsing: bytes, name: source)
    guard let model = root["model"], let vocabulary = model["vocab"] else { throw failure("no model with a vocab") }
    if let type = model["type"], type != "BPE" { throw failure("the model is \(type.text ?? type.kindName), expected BPE") }
    var added: [Int: String] = [:]
    for token in root["added_tokens"]?.elements ?? [] {
      guard let id = token["id"]?.int, let content = token["content"]?.text else { throw failure("an added token without id or content") }
      added[id] = content
    }
    var pairs: [(String, String)] = []
    guard let merges = model["merges"]?.elements else { throw failure("no merges") }
    for (i, merge) in merges.enumerated() {
      if let both = merge.elements, both.count == 2, let left = both[0].text, let right = both[1].text {
        pairs.append((left, right))
      } else if let parts = merge.text?.split(separator: " "), parts.count == 2 {
        pairs.append((String(parts[0]), String(parts[1])))
      } else {
        throw failure("merge \(i + 1) is not two tokens")
      }
    }
    try self.init(
      names: try Self.names(vocabulary, added, source), merges: pairs, specials: added.keys.sorted(),
      digitsAlone: try Self.digitsAlone(root["pre_tokenizer"], failure), source: source)
  }

  /// Tokens by id; ids must be 0..<count, each once.
  private static func names(_ vocabulary: JSONValue, _ added: [Int: String], _ source: String) throws -> [String] {
    guard let members = vocabulary.members else {
      throw Failure(.format, "\(source): the vocabulary is \(vocabulary.kindName), expected an object of ids")
    }
    var byId: [Int: String] = added
    for (token, value) in members {
      guard let id = value.int else { throw Failure(.format, "\(source): the id of '\(token.prefix(40))' is \(value.kindName)") }
      if let other = byId.updateValue(token, forKey: id), added[id] != token {
        throw Failure(.format, "\(source): '\(other.prefix(40))' and '\(token.prefix(40))' both have the id \(id)")
      }
    }
    return try (0..<byId.count).map { id in
      guard let name = byId[id] else { throw Failure(.format, "\(source): \(byId.count) tokens, but none has the id \(id)") }
      return name
    }
  }

  /// Takes GPT-2's splitting, alone or after single digits; refuses the rest.
  private static func digitsAlone(_ splitter: JSONValue?, _ failure: (String) -> Failure) throws -> Bool {
    guard let splitter, splitter != .null else { throw failure("no pre_tokenizer, expected ByteLevel") }
    let steps = splitter["pretokenizers"]?.elements ?? [splitter]
    guard let last = steps.last, last["type"] == "ByteLevel" else {
      throw failure("the pre_tokenizer is \(steps.last?["type"]?.text ?? "unknown"), expected ByteLevel")
    }
    if last["add_prefix_space"] == true || last["use_regex"] == false { throw failure("ByteLevel with options not supported") }
    switch steps.count {
    case 1: return false
    case 2 where steps[0]["type"] == "Digits" && steps[0]["individual_digits"] == true: return true
    default: throw failure("a pre_tokenizer of \(steps.count) steps is not supported")
    }
  }

  /// This vocabulary as one JSON value.
  public func json() -> JSONValue {
    let added: [JSONValue] = specials.map { id in
      [
        "id": .integer(id), "content": .string(specialNames[id] ?? ""), "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true,
      ]
    }
    let vocabulary = JSONObject(
      tokens.indices.map { (specialNames[$0] ?? ByteAlphabet.printable(tokens[$0]), JSONValue.integer($0)) })
    let merges = mergeList.map { pair -> JSONValue in
      .array([pair.left, pair.right].map { .string(ByteAlphabet.printable(tokens[Int($0)])) })
    }
    let byteLevel: JSONValue = ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true]
    let digits: JSONValue = ["type": "Digits", "individual_digits": true]
    return [
      "version": "1.0", "truncation": .null, "padding": .null, "added_tokens": .array(added), "normalizer": .null,
      "pre_tokenizer": digitsAlone ? ["type": "Sequence", "pretokenizers": [digits, byteLevel]] : byteLevel,
      "post_processor": .null, "decoder": byteLevel,
      "model": [
        "type": "BPE", "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": false, "byte_fallback": false, "vocab": .object(vocabulary),
        "merges": .array(merges),
      ],
    ]
  }

  /// Writes one JSON file that `load` reads back to the same tokenizer.
  ///
  ///     try tokenizer.save(to: "tokenizer.json")
  public func save(to path: String) throws { try json().save(to: path) }
}
