/// Chat templates: a conversation becomes the text that a model was trained on.
///
/// A template is a program in Jinja, of the dialect that transformers sets up (immutable sandbox, trim_blocks,
/// lstrip_blocks, loop controls, `{% generation %}`, raise_exception, strftime_now). It comes from strangers: it
/// reaches nothing but the values given here, and its work, depth and output are bounded.
import Base

public struct ChatTemplate: Sendable {
  /// The template as it was written.
  public let source: String
  private let names: [String]
  private let body: [TemplateStatement]
  private let name: String

  /// Parses a template.
  ///
  ///     try ChatTemplate("{{ messages[0].content }}!").render(["messages": [["content": "Hi"]]]).text      // Hi!
  public init(_ source: String, name: String = "chat template") throws {
    if source.utf8.count > Limits.templateBytesMax {
      throw Failure(
        .format, "\(name): \(source.utf8.count) bytes, more than the limit of \(Limits.templateBytesMax)")
    }
    var parser = try TemplateParser(source, name: name)
    body = try parser.template()
    names = parser.names
    self.source = source
    self.name = name
  }

  /// Whether the template marks what the assistant generates.
  public var marksGeneration: Bool { source.contains("endgeneration") }

  /// Renders the template with these variables, whose texts count as input.
  ///
  /// - Parameter trusted: variables whose texts are the template's own, such as the names of control tokens.
  public func render(
    _ variables: JSONValue, trusted: [(name: String, text: String)] = [],
    clock: TemplateClock = TemplateClock()
  ) throws -> RenderedChat {
    var values: [Int: TemplateValue] = [:]
    for (key, text) in trusted {
      if let number = names.firstIndex(where: { $0.utf8.elementsEqual(key.utf8) }) {
        values[number] = .string(text)
      }
    }
    var size = 0
    for member in variables.members ?? [] {
      size += Self.size(of: member.value)
      if let number = names.firstIndex(where: { $0.utf8.elementsEqual(member.key.utf8) }) {
        values[number] = try TemplateValue(member.value)
      }
    }
    let renderer = TemplateRenderer(
      names: names, variables: values, clock: clock, workMax: Limits.templateWorkMax + 256 * size)
    do { return RenderedChat(try renderer.render(body)) } catch let failure as Failure
      where failure.isRefusal
    {
      throw Failure(failure.kind, "\(name): \(failure.message) (line \(renderer.line))")
    }
  }

  /// About the number of scalars of a value.
  private static func size(of value: JSONValue) -> Int {
    switch value {
    case .string(let text): return text.utf8.count + 1
    case .array(let elements): return elements.reduce(1) { $0 + size(of: $1) }
    case .object(let members): return members.reduce(1) { $0 + $1.key.utf8.count + size(of: $1.value) }
    default: return 1
    }
  }
}

/// A rendered conversation: its text, and where each part of it came from.
public struct RenderedChat: Sendable {
  let units: [UInt32]

  init(_ text: TemplateText) { units = text.units }

  public var text: String { TemplateText(units).string }

  /// Stretches of the UTF-8 bytes of the text that share their marks, in order.
  public struct Stretch: Sendable {
    public let bytes: [UInt8]
    /// From the caller's variables, not from the template.
    public let isInput: Bool
    /// What the assistant generates, where the template says so.
    public let isGenerated: Bool
  }

  public var stretches: [Stretch] {
    var list: [Stretch] = []
    var from = 0
    let marks = TemplateText.inputBit | TemplateText.generatedBit
    while from < units.count {
      let mark = units[from] & marks
      var to = from
      while to < units.count, units[to] & marks == mark { to += 1 }
      list.append(
        Stretch(
          bytes: Array(TemplateText(units[from..<to]).string.utf8),
          isInput: mark & TemplateText.inputBit != 0,
          isGenerated: mark & TemplateText.generatedBit != 0))
      from = to
    }
    return list
  }
}
