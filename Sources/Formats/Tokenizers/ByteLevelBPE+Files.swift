/// Reads the vocabulary files of byte-level BPE: GPT-2's pair of files, or one JSON file.
///
/// The one file is the `tokenizer.json` of Hugging Face's tokenizers: what is trained here opens there, and a
/// file from there opens here if it splits and merges as GPT-2 does; a file with other parts is refused by
/// name. The parser reads files in place: a tree of JSON values would take many times their bytes before the
/// first error is found.
import Base

extension ByteLevelBPE {
  /// Reads GPT-2's `encoder.json` and `vocab.bpe`.
  ///
  ///     let gpt2 = try ByteLevelBPE.load(encoder: "encoder.json", merges: "vocab.bpe")
  ///     gpt2.vocabSize      // 50257
  public static func load(
    encoder: String, merges: String, specials: [String] = ["<|endoftext|>"]
  ) throws -> ByteLevelBPE {
    let vocabulary = try ByteSource(path: encoder).all(limit: Limits.tokenizerBytesMax)
    return try ByteLevelBPE(
      encoder: vocabulary, merges: LineReader(path: merges), specials: specials, source: encoder)
  }

  init(encoder: [UInt8], merges lines: LineReader, specials: [String], source: String) throws {
    let names = try encoder.withUnsafeBufferPointer {
      var parser = try JSONParser.checked($0, name: source)
      return try Self.names(&parser, depth: 0, [:], source)
    }
    let wanted = Set(specials.map { Array($0.utf8) })
    let ids = names.indices.filter { wanted.contains(Array(names[$0].utf8)) }
    try self.init(names: names, specials: ids, digitsAlone: false, source: source) { merge in
      while true {
        let more = try lines.next { line in
          let parts = line.filter { $0 != 13 }.split(separator: 32, maxSplits: 2).map {
            String(decoding: $0, as: UTF8.self)
          }
          if parts.isEmpty || (lines.line == 1 && parts[0].hasPrefix("#version")) { return }
          if parts.count != 2 {
            throw Failure(.format, "\(lines.name): line \(lines.line) is not two tokens and a space")
          }
          try merge(parts[0], parts[1])
        }
        if !more { return }
      }
    }
  }

  /// Reads one JSON file, written by `save` or by Hugging Face's tokenizers.
  ///
  ///     let tokenizer = try ByteLevelBPE.load("tokenizer.json")
  public static func load(_ path: String) throws -> ByteLevelBPE {
    try ByteLevelBPE(json: try ByteSource(path: path).all(limit: Limits.tokenizerBytesMax), name: path)
  }

  /// Reads the bytes of such a file.
  public init(json bytes: [UInt8], name source: String = "tokenizer.json") throws {
    self = try bytes.withUnsafeBufferPointer { try Self.read($0, source) }
  }

  private static func read(_ bytes: UnsafeBufferPointer<UInt8>, _ source: String) throws -> ByteLevelBPE {
    func failure(_ problem: String) -> Failure { Failure(.format, "\(source): \(problem)") }
    var parser = try JSONParser.checked(bytes, name: source)
    var root = try parser.members(depth: 0)
    guard var model = try root["model"]?.members(depth: 1) else { throw failure("no model") }
    let type = try model["type"]?.string()
    if let type, type != "BPE" { throw failure("the model is \(Quoted.name(type)), expected BPE") }
    guard var vocabulary = model["vocab"] else { throw failure("the model has no vocab") }
    guard var merges = model["merges"] else { throw failure("the model has no merges") }
    try refuseUnknownParts(root, model, failure)
    var added: [Int: String] = [:]
    try root["added_tokens"]?.array(depth: 1) { parser in
      if added.count == Limits.vocabularyMax { throw failure("too many added tokens") }
      var token = try parser.members(depth: 2)
      guard let id = try token["id"]?.count("an id"), let content = try token["content"]?.string() else {
        throw failure("an added token without id or content")
      }
      if try token["special"]?.value(depth: 3) == false {
        throw failure(
          "added token '\(Quoted.name(content))' is not special (it is matched in text), which is not "
            + "supported"
        )
      }
      if added.updateValue(content, forKey: id) != nil { throw failure("two added tokens have the id \(id)") }
    }
    guard var splitter = root["pre_tokenizer"] else { throw failure("no pre_tokenizer, expected ByteLevel") }
    let digits = try digitsAlone(&splitter, failure)
    return try ByteLevelBPE(
      names: try names(&vocabulary, depth: 2, added, source), specials: added.keys.sorted(),
      digitsAlone: digits,
      source: source
    ) { merge in
      try merges.array(depth: 2) { parser in
        var pair: [String] = []
        if try parser.peek("a merge") == UInt8(ascii: "[") {
          try parser.array(depth: 3) { parser in
            if pair.count == 2 { throw parser.failure("a merge is of two tokens") }
            pair.append(try parser.string())
          }
        } else {
          pair = try parser.string().split(separator: " ", maxSplits: 2).map(String.init)
        }
        if pair.count != 2 { throw parser.failure("a merge is of two tokens") }
        try merge(pair[0], pair[1])
      }
    }
  }

  /// Tokens by id; ids must be 0..<count, each once. `added` tokens may be in the vocabulary too.
  private static func names(
    _ parser: inout JSONParser, depth: Int, _ added: [Int: String], _ source: String
  ) throws -> [String] {
    func failure(_ problem: String) -> Failure { Failure(.format, "\(source): \(problem)") }
    var counter = parser
    var count = 0
    try counter.object(depth: depth) { parser, key in
      count += 1
      let text = parser.text(key)
      let id = try parser.count("the id of '\(Quoted.name(text))'")
      if let other = added[id], other.utf8.elementsEqual(text.utf8) { count -= 1 }
    }
    count += added.count
    if count > Limits.vocabularyMax {
      throw failure("\(count) tokens, more than the limit of \(Limits.vocabularyMax)")
    }
    var names = [String](repeating: "", count: count)
    var taken = [Bool](repeating: false, count: count)
    for (id, content) in added {
      if id >= count { throw failure("\(count) tokens, but '\(Quoted.name(content))' has the id \(id)") }
      names[id] = content
      taken[id] = true
    }
    try parser.object(depth: depth) { parser, key in
      let text = parser.text(key)
      let id = try parser.count("an id")
      if let other = added[id], other.utf8.elementsEqual(text.utf8) { return }
      if id >= count { throw failure("\(count) tokens, but '\(Quoted.name(text))' has the id \(id)") }
      if taken[id] {
        throw failure("'\(Quoted.name(names[id]))' and '\(Quoted.name(text))' both have the id \(id)")
      }
      names[id] = text
      taken[id] = true
    }
    return names
  }

  /// Whether single digits are split off before GPT-2's splitting; other pre-tokenizers are refused.
  private static func digitsAlone(_ parser: inout JSONParser, _ failure: (String) -> Failure) throws -> Bool {
    let start = parser.position
    var end = parser
    try end.skipValue(depth: 1)
    if end.position - start > 10_000 { throw failure("the pre_tokenizer is too long to be a known one") }
    let splitter = try parser.value(depth: 1)
    let steps = splitter["pretokenizers"]?.elements ?? [splitter]
    guard let last = steps.last, last["type"] == "ByteLevel" else {
      throw failure("the pre_tokenizer is \(steps.last?["type"]?.text ?? "unknown"), expected ByteLevel")
    }
    if last["add_prefix_space"] == true || last["use_regex"] == false {
      throw failure("ByteLevel with options not supported")
    }
    switch steps.count {
    case 1: return false
    case 2 where steps[0]["type"] == "Digits" && steps[0]["individual_digits"] == true: return true
    default: throw failure("a pre_tokenizer of \(steps.count) steps is not supported")
    }
  }
}
