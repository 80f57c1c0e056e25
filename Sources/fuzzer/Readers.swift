/// The readers of texts, tables and runs, called as the functions of Lua call them.
import Base
import Formats
import Runs

/// `formats.load_json`, and `formats.json_encode` of what it gave.
func readJSON(_ file: InputFile) throws {
  let value = try JSONValue.load(file.path)
  let written = always("what was read cannot be written") { try value.encodedBytes() }
  let again = always("what was written cannot be read") { try JSONValue(parsing: written) }
  if again != value { fault("another value after it was written") }
  if always("writing again", { try again.encodedBytes() }) != written { fault("other bytes the second time") }
}

/// `formats.load_json_lines`.
func readLines(_ file: InputFile) throws {
  try JSONLines.forEach(file.path) { _, value in _ = value["text"]?.text }
}

/// `formats.load_parquet`.
func readParquet(_ file: InputFile) throws {
  try Parquet.forEach(ByteSource(path: file.path)) { _, record in
    _ = always("a row cannot be written") { try record.encodedBytes() }
    return true
  }
}

private let variables: JSONValue = [
  "messages": [["role": "user", "content": "hi"], ["role": "assistant", "content": "yes"]],
  "add_generation_prompt": true, "bos_token": "<s>",
]

/// `formats.render_template`.
func renderTemplate(_ file: InputFile) throws {
  let bytes = try ByteSource(path: file.path).all(limit: Limits.templateBytesMax)
  guard let text = String(validating: bytes, as: UTF8.self) else { throw Failure(.format, "no UTF-8") }
  let rendered = try ChatTemplate(text, name: "template").render(variables, clock: TemplateClock(seconds: 0))
  _ = (rendered.text, rendered.stretches)
}

/// `run.read(name):dump()`. A store that was opened may have left files beside it.
func readStore(_ file: InputFile) throws {
  for ending in ["-wal", "-shm", "-journal"] { unlink(file.path + ending) }
  _ = try RunReader(file.folder).dump()
}
