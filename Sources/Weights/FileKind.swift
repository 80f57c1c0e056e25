/// Kinds of files that are no weights here, told by their first bytes, and what to do about each.
import Base
import Formats

struct FileKind {
  let name: String
  let magic: [UInt8]
  let advice: String

  var refusal: String { "it \(name); \(advice)" }

  private static let toSafetensors =
    "save the weights as safetensors: safetensors.torch.save_file(torch.load(path, weights_only=True), "
    + "new_path)"
  private static let unpack = "unpack it first"

  static let all = [
    FileKind(name: "is gzip data", magic: [0x1F, 0x8B], advice: "\(unpack) with gunzip"),
    FileKind(name: "is zstd data", magic: [0x28, 0xB5, 0x2F, 0xFD], advice: "\(unpack) with unzstd"),
    FileKind(
      name: "is a zip archive, as PyTorch's .pt and .bin files are", magic: [0x50, 0x4B, 3, 4],
      advice: toSafetensors),
    FileKind(
      name: "is a Python pickle, as old PyTorch files are", magic: [0x80, 2], advice: toSafetensors),
    FileKind(
      name: "is a GGUF file", magic: GGUFFile.magic, advice: "models.load and tokenizer.load read it"),
    FileKind(
      name: "is an HDF5 file, as Keras writes", magic: [0x89, 0x48, 0x44, 0x46],
      advice: "save the weights as safetensors"),
    FileKind(
      name: "is a NumPy array", magic: [0x93, 0x4E, 0x55, 0x4D],
      advice: "save the weights as safetensors: safetensors.numpy.save_file"),
    FileKind(
      name: "is in llama2.c's format of version 1 or 2", magic: Array("24ka".utf8),
      advice: "export it with version 0: python export.py model.bin --version 0"),
  ]

  static func of(_ source: ByteSource) throws -> FileKind? {
    let start = try source.bytes(at: 0, count: min(8, source.count))
    return all.first { start.starts(with: $0.magic) }
  }

  /// What a file seems to be, from its first bytes.
  static func appearance(of source: ByteSource) throws -> String {
    if source.count == 0 { return "is empty" }
    if let kind = try of(source) { return kind.name }
    let start = try source.bytes(at: 0, count: min(24, source.count))
    let printable = start.prefix { $0 >= 32 && $0 < 127 }
    if printable.count >= 8 { return "begins with the text '\(String(decoding: printable, as: UTF8.self))'" }
    let digits = start.prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    return "begins with the bytes \(digits.joined(separator: " "))"
  }
}
