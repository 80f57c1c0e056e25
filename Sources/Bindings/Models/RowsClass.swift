/// The class Rows: prompts and responses packed once, for models, judges and losses.
import Autograd
import Base
import LuaEngine
import Models
import Tensors

enum RowsClass {
  /// The rows of the examples.
  static let two = "rows = require 'perilune.models'.rows({{1}, {1, 2}}, {{2, 3}, {4}})\n"

  static let page = Page(
    "models.rows(prompts, responses)",
    "Rows: one response to each prompt, packed once, for model:logps, model:kl, judges and losses. Rows are "
      + "immutable; those with columns come from model:sample and rows:with.",
    shapes: "two lists of n lists of token ids, from 0",
    errors: "prompts and responses differ in number; a prompt is empty; an element is no whole number",
    example: two + "print(#rows, rows)", prints: "2\t[Rows 2, 6 tokens, 3 of responses]")

  static func declaration() -> NativeClass<TokenRows> {
    var rows = NativeClass<TokenRows>("Rows", group: "models")
    rows.metamethod("__len") { call in
      try call.pushInteger(try call.object(1, as: TokenRows.self).count)
      return 1
    }
    rows.metamethod("__tostring") { call in
      let rows = try call.object(1, as: TokenRows.self)
      let names = rows.columns.isEmpty ? "" : "; " + rows.columns.map(\.name).joined(separator: ", ")
      try call.pushString(
        "[Rows \(rows.count), \(rows.batch.segments.tokenCount) tokens, \(rows.responses.tokenCount) of "
          + "responses\(names)]"
      )
      return 1
    }
    rows.method(
      "prompt",
      Page(
        "rows:prompt(i)", "The token ids of prompt i.",
        errors: "i is not from 1 to #rows",
        example: two + "print(table.concat(rows:prompt(2), ' '))", prints: "1 2")
    ) { call, rows in
      try call.pushIntegers(rows.prompt(try position(call, rows)))
      return 1
    }
    rows.method(
      "response",
      Page(
        "rows:response(i)", "The token ids of response i.",
        errors: "i is not from 1 to #rows",
        example: two + "print(table.concat(rows:response(1), ' '))", prints: "2 3")
    ) { call, rows in
      try call.pushIntegers(rows.response(try position(call, rows)))
      return 1
    }
    rows.method(
      "prompts",
      Page(
        "rows:prompts()", "A list of the prompts, lists of token ids.",
        example: two + "print(#rows:prompts()[2])", prints: "2")
    ) { call, rows in
      try call.pushIntegerLists((0..<rows.count).map(rows.prompt))
      return 1
    }
    rows.method(
      "responses",
      Page(
        "rows:responses()", "A list of the responses, lists of token ids.",
        example: two + "print(#rows:responses()[1])", prints: "2")
    ) { call, rows in
      try call.pushIntegerLists((0..<rows.count).map(rows.response))
      return 1
    }
    rows.method(
      "lengths",
      Page(
        "rows:lengths()", "The number of tokens of each response.",
        shapes: "-> [n] f32",
        example: two + "print(rows:lengths())", prints: "[2, 1]\n[Tensor f32 2]")
    ) { call, rows in
      try call.pushObject(try lengths(rows))
      return 1
    }
    rows.method(
      "prompt_lengths",
      Page(
        "rows:prompt_lengths()", "The number of tokens of each prompt.",
        shapes: "-> [n] f32",
        example: two + "print(rows:prompt_lengths())", prints: "[1, 2]\n[Tensor f32 2]")
    ) { call, rows in
      try call.pushObject(Variable(try Tensor(rows.promptLengths.map(Float.init), shape: [rows.count])))
      return 1
    }
    rows.method(
      "select",
      Page(
        "rows:select(positions)",
        "The rows at a list of positions, in its order and with repetitions, with their columns.",
        errors: "a position is not from 1 to #rows",
        example: two + "print(#rows:select{2, 1, 2}, rows:select{2}:response(1)[1])", prints: "3\t4")
    ) { call, rows in
      let places = try call.table(2).integers()
      if let wrong = places.first(where: { $0 < 1 || $0 > rows.count }) {
        throw call.bad(2, "row \(wrong) is out of 1..\(rows.count)")
      }
      try call.pushObject(try rows.selected(places.map { $0 - 1 }))
      return 1
    }
    rows.method(
      "concat",
      Page(
        "rows:concat(other, ...)",
        "These rows followed by those of the others, with the columns that all of them have.",
        example: two + "print(#rows:concat(rows, rows))", prints: "6")
    ) { call, rows in
      let others = try (2..<max(call.count + 1, 2)).map { try call.object($0, as: TokenRows.self) }
      try call.pushObject(try rows.concatenated(others))
      return 1
    }
    addColumns(&rows)
    rows.method(
      "labelled",
      Page(
        "rows:labelled(labels, eos, other, ...)",
        "The input of a judge, as responses to the same prompts: a label, the response, eos unless the "
          + "response ends with it, and the same for each of the other rows.",
        errors: "the number of labels is not that of the responses to a prompt; prompts differ",
        example: two + "print(table.concat(rows:labelled({8, 9}, 0, rows):response(2), ' '))",
        prints: "8 4 0 9 4 0"), labelled)
    rows.method(
      "same_prompts",
      Page(
        "rows:same_prompts(other)", "Whether other rows have the same prompts in the same order.",
        example: two + "print(rows:same_prompts(rows), rows:same_prompts(rows:select{2, 1}))",
        prints: "true\tfalse")
    ) { call, rows in
      try call.pushBoolean(rows.firstOtherPrompt(try call.object(2)) == nil)
      return 1
    }
    return rows
  }

  static func create(_ call: Call) throws -> Int {
    try call.pushObject(try read(call, 1).rows)
    return 1
  }

  /// The rows at argument `i`: Rows, or a list of prompts and one of responses; and the argument after them.
  static func read(_ call: Call, _ i: Int) throws -> (rows: TokenRows, next: Int) {
    if let rows = call.objectIfAny(i) as? TokenRows { return (rows, i + 1) }
    let prompts = try call.tokenLists(i, "prompts", "prompt")
    let responses = try call.tokenLists(i + 1, "responses", "response")
    if prompts.count != responses.count {
      throw call.bad(i + 1, "\(responses.count) responses for \(prompts.count) prompts")
    }
    if let empty = prompts.firstIndex(where: { $0.isEmpty }) {
      throw call.bad(i, "prompt \(empty + 1) is empty: a prompt has at least one token, such as bos")
    }
    return (try TokenRows(prompts: prompts, responses: responses), i + 2)
  }

  /// Whole sequences at argument `i`: Rows, or a list of lists of ids.
  static func sequences(_ call: Call, _ i: Int) throws -> TokenBatch {
    if let rows = call.objectIfAny(i) as? TokenRows { return rows.batch }
    return try TokenBatch(try call.tokenLists(i, "sequences", "sequence"))
  }

  static func responseLengths(_ rows: TokenRows) -> [Int] { (0..<rows.count).map(rows.responses.length) }

  static func lengths(_ rows: TokenRows) throws -> Variable {
    Variable(try Tensor(responseLengths(rows).map(Float.init), shape: [rows.count]))
  }

  /// Sums over each response of one number a token, [n].
  static func sums(_ rows: TokenRows, _ values: Variable) throws -> Variable {
    try Op.segmentSum(values, lengths: responseLengths(rows))
  }

  private static func position(_ call: Call, _ rows: TokenRows) throws -> Int {
    let i = try call.integer(2)
    if i < 1 || i > rows.count { throw call.bad(2, "row \(i) is out of 1..\(rows.count)") }
    return i - 1
  }

  private static func labelled(_ call: Call, _ rows: TokenRows) throws -> Int {
    let (labels, eos) = (try call.table(2).integers(), try call.integer(3))
    let others = try (4..<max(call.count + 1, 4)).map { try call.object($0, as: TokenRows.self) }
    try call.pushObject(try rows.labelled(labels, eos: eos, others: others))
    return 1
  }
}
