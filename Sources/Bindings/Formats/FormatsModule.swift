/// `perilune.formats`: JSON, JSON lines, tensors and tokenizers for Lua.
import Base
import Formats
import LuaEngine
import Tensors

/// A tokenizer as Lua holds it.
final class TokenizerObject {
  let tokenizer: any Tokenizer
  init(_ tokenizer: any Tokenizer) { self.tokenizer = tokenizer }
}

enum FormatsModule {
  private static let unreadable =
    "the file cannot be read, or has another format; the message names file and place"
  private static let trained =
    "tok = require 'perilune.formats'.train_bpe({'low lower lowest'}, {vocab_size = 262})\n"

  static func install(_ library: Library) throws {
    try library.add(
      NativeModule("formats", group: "files") { module in
        addJSON(&module)
        TensorFiles.add(to: &module)
        addTokenizers(&module)
      })
    try library.add(tokenizerClass())
  }

  private static func addJSON(_ module: inout NativeModule) {
    module.function(
      "json_encode",
      Page(
        "formats.json_encode(value)",
        "The value as JSON on one line, with sorted keys. A table with keys 1, ..., n is an array, one with "
          + "string keys an object; {} is [].",
        errors:
          "a function, userdata, NaN or infinity; keys of both kinds; tables nested too deep or in "
          + "themselves",
        example: "print(require 'perilune.formats'.json_encode{b = {1, 2}, a = 'x'})",
        prints: "{\"a\":\"x\",\"b\":[1,2]}")
    ) { call in
      try call.pushString(try JSONBridge.encode(try call.value(1)).encoded(sortedKeys: true))
      return 1
    }
    module.function(
      "json_decode",
      Page(
        "formats.json_decode(text)",
        "The value of a JSON text. null is nil: a member is absent, an array has a hole.",
        errors: "the text is not JSON (RFC 8259); the message names line and column",
        example: "print(require 'perilune.formats'.json_decode('{\"a\": [1, 2.5]}').a[2])", prints: "2.5")
    ) { call in
      let bytes = try call.bytes(1)
      try call.build { try JSONBridge.push(bytes, name: "JSON", to: $0) }
      return 1
    }
    module.function(
      "load_json",
      Page(
        "formats.load_json(path)", "The value of a JSON file.", errors: unreadable,
        example: """
          path = os.tmpname()
          require 'perilune.system'.write_file(path, '[1, 2]')
          print(#require 'perilune.formats'.load_json(path))
          os.remove(path)
          """, prints: "2")
    ) { call in
      let source = try ByteSource(path: try call.string(1))
      try MemoryAccount.reserving(source.count) {
        let bytes = try source.all(limit: Limits.jsonBytesMax)
        try call.build { try JSONBridge.push(bytes, name: source.name, to: $0) }
      }
      return 1
    }
    module.function(
      "load_json_lines",
      Page(
        "formats.load_json_lines(path) -> list, null_lines",
        "A list of the values of a file with one JSON value per line, and a list of the numbers of "
          + "the lines that are null: these are not in the first list. The file may be compressed with "
          + "gzip.",
        errors: unreadable,
        example: """
          formats, path = require 'perilune.formats', os.tmpname()
          formats.save_json_lines(path, {{a = 1}, {a = 2}})
          print(formats.load_json_lines(path)[2].a)
          os.remove(path)
          """, prints: "2")
    ) { call in
      let path = try call.string(1)
      try call.pushIntegers(try call.build { try JSONBridge.pushLines(path, to: $0) })
      return 2
    }
    module.function(
      "save_json_lines",
      Page(
        "formats.save_json_lines(path, list)",
        "Writes each value of a list as one line of JSON, compressed with gzip if the path ends in "
          + ".gz. The file is written atomically.",
        errors: "the table is not a list; a value has no form in JSON; the file cannot be written",
        example: """
          formats, path = require 'perilune.formats', os.tmpname()
          formats.save_json_lines(path, {{a = 1}})
          print(io.open(path):read())
          os.remove(path)
          """, prints: "{\"a\":1}")
    ) { call in
      let path = try call.string(1)
      do { try JSONLines.save(try JSONBridge.rows(try call.table(2)), to: path) } catch let failure as Failure
        where failure.kind == .value
      {
        throw call.bad(2, failure.message)
      }
      return 0
    }
  }

  private static func addTokenizers(_ module: inout NativeModule) {
    module.function(
      "llama2c_tokenizer",
      Page(
        "formats.llama2c_tokenizer(path)",
        "A Tokenizer from a file in the format of llama2.c (tokenizer.bin), which merges by score.",
        errors: unreadable, source: "Karpathy, llama2.c, run.c, encode()",
        example: "print((pcall(require 'perilune.formats'.llama2c_tokenizer, '/no/such/file')))",
        prints: "false")
    ) { call in
      try call.pushObject(TokenizerObject(try Llama2CTokenizer.load(try call.string(1))))
      return 1
    }
    module.function(
      "bpe_tokenizer",
      Page(
        "formats.bpe_tokenizer(path) or formats.bpe_tokenizer(encoder_path, merges_path)",
        "A byte-level BPE Tokenizer from one tokenizer.json (of tok:save or Hugging Face), or from "
          + "the two files of GPT-2, encoder.json and vocab.bpe.",
        errors: unreadable,
        source: "Sennrich et al. 2016, arXiv:1508.07909; Radford et al. 2019, sec. 2.2",
        example: trained + """
          path = os.tmpname()
          tok:save(path)
          print(require 'perilune.formats'.bpe_tokenizer(path))
          os.remove(path)
          """, prints: "[Tokenizer of 262 tokens]")
    ) { call in
      if call.isNil(2) {
        try call.pushObject(TokenizerObject(try ByteLevelBPE.load(try call.string(1))))
      } else {
        try call.pushObject(
          TokenizerObject(try ByteLevelBPE.load(encoder: try call.string(1), merges: try call.string(2))))
      }
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
        "tok:encode(text)",
        "The list of token ids, from 0, of a text of any bytes, without bos and eos. Text never encodes to "
          + "a control token.",
        example: trained + "print(table.concat(tok:encode 'lows', ' '))", prints: "260 118")
    ) { call, object in
      try call.pushIntegers(try object.tokenizer.encode(bytes: try call.bytes(2)))
      return 1
    }
    tokenizer.method(
      "decode",
      Page(
        "tok:decode(ids)", "The text of a list of token ids. Control tokens decode to nothing.",
        errors: "an id is not from 0 to vocab_size - 1",
        example: trained + "print(tok:decode(tok:encode 'slow'))", prints: "slow")
    ) { call, object in
      try call.push(.bytes(try object.tokenizer.decodeBytes(try call.table(2).integers())))
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
      "save",
      Page(
        "tok:save(path)", "Writes a byte-level BPE tokenizer as one tokenizer.json.",
        errors: "the tokenizer has the format of llama2.c; the file cannot be written",
        example: trained + """
          path = os.tmpname()
          tok:save(path)
          print(require 'perilune.formats'.load_json(path).model.type)
          os.remove(path)
          """, prints: "BPE")
    ) { call, object in
      guard let bpe = object.tokenizer as? ByteLevelBPE else {
        throw Failure(.state, "only byte-level BPE tokenizers can be saved")
      }
      try bpe.save(to: try call.string(2))
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
    tokenizer.metamethod("__tostring") { call in
      let object = try call.object(1, as: TokenizerObject.self)
      try call.pushString("[Tokenizer of \(object.tokenizer.vocabSize) tokens]")
      return 1
    }
    return tokenizer
  }
}
