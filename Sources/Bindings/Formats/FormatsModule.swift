/// `perilune.formats`: JSON, JSON lines, tokenizers and preference data for Lua.
import Base
import Formats
import LuaEngine

/// A tokenizer as Lua holds it.
final class TokenizerObject {
  let tokenizer: any Tokenizer
  init(_ tokenizer: any Tokenizer) { self.tokenizer = tokenizer }
}

enum FormatsModule {
  static func install(into lua: Lua) throws {
    try lua.register(tokenizerClass())
    try lua.preload(
      "perilune.formats",
      LuaModule { module in
        module.function("json_encode") { call in
          try call.pushString(try JSONBridge.encode(try call.value(1)).encoded(sortedKeys: true))
          return 1
        }
        module.function("json_decode") { call in
          try call.push(JSONBridge.decode(try JSONValue(parsing: try call.bytes(1))))
          return 1
        }
        module.function("load_json") { call in
          try call.push(JSONBridge.decode(try JSONValue.load(try call.string(1))))
          return 1
        }
        module.function("load_json_lines") { call in
          try call.push(.list(try JSONLines.load(try call.string(1)).map(JSONBridge.decode)))
          return 1
        }
        module.function("save_json_lines") { call in
          let rows = try call.table(2).list().map(JSONBridge.encode)
          try JSONLines.save(rows, to: try call.string(1))
          return 0
        }
        module.function("llama2c_tokenizer") { call in
          try call.pushObject(TokenizerObject(try Llama2CTokenizer.load(try call.string(1))))
          return 1
        }
        module.function("bpe_tokenizer") { call in
          if call.isNil(2) {
            try call.pushObject(TokenizerObject(try ByteLevelBPE.load(try call.string(1))))
          } else {
            try call.pushObject(
              TokenizerObject(try ByteLevelBPE.load(encoder: try call.string(1), merges: try call.string(2))))
          }
          return 1
        }
        module.function("train_bpe", trainBPE)
      })
  }

  /// train_bpe(texts, {vocab_size=, specials=}) -> Tokenizer
  private static func trainBPE(_ call: Call) throws -> Int {
    let options = try OptionTable(call, 2, trainOptions)
    var trained = try ByteLevelBPE.train(
      texts: try call.table(1).strings(), vocabSize: try options.integer("vocab_size"),
      specials: try options.texts("specials"))
    trained.pad = trained.id(named: "<pad>")
    trained.bos = trained.id(named: "<bos>")
    trained.eos = trained.id(named: "<eos>")
    try call.pushObject(TokenizerObject(trained))
    return 1
  }

  private static func tokenizerClass() -> LuaClass<TokenizerObject> {
    var tokenizer = LuaClass<TokenizerObject>("Tokenizer")
    tokenizer.method("encode") { call, object in
      try call.pushIntegers(try object.tokenizer.encode(bytes: try call.bytes(2)))
      return 1
    }
    tokenizer.method("decode") { call, object in
      try call.push(.bytes(try object.tokenizer.decodeBytes(try call.table(2).integers())))
      return 1
    }
    tokenizer.method("name") { call, object in
      try call.pushString(try object.tokenizer.name(of: try call.integer(2)))
      return 1
    }
    tokenizer.method("id") { call, object in
      guard let id = object.tokenizer.id(named: try call.string(2)) else { return 0 }
      try call.pushInteger(id)
      return 1
    }
    tokenizer.method("save") { call, object in
      guard let bpe = object.tokenizer as? ByteLevelBPE else {
        throw Failure(.state, "only byte-level BPE tokenizers can be saved")
      }
      try bpe.save(to: try call.string(2))
      return 0
    }
    tokenizer.property("vocab_size") { .int($0.tokenizer.vocabSize) }
    tokenizer.property("bos") { $0.tokenizer.bos.map(LuaValue.int) ?? .nil }
    tokenizer.property("eos") { $0.tokenizer.eos.map(LuaValue.int) ?? .nil }
    tokenizer.property("pad") { $0.tokenizer.pad.map(LuaValue.int) ?? .nil }
    tokenizer.metamethod("__tostring") { call in
      let object = try call.object(1, as: TokenizerObject.self)
      try call.pushString("[Tokenizer of \(object.tokenizer.vocabSize) tokens]")
      return 1
    }
    return tokenizer
  }
}
