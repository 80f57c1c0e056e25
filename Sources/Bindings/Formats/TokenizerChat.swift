/// `tok:chat` and `formats.render_template`: conversations as text and as tokens.
import Base
import Formats
import LuaEngine

enum TokenizerChat {
  private static let example = """
    tok = require 'perilune.formats'.train_bpe({'hi'}, {vocab_size = 261, specials = {'<eos>', '<u>', '<a>'}})
    template = [[
    {%- for m in messages %}{{ '<u>' if m.role == 'user' else '<a>' }}
    {%- if m.role == 'assistant' %}{% generation %}{{ m.content }}<eos>{% endgeneration %}
    {%- else %}{{ m.content }}{% endif %}{% endfor %}
    {%- if add_generation_prompt %}<a>{% endif %}]]

    """

  private static let now = Option(
    "now", optional: .integer, "the time of strftime_now, in seconds since 1970",
    otherwise: "that of the call")

  static func add(to module: inout NativeModule) {
    module.function(
      "render_template",
      Page(
        "formats.render_template(template, variables, {options})",
        "The text of a Jinja template, as transformers sets Jinja up. `variables` is a table by name, whose "
          + "tables have their keys in sorted order, or the text of a JSON object, which keeps its order.",
        options: [now],
        errors:
          "the template cannot be parsed, or raises; its work or depth exceeds the limits; the message "
          + "names the line",
        source: "Jinja 3.1; transformers, utils/chat_template_utils.py",
        example: "print(require 'perilune.formats'.render_template('{{ who | upper }}!', {who = 'Ada'}))",
        prints: "ADA!"), optionsAt: 3
    ) { call, options in
      let template = try ChatTemplate(try call.string(1), name: "template")
      let clock = TemplateClock(seconds: try options.integer(ifGiven: "now"))
      try call.pushString(try template.render(try json(call, 2, "variables"), clock: clock).text)
      return 1
    }
  }

  static func add(to tokenizer: inout NativeClass<TokenizerObject>) {
    tokenizer.method(
      "chat",
      Page(
        "tok:chat(messages, {options}) -> ids, mask, reason",
        "The tokens of a conversation, a list of {role, content} or its JSON text, written by a chat "
          + "template; nothing is added to what the template writes. With return_assistant_tokens_mask, `mask` has 1 for "
          + "each token of the assistant: what the template marks by {% generation %}, or what each assistant's "
          + "message adds to the prompt before it. Where neither is known it is nil, and `reason` says why.",
        options: [
          Option("add_generation_prompt", false, "end with the beginning of an assistant's turn"),
          Option("continue_final_message", false, "end within the final message"),
          Option(
            "template", optional: .text, "a template, or the name of one of the tokenizer's",
            otherwise: "the tokenizer's"),
          Option(
            "tools", optional: .any("a list of JSON schemas, or its JSON text"),
            "functions that the model may call"),
          Option(
            "documents", optional: .any("a list of {title, text}, or its JSON text"),
            "documents to answer from"),
          Option(
            "variables", optional: .any("a table by name, or its JSON text"),
            "further variables of the template, such as enable_thinking"),
          Option(
            "sanitize_control_tokens", false,
            "names of control tokens in messages, tools, documents and variables stay plain text"),
          Option("tokenize", true, "false gives the text instead of ids"),
          Option("return_assistant_tokens_mask", false, "give the mask as well"),
          now,
        ],
        errors:
          "there is no template; messages are not tables with names; the template raises, or exceeds the limits",
        source: "transformers, apply_chat_template",
        example: example + """
          messages = {{role = 'user', content = 'hi'}, {role = 'assistant', content = 'h'}}
          ids, mask = tok:chat(messages, {template = template, return_assistant_tokens_mask = true})
          print(table.concat(ids, ' '), table.concat(mask, ' '))
          """, prints: "1 107 108 2 107 0\t0 0 0 0 1 1"), optionsAt: 3, chat)
    tokenizer.method(
      "chat_template",
      Page(
        "tok:chat_template(name)",
        "The text of a chat template of the tokenizer: of the folder it was read from. By default that of most "
          + "conversations.",
        errors: "there is none of this name",
        example: """
          tok = require 'perilune.formats'.train_bpe({'hi'}, {vocab_size = 260})
          print(pcall(tok.chat_template, tok))
          """, prints: "false\tthe tokenizer has no chat template; give one as the option 'template'")
    ) { call, object in
      try call.pushString(try object.templates.source(call.isNil(2) ? nil : call.string(2)))
      return 1
    }
  }

  private static func chat(_ call: Call, _ object: TokenizerObject, _ options: OptionTable) throws -> Int {
    var conversation = try Conversation(messages: json(call, 2, "messages"))
    conversation.addsGenerationPrompt = try options.flag("add_generation_prompt")
    conversation.continuesFinalMessage = try options.flag("continue_final_message")
    conversation.tools = try json(options, "tools") ?? .null
    conversation.documents = try json(options, "documents") ?? .null
    conversation.variables = try json(options, "variables")?.members ?? []
    conversation.clock = TemplateClock(seconds: try options.integer(ifGiven: "now"))
    let template = try object.template(try options.text(ifGiven: "template"), conversation)
    let tokens = object.controlTokens
    let rendered = try conversation.rendered(template, tokens: tokens)
    if try !options.flag("tokenize") {
      try call.pushString(rendered.text)
      return 1
    }
    let isSanitized = try options.flag("sanitize_control_tokens")
    let ids = try object.tokenizer.ids(of: rendered, sanitized: isSanitized)
    try call.pushIntegers(ids)
    if try !options.flag("return_assistant_tokens_mask") { return 1 }
    do {
      let ranges = try conversation.assistantRanges(rendered, template, tokens: tokens)
      try call.pushIntegers(try object.tokenizer.mask(of: ids, rendered, ranges))
      return 2
    } catch let failure as Failure where failure.isRefusal {
      try call.pushNil()
      try call.pushString(failure.message)
      return 3
    }
  }

  /// An argument that is a table, or the JSON text of one.
  private static func json(_ call: Call, _ i: Int, _ what: String) throws -> JSONValue {
    do { return try json(try call.value(i), what) } catch let failure as Failure where failure.kind == .value
    {
      throw call.bad(i, failure.message)
    }
  }

  private static func json(_ options: OptionTable, _ name: String) throws -> JSONValue? {
    try options[name].map { try json($0, name) }
  }

  private static func json(_ value: LuaValue, _ what: String) throws -> JSONValue {
    if let text = value.asString { return try JSONValue(parsing: text, name: what) }
    guard case .table = value else {
      throw Failure(.value, "\(what): expected a table or a JSON text, got \(value.typeName)")
    }
    return try JSONBridge.encode(value).withSortedKeys()
  }
}

extension TokenizerObject {
  /// A template by its text or name; a text is not a name where it has a brace or a line end.
  fileprivate func template(_ given: String?, _ conversation: Conversation) throws -> ChatTemplate {
    if let given, given.utf8.contains(where: { $0 == UInt8(ascii: "{") || $0 == 10 }) {
      return try ChatTemplate(given)
    }
    let source = try templates.source(given, hasTools: conversation.tools != .null)
    if let parsed, parsed.source.utf8.elementsEqual(source.utf8) { return parsed }
    let template = try ChatTemplate(source)
    parsed = template
    return template
  }

  /// The control tokens by the names that templates use: those of the tokenizer's configuration, else its own.
  fileprivate var controlTokens: [(name: String, text: String)] {
    var tokens = templates.tokens
    let own = [("bos_token", tokenizer.bos), ("eos_token", tokenizer.eos), ("pad_token", tokenizer.pad)]
    for (name, id) in own where !tokens.contains(where: { $0.name == name }) {
      if let id, let text = try? tokenizer.name(of: id) { tokens.append((name, text)) }
    }
    return tokens
  }
}
