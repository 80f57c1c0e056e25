/// Writes a byte-level BPE vocabulary as one JSON file, the `tokenizer.json` of Hugging Face's tokenizers.
import Base

extension ByteLevelBPE {
  /// This vocabulary as one JSON value.
  public func json() -> JSONValue {
    let added: [JSONValue] = specials.map { id in
      [
        "id": .integer(id), "content": .string(specialNames[id] ?? ""), "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true,
      ]
    }
    let vocabulary = tokens.indices.map {
      JSONMember(specialNames[$0] ?? ByteAlphabet.printable(tokens[$0]), .integer($0))
    }
    let merges = mergeList.map { pair -> JSONValue in
      .array([pair.left, pair.right].map { .string(ByteAlphabet.printable(tokens[Int($0)])) })
    }
    let byteLevel: JSONValue = [
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
    ]
    let digits: JSONValue = ["type": "Digits", "individual_digits": true]
    return [
      "version": "1.0", "truncation": .null, "padding": .null, "added_tokens": .array(added),
      "normalizer": .null,
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
