/// The readers of texts, tables and runs, called as the functions of Lua call them.
import Base
import Formats
import Runs

/// `formats.load_json`, and `formats.json_encode` of what it gave.
func readJSON(_ file: InputFile) throws {
  let value = try JSONValue.load(file.path)
  let written = require(orFault: "what was read cannot be written") { try value.encodedBytes() }
  let again = require(orFault: "what was written cannot be read") { try JSONValue(parsing: written) }
  if again != value { fault("another value after it was written") }
  let second = require(orFault: "it cannot be written again") { try again.encodedBytes() }
  if second != written { fault("other bytes the second time") }
}

/// `formats.load_json_lines`.
func readLines(_ file: InputFile) throws {
  try JSONLines.forEach(file.path) { _, value in _ = value["text"]?.text }
}

/// `formats.load_parquet`.
func readParquet(_ file: InputFile) throws {
  try Parquet.forEach(ByteSource(path: file.path)) { _, record in
    _ = require(orFault: "a row cannot be written") { try record.encodedBytes() }
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

/// All that is read of a run, and its export; then it is resumed.
func readStore(_ file: InputFile) throws {
  removeStore(file.path, andItself: false)
  let reader = try RunReader(file.folder)
  _ = try (reader.dump(), reader.about(), reader.params(), reader.summary(), reader.last())
  for table in RunReader.Records.allCases { _ = try reader.records(of: table) }
  for name in try reader.names() {
    for extent in [.all, .points(3), .quick] as [RunReader.Extent] { _ = try reader.curve(name, extent) }
    for take in RunReader.Take.allCases { _ = try reader.value(name, take) }
  }
  try TrackioStore.add([file.folder], to: ":memory:")
  try resumeRun(file)
}

/// Takes a copy of the run up and records a step: the file itself stays the input.
private func resumeRun(_ file: InputFile) throws {
  let folder = file.folder + "/resumed", path = folder + "/run.sqlite"
  removeStore(path, andItself: true)
  try RealDisk().makeFolder(folder)
  try RealDisk().write(ByteSource(path: file.path).all(limit: 1 << 20), to: path)
  let writer = try RunWriter.resume(folder)
  try writer.log(step: 1, [("loss", 0.5)])
  try writer.cut(after: 0)
  try writer.finish(.finished)
}

/// Removes what SQLite has left beside a file.
private func removeStore(_ path: String, andItself: Bool) {
  for ending in ["-wal", "-shm", "-journal"] { unlink(path + ending) }
  if andItself { unlink(path) }
}
