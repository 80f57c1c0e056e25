/// A conversation as transformers' `apply_chat_template` takes it, rendered.
import Base

public struct Conversation: Sendable {
  public var messages: [JSONValue]
  public var tools: JSONValue = .null
  public var documents: JSONValue = .null
  /// Further variables of the template, such as `enable_thinking`.
  public var variables: [JSONMember] = []
  public var addsGenerationPrompt = false
  public var continuesFinalMessage = false
  public var clock = TemplateClock()

  /// - Parameter messages: a list of objects with `role` and `content`.
  public init(messages: JSONValue) throws {
    guard let list = messages.elements, !list.isEmpty else {
      throw Failure(.value, "a conversation is a list of at least one message { role, content }")
    }
    self.messages = try list.enumerated().map { i, message in
      guard let members = message.members else {
        throw Failure(.value, "message \(i + 1) is not a table { role, content }")
      }
      return .object(Self.completed(members))
    }
  }

  /// Without members that are null; the names of reasoning that templates read are filled from each other.
  private static func completed(_ members: [JSONMember]) -> [JSONMember] {
    var kept = members.filter { $0.value != .null }
    let names = ["reasoning_content", "thinking", "reasoning"]
    guard let reasoning = names.lazy.compactMap({ JSONValue.object(kept)[$0] }).first else { return kept }
    if !kept.contains(where: { $0.key == "thinking" }) {
      kept.insert(JSONMember("thinking", reasoning), at: 0)
    }
    kept.removeAll { $0.key == "reasoning_content" }
    return kept + [JSONMember("reasoning_content", reasoning)]
  }

  private static let tag = TemplateText("CONTINUE_FINAL_MESSAGE_TAG ")

  public func rendered(_ template: ChatTemplate, tokens: [(name: String, text: String)]) throws
    -> RenderedChat
  {
    if !continuesFinalMessage { return try rendered(template, tokens, messages) }
    if addsGenerationPrompt {
      throw Failure(.value, "continue_final_message and add_generation_prompt exclude each other")
    }
    var tagged = messages
    guard let last = tagged.popLast(), let content = last["content"], let marked = Self.marked(content) else {
      throw Failure(.value, "continue_final_message: the final message has no content to continue")
    }
    tagged.append(
      .object((last.members ?? []).map { $0.key == "content" ? JSONMember("content", marked) : $0 }))
    var text = TemplateText(try rendered(template, tokens, tagged).units)
    guard let place = text.findLast(Self.tag.stripped(nil, left: true, right: true)) else {
      throw Failure(.value, "continue_final_message: the template leaves out the end of the final message")
    }
    let isWhole = text.matches(Self.tag, at: place)
    text = TemplateText(text.units[..<place])
    return RenderedChat(isWhole ? text : text.stripped(nil, left: false, right: true))
  }

  /// The content with the tag at the end of its last text.
  private static func marked(_ content: JSONValue) -> JSONValue? {
    if let text = content.text { return .string(text + tag.string) }
    guard var parts = content.elements, let place = parts.lastIndex(where: { $0["text"]?.text != nil }) else {
      return nil
    }
    parts[place] = .object(
      (parts[place].members ?? []).map {
        $0.key == "text" ? JSONMember("text", .string(($0.value.text ?? "") + tag.string)) : $0
      })
    return .array(parts)
  }

  private func rendered(
    _ template: ChatTemplate, _ tokens: [(name: String, text: String)], _ messages: [JSONValue]
  ) throws -> RenderedChat {
    let own = [
      JSONMember("messages", .array(messages)), JSONMember("tools", tools),
      JSONMember("documents", documents),
      JSONMember("add_generation_prompt", .bool(addsGenerationPrompt)),
    ]
    return try template.render(.object(own + variables), trusted: tokens, clock: clock)
  }

  /// Byte ranges of what the assistant writes in the rendered conversation: what the template marks, or what each
  /// assistant's message adds to the prompt before it.
  ///
  /// Errors: the template has no marks, and the text up to a message is not the beginning of the whole.
  public func assistantRanges(
    _ chat: RenderedChat, _ template: ChatTemplate, tokens: [(name: String, text: String)]
  ) throws -> [Range<Int>] {
    if template.marksGeneration { return chat.generatedRanges }
    let whole = Array(chat.text.utf8)
    var ranges: [Range<Int>] = []
    for (i, message) in messages.enumerated() where message["role"]?.text == "assistant" {
      func problem(_ what: String) -> Failure {
        Failure(
          .value,
          "message \(i + 1): \(what), so the assistant's tokens are not known; the template needs "
            + "{% generation %} marks")
      }
      if i == 0 { throw problem("no prompt comes before it") }
      var prompt = self
      prompt.addsGenerationPrompt = true
      prompt.continuesFinalMessage = false
      let before = Array(try prompt.rendered(template, tokens, Array(messages[..<i])).text.utf8)
      var end = whole.count
      if i + 1 < messages.count {
        prompt.addsGenerationPrompt = false
        let upTo = Array(try prompt.rendered(template, tokens, Array(messages[...i])).text.utf8)
        if !whole.starts(with: upTo) { throw problem("the text up to its end does not begin the whole") }
        end = upTo.count
      } else if addsGenerationPrompt {
        throw problem("a generation prompt follows it")
      }
      if before.count > end || !whole.starts(with: before) {
        throw problem("its prompt does not begin the whole")
      }
      ranges.append(before.count..<end)
    }
    return ranges
  }
}

extension RenderedChat {
  /// Byte ranges of what the template marks as generated.
  public var generatedRanges: [Range<Int>] {
    var ranges: [Range<Int>] = []
    var place = 0
    for stretch in stretches {
      let range = place..<place + stretch.bytes.count
      place = range.upperBound
      if !stretch.isGenerated { continue }
      if let last = ranges.last, last.upperBound == range.lowerBound {
        ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
      } else {
        ranges.append(range)
      }
    }
    return ranges
  }
}
