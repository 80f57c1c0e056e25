/// The formats, by the names that scripts/reliability/fuzz_formats.lua has for them.
import Base

struct Format {
  let name: String
  /// The name of the file that is read.
  let file: String
  /// Bytes that a reader may hold beyond twice the file while it refuses.
  var heldMax = 16_000_000
  /// Reads the file as the program does, and looks at all that came of it.
  let read: (InputFile) throws -> Void

  static let all = [
    Format(name: "safetensors", file: "input.safetensors", read: readTensors),
    Format(name: "models", file: "input.safetensors", read: readModel),
    Format(name: "numpy", file: "input.npy", read: readTensors),
    Format(name: "zip", file: "input.npz", read: readTensors),
    Format(name: "gguf", file: "input.gguf", read: readModel),
    Format(name: "vocabularies", file: "input.gguf", read: readTokenizer),
    Format(name: "json", file: "input.json", read: readJSON),
    Format(name: "lines", file: "input.jsonl", read: readLines),
    // A line that is unpacked has a buffer of 16 MB, whose pages are touched as it fills.
    Format(name: "gzip", file: "input.jsonl.gz", heldMax: 40_000_000, read: readLines),
    Format(name: "tokenizer", file: "input.json", read: readTokenizer),
    Format(name: "templates", file: "input.jinja", read: renderTemplate),
    Format(name: "parquet", file: "input.parquet", read: readParquet),
    // SQLite takes a buffer of the length that a record states, at most 1 GB, and fills it from the pages there are.
    Format(name: "store", file: "run.sqlite", heldMax: 1 << 30, read: readStore),
  ]
}
