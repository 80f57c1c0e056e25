/// `perilune.tokenizer`: tokenizers for Lua.
import Base
import Formats
import LuaEngine

/// A tokenizer as Lua holds it.
final class TokenizerObject {
  let tokenizer: any Tokenizer
  /// Of the folder that it was read from.
  let templates: ChatTemplates
  /// The template used last.
  var parsed: ChatTemplate?

  init(_ tokenizer: any Tokenizer, templates: ChatTemplates = ChatTemplates()) {
    self.tokenizer = tokenizer
    self.templates = templates
  }
}

enum TokenizerModule {
  private static let trained =
    "tok = require 'perilune.formats'.train_bpe({'low lower lowest'}, {vocab_size = 262})\n"

  static func install(_ library: Library) throws {
    try library.add(
      NativeModule("tokenizer", group: "files") { module in
        module.function(
          "load",
          Page(
            "tokenizer.load(path) or tokenizer.load(encoder_path, merges_path)",
            "A Tokenizer from a tokenizer.json (of Hugging Face or of tok:save), from a folder with one, from a "
              + "GGUF file (BPE or SentencePiece; it states the control tokens), or from "
              + "the two files of GPT-2, encoder.json and vocab.bpe. In a folder, tokenizer_config.json "
              + "names bos, eos and pad. Models: BPE (byte-level, or with byte fallback), Unigram, WordPiece.",
            errors: FormatsModule.unreadable + "; a part of the file is not supported, and is named",
            source: "Sennrich et al. 2016, arXiv:1508.07909; Kudo 2018, arXiv:1804.10959",
            example: trained + """
              path = os.tmpname()
              tok:save(path)
              print(require 'perilune.tokenizer'.load(path))
              os.remove(path)
              """, prints: "[Tokenizer of 262 tokens]")
        ) { call in
          let path = try call.string(1)
          try call.pushObject(
            call.isNil(2)
              ? try load(path)
              : TokenizerObject(try ByteLevelBPE.load(encoder: path, merges: try call.string(2))))
          return 1
        }
      })
    try library.add(tokenizerClass())
    try library.add(streamClass())
  }

  /// A tokenizer with the chat templates that are in its file or beside it.
  private static func load(_ path: String) throws -> TokenizerObject {
    let (tokenizer, gguf) = try TokenizerPipeline.open(path)
    let templates = try gguf.map { try ChatTemplates(gguf: $0, tokenizer: tokenizer) }
    return TokenizerObject(tokenizer, templates: try templates ?? ChatTemplates(besideTokenizer: path))
  }

  private static func streamClass() -> NativeClass<DecodeStream> {
    var stream = NativeClass<DecodeStream>("DecodeStream", group: "files")
    stream.method(
      "step",
      Page(
        "stream:step(id)", "The text that one more token adds: '' while a character is incomplete.",
        errors: "id is not from 0 to vocab_size - 1",
        example: trained + "print(tok:decode_stream():step(260))", prints: "low")
    ) { call, stream in
      try call.push(.bytes(try stream.step(try call.integer(2))))
      return 1
    }
    return stream
  }

  /// The functions of `formats` that make a tokenizer.
  static func addFormats(to module: inout NativeModule) {
    TokenizerChat.add(to: &module)
    module.function(
      "llama2c_tokenizer",
      Page(
        "formats.llama2c_tokenizer(path)",
        "A Tokenizer from a file in the format of llama2.c (tokenizer.bin), which merges by score.",
        errors: FormatsModule.unreadable, source: "Karpathy, llama2.c, run.c, encode()",
        example: "print((pcall(require 'perilune.formats'.llama2c_tokenizer, '/no/such/file')))",
        prints: "false")
    ) { call in
      try call.pushObject(TokenizerObject(try Llama2CTokenizer.load(try call.string(1))))
      return 1
    }
    module.function(
      "train_bpe",
      Page(
        "formats.train_bpe(texts, {options})",
        "Trains a byte-level BPE Tokenizer on a list of strings. Training ends early if no pair "
          + "occurs twice. Equal texts give an equal vocabulary.",
        options: [
          Option(
            "vocab_size", required: .integer,
            "maximum number of tokens: control tokens, 256 bytes and merges", least: 256),
          Option(
            "specials", ["<pad>", "<bos>", "<eos>"], of: "strings",
            "names of control tokens; these three names set pad, bos and eos"),
        ], errors: "vocab_size is less than 256 plus the number of control tokens",
        source: "Sennrich et al. 2016, arXiv:1508.07909, alg. 1", example: trained + "print(tok)",
        prints: "[Tokenizer of 262 tokens]"), optionsAt: 2, trainBPE)
  }

  private static func trainBPE(_ call: Call, _ options: OptionTable) throws -> Int {
    var trained = try ByteLevelBPE.train(
      texts: try call.table(1).strings(), vocabSize: try options.integer("vocab_size"),
      specials: try options.texts("specials"))
    trained.pad = trained.id(named: "<pad>")
    trained.bos = trained.id(named: "<bos>")
    trained.eos = trained.id(named: "<eos>")
    try call.pushObject(TokenizerObject(trained))
    return 1
  }

  private static func tokenizerClass() -> NativeClass<TokenizerObject> {
    var tokenizer = NativeClass<TokenizerObject>("Tokenizer", group: "files")
    tokenizer.method(
      "encode",
      Page(
        "tok:encode(text, {options})",
        "The list of token ids, from 0, of a text of any bytes. The defaults give the text alone: no bos and eos, "
          + "and no control token even where the text spells one. For the ids of Hugging Face's "
          + "tokenizer(text), set add_special_tokens = true and split_special_tokens = false; for a rendered "
          + "chat template, split_special_tokens = false alone.",
        options: [
          Option(
            "add_special_tokens", false,
            "the tokens that the vocabulary's file puts around every text, such as bos, are added"),
          Option(
            "split_special_tokens", true, "the names of control tokens in the text are ordinary text"),
        ],
        example: trained + """
          print(table.concat(tok:encode 'lows', ' '))
          print(table.concat(tok:encode('<bos>lows', {split_special_tokens = false}), ' '))
          """, prints: "260 118\n1 260 118"), optionsAt: 3
    ) { call, object, options in
      try call.pushIntegers(
        try object.tokenizer.encode(
          bytes: try call.bytes(2),
          EncodeOptions(
            addSpecialTokens: try options.flag("add_special_tokens"),
            splitSpecialTokens: try options.flag("split_special_tokens"))))
      return 1
    }
    tokenizer.method(
      "decode",
      Page(
        "tok:decode(ids, {options})", "The text of a list of token ids.",
        options: [
          Option("skip_special_tokens", true, "control tokens decode to nothing, else to their names")
        ],
        errors: "an id is not from 0 to vocab_size - 1",
        example: trained + """
          print(tok:decode(tok:encode 'slow'))
          print(tok:decode({1, 260}, {skip_special_tokens = false}))
          """, prints: "slow\n<bos>low"), optionsAt: 3
    ) { call, object, options in
      try call.push(
        .bytes(
          try object.tokenizer.decodeBytes(
            try call.table(2).integers(), skipSpecialTokens: try options.flag("skip_special_tokens"))))
      return 1
    }
    tokenizer.method(
      "decode_stream",
      Page(
        "tok:decode_stream({options})",
        "A DecodeStream: its step(id) gives the text that one more token adds. A character whose bytes are in "
          + "several tokens comes with the last of them.",
        options: [
          Option("skip_special_tokens", true, "control tokens decode to nothing, else to their names")
        ],
        example: trained + """
          stream = tok:decode_stream()
          for _, id in ipairs(tok:encode 'é low') do print(#stream:step(id)) end
          """, prints: "0\n2\n4"), optionsAt: 2
    ) { call, object, options in
      try call.pushObject(
        DecodeStream(object.tokenizer, skipSpecialTokens: try options.flag("skip_special_tokens")))
      return 1
    }
    tokenizer.method(
      "name",
      Page(
        "tok:name(id)", "The readable form of a token, as in the vocabulary.",
        errors: "id is not from 0 to vocab_size - 1",
        example: trained + "print(tok:name(260), tok:name(1))", prints: "low\t<bos>")
    ) { call, object in
      try call.pushString(try object.tokenizer.name(of: try call.integer(2)))
      return 1
    }
    tokenizer.method(
      "id",
      Page(
        "tok:id(name)", "The id of the token with this name, or nothing.",
        example: trained + "print(tok:id '<eos>')", prints: "2")
    ) { call, object in
      guard let id = object.tokenizer.id(named: try call.string(2)) else { return 0 }
      try call.pushInteger(id)
      return 1
    }
    tokenizer.method(
      "padded",
      Page(
        "tok:padded(vocab_size) -> Tokenizer",
        "The tokenizer with the ids of a model that has more of them, as many models have for speed: the further ids "
          + "decode to nothing, and their names are empty. tok:save writes the tokenizer without them.",
        errors: "vocab_size is less than the tokenizer's",
        example: trained + """
          wide = tok:padded(300)
          print(wide.vocab_size, wide:decode { 260, 299 })
          """, prints: "300\tlow")
    ) { call, object in
      let wide = try PaddedTokenizer(object.tokenizer, vocabSize: try call.integer(2))
      try call.pushObject(TokenizerObject(wide, templates: object.templates))
      return 1
    }
    tokenizer.method(
      "save",
      Page(
        "tok:save(path)",
        "Writes the tokenizer as one tokenizer.json, which Hugging Face's tokenizers open too.",
        errors: "the tokenizer has the format of llama2.c or is SentencePiece's of a GGUF file; the file "
          + "cannot be written",
        example: trained + """
          path = os.tmpname()
          tok:save(path)
          print(require 'perilune.formats'.load_json(path).model.type)
          os.remove(path)
          """, prints: "BPE")
    ) { call, object in
      let tokenizer = (object.tokenizer as? PaddedTokenizer)?.base ?? object.tokenizer
      guard let pipeline = tokenizer as? TokenizerPipeline else {
        throw Failure(.state, "a tokenizer with the format of llama2.c cannot be saved")
      }
      try pipeline.save(to: try call.string(2))
      return 0
    }
    tokenizer.property(
      "vocab_size",
      Page(
        "tok.vocab_size", "The number of tokens. Ids are 0, ..., vocab_size - 1.",
        example: trained + "print(tok.vocab_size)", prints: "262")
    ) { .int($0.tokenizer.vocabSize) }
    tokenizer.property(
      "bos",
      Page(
        "tok.bos", "The id of the begin-of-text token, or nil.", example: trained + "print(tok.bos)",
        prints: "1")
    ) { $0.tokenizer.bos.map(LuaValue.int) ?? .nil }
    tokenizer.property(
      "eos",
      Page(
        "tok.eos", "The id of the end-of-text token, or nil.", example: trained + "print(tok.eos)",
        prints: "2")
    ) { $0.tokenizer.eos.map(LuaValue.int) ?? .nil }
    tokenizer.property(
      "pad",
      Page(
        "tok.pad", "The id of the padding token, or nil.", example: trained + "print(tok.pad)", prints: "0")
    ) { $0.tokenizer.pad.map(LuaValue.int) ?? .nil }
    TokenizerChat.add(to: &tokenizer)
    tokenizer.metamethod("__tostring") { call in
      let object = try call.object(1, as: TokenizerObject.self)
      try call.pushString("[Tokenizer of \(object.tokenizer.vocabSize) tokens]")
      return 1
    }
    return tokenizer
  }
}
