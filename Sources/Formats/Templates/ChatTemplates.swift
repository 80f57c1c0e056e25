/// The chat templates of a tokenizer, and the control tokens that they name.
///
/// A folder of Hugging Face holds them in chat_template.jinja and additional_chat_templates/, or in
/// tokenizer_config.json, as one text or a list of named ones; a GGUF file holds one.
import Base

public struct ChatTemplates: Sendable {
  /// Templates by name; the one of most conversations is called "default".
  public private(set) var sources: [(name: String, text: String)] = []
  /// `bos_token` and the like.
  public private(set) var tokens: [(name: String, text: String)] = []

  private static let tokenNames = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]

  public init() {}

  /// The templates of the folder that a tokenizer was read from.
  ///
  ///     try ChatTemplates(folder: "SmolLM2-135M-Instruct").source()
  public init(folder: String) throws {
    let config = folder + "/tokenizer_config.json"
    if access(config, R_OK) == 0 { try add(config: JSONValue.load(config), name: config) }
    let template = folder + "/chat_template.jinja"
    if access(template, R_OK) == 0 { set("default", try Self.read(template)) }
    let more = folder + "/additional_chat_templates"
    for file in ((try? FileCalls.names(in: more)) ?? []).sorted() where file.hasSuffix(".jinja") {
      set(String(file.dropLast(6)), try Self.read(more + "/" + file))
    }
  }

  /// The same, of the path of a tokenizer: a folder, or the tokenizer.json in it.
  public init(besideTokenizer path: String) throws {
    let isFile = path == "tokenizer.json" || path.hasSuffix("/tokenizer.json")
    if isFile { try self.init(folder: FileCalls.folder(of: path)) } else { try self.init(folder: path) }
  }

  /// The template inside a GGUF file, and the names of its control tokens.
  public init(gguf file: GGUFFile, tokenizer: any Tokenizer) throws {
    if let text = try file.text("tokenizer.chat_template") { set("default", text) }
    for (name, id) in [
      ("bos_token", tokenizer.bos), ("eos_token", tokenizer.eos), ("pad_token", tokenizer.pad),
    ] {
      if let id { set(token: name, try tokenizer.name(of: id)) }
    }
  }

  private static func read(_ path: String) throws -> String {
    let bytes = try ByteSource(path: path).all(limit: Limits.templateBytesMax)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(.format, "\(path): text is not UTF-8")
    }
    return text
  }

  private mutating func add(config: JSONValue, name: String) throws {
    switch config["chat_template"] {
    case .string(let text)?: set("default", text)
    case .array(let list)?:
      for entry in list {
        guard let key = entry["name"]?.text, let text = entry["template"]?.text else {
          throw Failure(.format, "\(name): chat_template is a list, but not of { name, template }")
        }
        set(key, text)
      }
    default: break
    }
    for token in Self.tokenNames {
      if let text = config[token]?.text ?? config[token]?["content"]?.text { set(token: token, text) }
    }
  }

  public mutating func set(_ name: String, _ text: String) {
    sources.removeAll { $0.name == name }
    sources.append((name, text))
  }

  public mutating func set(token name: String, _ text: String) {
    tokens.removeAll { $0.name == name }
    tokens.append((name, text))
  }

  /// The template called `name`, or the one that transformers takes: "tool_use" where there are tools and such
  /// a template, else "default".
  public func source(_ name: String? = nil, hasTools: Bool = false) throws -> String {
    let names = sources.map(\.name)
    if let name {
      if let found = sources.first(where: { $0.name == name }) { return found.text }
      throw Failure(
        .value, "there is no chat template '\(Quoted.name(name))'\(Nearest.hint(name, in: names))")
    }
    for wanted in hasTools ? ["tool_use", "default"] : ["default"] {
      if let found = sources.first(where: { $0.name == wanted }) { return found.text }
    }
    throw Failure(
      .value,
      names.isEmpty
        ? "the tokenizer has no chat template; give one as the option 'template'"
        : "no chat template is called \"default\"; name one of \(names.joined(separator: ", "))")
  }
}
