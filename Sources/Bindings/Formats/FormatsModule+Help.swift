/// Help pages of `perilune.formats` and of a tokenizer.
extension FormatsModule {
  static let trainOptions = [
    Option(
      "vocab_size", required: .integer,
      "maximum number of tokens: control tokens, 256 bytes and merges", least: 256),
    Option(
      "specials", ["<pad>", "<bos>", "<eos>"], of: "strings",
      "names of control tokens; these three names set pad, bos and eos"),
  ]

  private static let cannotRead =
    "the file cannot be read or is not of that format; the message names the file and the place"
  private static let trained =
    "tok = require 'perilune.formats'.train_bpe({'low lower lowest'}, {vocab_size = 262})\n"

  static let pages = [
    HelpPage(
      "formats.json_encode", "files", "formats.json_encode(value)",
      "The value as JSON on one line, keys sorted: 1...n is an array, string keys are an object, {} is [].",
      errors:
        "a function, userdata, NaN or infinity; keys of both kinds; tables too deep, or one that holds itself",
      "print(require 'perilune.formats'.json_encode{b = {1, 2}, a = 'x'})",
      prints: "{\"a\":\"x\",\"b\":[1,2]}"),
    HelpPage(
      "formats.json_decode", "files", "formats.json_decode(text)",
      "The value that a JSON text stands for; null is nil.",
      errors: "the text is not JSON (RFC 8259): line and column are told",
      "print(require 'perilune.formats'.json_decode('{\"a\": [1, 2.5]}').a[2])", prints: "2.5"),
    HelpPage(
      "formats.load_json", "files", "formats.load_json(path)", "The value in a JSON file.",
      errors: cannotRead,
      "path = os.tmpname()\nrequire 'perilune.system'.write_file(path, '[1, 2]')\n"
        + "print(#require 'perilune.formats'.load_json(path))\nos.remove(path)", prints: "2"),
    HelpPage(
      "formats.load_json_lines", "files", "formats.load_json_lines(path)",
      "The values of a file with one JSON value a line, gzip or plain, as a list.", errors: cannotRead,
      "formats, path = require 'perilune.formats', os.tmpname()\nformats.save_json_lines(path, {{a = 1}, {a = 2}})\n"
        + "print(formats.load_json_lines(path)[2].a)\nos.remove(path)", prints: "2"),
    HelpPage(
      "formats.save_json_lines", "files", "formats.save_json_lines(path, list)",
      "Writes each value of a list as JSON on a line of its own. The file is complete or not there.",
      errors: "a value that JSON does not have; the file cannot be written",
      "formats, path = require 'perilune.formats', os.tmpname()\nformats.save_json_lines(path, {{a = 1}})\n"
        + "print(io.open(path):read())\nos.remove(path)", prints: "{\"a\":1}"),
    HelpPage(
      "formats.llama2c_tokenizer", "files", "formats.llama2c_tokenizer(path)",
      "The Tokenizer in llama2.c's format (tokenizer.bin), which merges by score.", errors: cannotRead,
      source: "Karpathy, llama2.c, run.c, encode()",
      "print((pcall(require 'perilune.formats'.llama2c_tokenizer, '/no/such/file')))", prints: "false"),
    HelpPage(
      "formats.bpe_tokenizer", "files", "formats.bpe_tokenizer(path) or (encoder_path, merges_path)",
      "A byte-level BPE Tokenizer: one tokenizer.json (of tok:save or of Hugging Face), or GPT-2's encoder.json and vocab.bpe.",
      errors: cannotRead, source: "Sennrich et al. 2016, arXiv:1508.07909; Radford et al. 2019, sec. 2.2",
      trained
        + "path = os.tmpname()\ntok:save(path)\nprint(require 'perilune.formats'.bpe_tokenizer(path))\nos.remove(path)",
      prints: "[Tokenizer of 262 tokens]"),
    HelpPage(
      "formats.train_bpe", "files", "formats.train_bpe(texts, {options})",
      "Learns a byte-level BPE Tokenizer from a list of strings; it ends early when no pair occurs twice. The same texts give "
        + "the same vocabulary on every machine.",
      options: trainOptions, errors: "vocab_size is missing, or less than 256 and the control tokens",
      source: "Sennrich et al. 2016, arXiv:1508.07909, alg. 1", trained + "print(tok)",
      prints: "[Tokenizer of 262 tokens]"),
    HelpPage(
      "Tokenizer:encode", "files", "tok:encode(text)",
      "The ids, from 0, of any bytes, without bos or eos. Control tokens never come out of text.",
      trained + "print(table.concat(tok:encode 'lows', ' '))", prints: "260 118"),
    HelpPage(
      "Tokenizer:decode", "files", "tok:decode(ids)",
      "The bytes that the ids stand for; control tokens give nothing.",
      errors: "an id is not 0..vocab_size - 1", trained + "print(tok:decode(tok:encode 'slow'))",
      prints: "slow"),
    HelpPage(
      "Tokenizer:name", "files", "tok:name(id)", "A readable form of a token, as the vocabulary writes it.",
      errors: "the id is not 0..vocab_size - 1", trained + "print(tok:name(260), tok:name(1))",
      prints: "low\t<bos>"),
    HelpPage(
      "Tokenizer:id", "files", "tok:id(name)", "The id whose name this is, or nothing.",
      trained + "print(tok:id '<eos>')", prints: "2"),
    HelpPage(
      "Tokenizer:save", "files", "tok:save(path)",
      "Writes a byte-level BPE vocabulary as one tokenizer.json.",
      errors: "the tokenizer is of llama2.c; the file cannot be written",
      trained
        + "path = os.tmpname()\ntok:save(path)\nprint(require 'perilune.formats'.load_json(path).model.type)\nos.remove(path)",
      prints: "BPE"),
    HelpPage(
      "Tokenizer:vocab_size", "files", "tok.vocab_size",
      "How many tokens there are: ids are 0..vocab_size - 1.",
      trained + "print(tok.vocab_size)", prints: "262"),
    HelpPage(
      "Tokenizer:bos", "files", "tok.bos", "The id of the token that begins a text, or nil.",
      trained + "print(tok.bos)",
      prints: "1"),
    HelpPage(
      "Tokenizer:eos", "files", "tok.eos", "The id of the token that ends a text, or nil.",
      trained + "print(tok.eos)",
      prints: "2"),
    HelpPage(
      "Tokenizer:pad", "files", "tok.pad", "The id of the token that fills short rows, or nil.",
      trained + "print(tok.pad)",
      prints: "0"),
  ]
}
