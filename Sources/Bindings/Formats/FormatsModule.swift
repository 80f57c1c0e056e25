/// `perilune.formats`: JSON, JSON lines and tensors for Lua.
import Base
import Formats
import LuaEngine
import Tensors

enum FormatsModule {
  static let unreadable =
    "the file cannot be read, or has another format; the message names file and place"
  static func install(_ library: Library) throws {
    try library.add(
      NativeModule("formats", group: "files") { module in
        addJSON(&module)
        TensorFiles.add(to: &module)
        TokenizerModule.addFormats(to: &module)
      })
    try TokenizerModule.install(library)
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
        "formats.load_json_lines(path) -> list, null_lines, lines",
        "A list of the values of a file with one JSON value per line, a list of the numbers of the lines that are "
          + "null: these are not in the first list, and the line of each value. The file may be compressed with "
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
      let lines = try call.build { try JSONBridge.pushLines(path, to: $0) }
      try call.pushIntegers(lines.null)
      try call.pushIntegers(lines.values)
      return 3
    }
    module.function(
      "is_parquet",
      Page(
        "formats.is_parquet(path)", "Whether a file begins as Parquet does.",
        errors: "the file cannot be read",
        example: """
          path = os.tmpname()
          require 'perilune.system'.write_file(path, 'PAR1')
          print(require 'perilune.formats'.is_parquet(path))
          os.remove(path)
          """, prints: "true")
    ) { call in
      try call.pushBoolean(try Parquet.isParquet(try call.string(1)))
      return 1
    }
    module.function(
      "load_parquet",
      Page(
        "formats.load_parquet(path, rows)",
        "A list of the rows of a Parquet file, all or the first `rows`: records with the values that "
          + "`Dataset.to_json` writes. null is nil, a time is in milliseconds since 1970. One page of each column is "
          + "in memory at a time.",
        errors: unreadable
          + "; the codec is not snappy, gzip or zstd; it is encrypted; a column has maps, decimals or bytes that "
          + "are no text",
        source: "Apache Parquet 2.11, parquet.thrift and Encodings.md",
        example: "print((pcall(require 'perilune.formats'.load_parquet, '/no/such.parquet')))",
        prints: "false")
    ) { call in
      let source = try ByteSource(path: try call.string(1))
      let limit = try call.isNil(2) ? Int.max : call.integer(2)
      if limit < 1 { throw call.bad(2, "expected a number of rows from 1, got \(limit)") }
      try call.build { try JSONBridge.pushRows(source, limit: limit, to: $0) }
      return 1
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
}
