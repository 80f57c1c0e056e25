/// What a tokenizer is made from: a vocabulary, the figures of its model, and the other parts as JSON.
///
/// A tokenizer.json and a GGUF file both become this; the JSON form of a part is its one declaration, which is
/// read when the tokenizer is made and written when it is saved.
import Base

public struct TokenizerParts {
  /// The parts around the model as a tokenizer.json writes them; null where there is none.
  public struct Written: Sendable {
    public var normalizer = JSONValue.null
    public var preTokenizer = JSONValue.null
    public var postProcessor = JSONValue.null
    public var decoder = JSONValue.null
    public init() {}
  }

  /// The model and its figures.
  public enum Model {
    /// Merges in order; the closure calls its argument with each.
    case bpe(
      BPEModel.Options,
      eachMerge: (_ merge: (ArraySlice<UInt8>, ArraySlice<UInt8>) throws -> Void) throws -> Void)
    /// SentencePiece BPE: the pair whose union has the best score merges first. `isPiece` says which ids can
    /// come out of text.
    case scoredBPE(scores: [Float], unknown: String?, isPiece: (Int) -> Bool)
    case unigram(scores: [Double], unknown: Int?, byteFallback: Bool)
    case wordPiece(unknown: String, continuingPrefix: String, charactersMax: Int)

    /// Merges in order, in memory.
    public static func bpe(_ options: BPEModel.Options = .init(), merges: [(String, String)]) -> Model {
      .bpe(options) { merge in
        for (left, right) in merges { try merge(Array(left.utf8)[...], Array(right.utf8)[...]) }
      }
    }

    /// A byte-level pre-tokenizer need not write bytes as characters for this model.
    var takesRawBytes: Bool {
      guard case .bpe(let options, _) = self else { return false }
      return options.continuingPrefix.isEmpty && options.wordSuffix.isEmpty && !options.byteFallback
        && !options.fusesUnknown
    }

    func make(_ names: TokenTable, isByteLevel: Bool, source: String) throws -> any TokenModel {
      do {
        switch self {
        case .bpe(let options, let eachMerge):
          return try BPEModel(names: names, options: options, isByteLevel: isByteLevel, eachMerge: eachMerge)
        case .scoredBPE(let scores, let unknown, let isPiece):
          return try BPEModel(names: names, scores: scores, isPiece: isPiece, unknown: unknown)
        case .unigram(let scores, let unknown, let byteFallback):
          return try UnigramModel(names: names, scores: scores, unknown: unknown, byteFallback: byteFallback)
        case .wordPiece(let unknown, let prefix, let most):
          return WordPieceModel(names: names, unknown: unknown, prefix: prefix, charactersMax: most)
        }
      } catch let failure as Failure where failure.kind == .format {
        throw Failure(.format, "\(source): model: \(failure.message)")
      }
    }
  }

  let tokens: TokenTable
  let model: Model
  public var written = Written()
  public var addedTokens: [AddedToken] = []

  /// - Parameter tokens: the names of the model's tokens by id, as bytes of UTF-8.
  public init(tokens: [[UInt8]], model: Model) {
    self.init(tokens: TokenTable(tokens), model: model)
  }

  init(tokens: TokenTable, model: Model) {
    self.tokens = tokens
    self.model = model
  }

  /// GPT-2's splitting and its bytes; with `digitsAlone` every number character is cut off first.
  public static func byteLevel(digitsAlone: Bool = false) -> JSONValue {
    let byteLevel: JSONValue = [
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
    ]
    let digits: JSONValue = ["type": "Digits", "individual_digits": true]
    return digitsAlone ? ["type": "Sequence", "pretokenizers": [digits, byteLevel]] : byteLevel
  }

  /// The pre-tokenizer that a GGUF file names in `tokenizer.ggml.pre`, or nil if the name is not known here.
  ///
  ///     parts.written.preTokenizer = TokenizerParts.preTokenizer(named: "qwen2") ?? .null
  public static func preTokenizer(named name: String) -> JSONValue? {
    /// The pattern of Llama 3 with other numbers and marks.
    func pattern(numbers: String, letters: String = #"\p{L}+"#) -> JSONValue {
      let start = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?"#
      let others =
        letters.contains(#"\p{M}"#) ? #" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"# : #" ?[^\s\p{L}\p{N}]+[\r\n]*"#
      let text = "\(start)\(letters)|\(numbers)|\(others)" + #"|\s*[\r\n]+|\s+(?!\S)|\s+"#
      return [
        "type": "Sequence",
        "pretokenizers": [
          ["type": "Split", "pattern": ["Regex": .string(text)], "behavior": "Isolated", "invert": false],
          ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false],
        ],
      ]
    }
    switch name {
    case "gpt-2", "gpt2", "default": return byteLevel()
    case "smollm", "starcoder": return byteLevel(digitsAlone: true)
    case "llama-bpe", "llama3", "llama-v3": return pattern(numbers: #"\p{N}{1,3}"#)
    case "qwen2": return pattern(numbers: #"\p{N}"#)
    case "qwen35": return pattern(numbers: #"\p{N}"#, letters: #"[\p{L}\p{M}]+"#)
    default: return nil
    }
  }
}

/// How text becomes ids.
public struct EncodeOptions: Sendable {
  /// The post-processor adds its tokens, such as BOS.
  public var addSpecialTokens: Bool
  /// The names of control tokens are ordinary text: what a user writes cannot end a dialogue.
  public var splitSpecialTokens: Bool

  public init(addSpecialTokens: Bool = false, splitSpecialTokens: Bool = true) {
    self.addSpecialTokens = addSpecialTokens
    self.splitSpecialTokens = splitSpecialTokens
  }
}
