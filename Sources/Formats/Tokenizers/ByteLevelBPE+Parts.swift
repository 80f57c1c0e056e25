/// What a tokenizer.json may hold that byte-level BPE does not do here: refused by name, since leaving it out
/// would give other ids than Hugging Face's tokenizers (0.23.3).
import Base

extension ByteLevelBPE {
  /// Refuses a part of the file that changes ids or text.
  static func refuseUnknownParts(
    _ root: [String: JSONParser], _ model: [String: JSONParser], _ failure: (String) -> Failure
  ) throws {
    for name in ["normalizer", "truncation", "padding"] {
      guard let part = try value(root[name], name, failure), part != .null else { continue }
      let isEmptySequence = part["type"] == "Sequence" && part["normalizers"] == []
      if !isEmptySequence { throw failure("\(name)\(named(part)) is not supported, expected null") }
    }
    if let decoder = try value(root["decoder"], "decoder", failure), decoder != .null,
      decoder["type"] != "ByteLevel"
    {
      throw failure("decoder\(named(decoder)) is not supported, expected ByteLevel")
    }
    for name in ["continuing_subword_prefix", "end_of_word_suffix"] {
      guard let affix = try value(model[name], name, failure), affix != .null, affix != "" else { continue }
      throw failure("the model's \(name) '\(Quoted.name(affix.text ?? "?"))' is not supported, expected null")
    }
    if let dropout = try value(model["dropout"], "dropout", failure), dropout != .null, dropout.double != 0 {
      throw failure("the model's dropout is not supported: ids would be random; set it to null")
    }
    if try value(model["ignore_merges"], "ignore_merges", failure) == true {
      throw failure("the model's ignore_merges is not supported, expected false")
    }
  }

  /// A small part of the file as a value; nil where it is missing.
  private static func value(_ parser: JSONParser?, _ name: String, _ failure: (String) -> Failure) throws
    -> JSONValue?
  {
    guard var parser else { return nil }
    var end = parser
    try end.skipValue(depth: 2)
    if end.position - parser.position > 10_000 { throw failure("\(name) is too long to be a known one") }
    return try parser.value(depth: 2)
  }

  private static func named(_ part: JSONValue) -> String {
    guard let type = part["type"]?.text else { return "" }
    let steps = (part["normalizers"] ?? part["decoders"])?.elements?.compactMap { $0["type"]?.text } ?? []
    return " \(Quoted.name(type))"
      + (steps.isEmpty ? "" : " of \(Quoted.name(steps.joined(separator: ", ")))")
  }
}
