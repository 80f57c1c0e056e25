/// `Rows` of Lua: prompts and responses packed once. `model:sample` gives them; models, judges and losses read them.
import Autograd
import Base
import LuaEngine
import Models
import Tensors

enum RowsClass {
  static func declaration() -> LuaClass<TokenRows> {
    var rows = LuaClass<TokenRows>("Rows")
    rows.metamethod("__len") { call in
      try call.pushInteger(try call.object(1, as: TokenRows.self).count)
      return 1
    }
    rows.metamethod("__tostring") { call in
      let rows = try call.object(1, as: TokenRows.self)
      let names = rows.columns.isEmpty ? "" : "; " + rows.columns.map(\.name).joined(separator: ", ")
      try call.pushString(
        "[Rows \(rows.count), \(rows.batch.segments.tokenCount) tokens, \(rows.responses.tokenCount) of responses\(names)]"
      )
      return 1
    }
    rows.method("prompt") { call, rows in
      try call.pushIntegers(rows.prompt(try position(call, rows)))
      return 1
    }
    rows.method("response") { call, rows in
      try call.pushIntegers(rows.response(try position(call, rows)))
      return 1
    }
    rows.method("prompts") { call, rows in
      try call.pushIntegerLists((0..<rows.count).map(rows.prompt))
      return 1
    }
    rows.method("responses") { call, rows in
      try call.pushIntegerLists((0..<rows.count).map(rows.response))
      return 1
    }
    rows.method("lengths") { call, rows in
      try call.pushObject(try lengths(rows))
      return 1
    }
    rows.method("prompt_lengths") { call, rows in
      try call.pushObject(Variable(try Tensor(rows.promptLengths.map(Float.init), shape: [rows.count])))
      return 1
    }
    rows.method("select") { call, rows in
      let places = try call.table(2).integers()
      if let wrong = places.first(where: { $0 < 1 || $0 > rows.count }) {
        throw call.bad(2, "row \(wrong) is out of 1..\(rows.count)")
      }
      try call.pushObject(try rows.selected(places.map { $0 - 1 }))
      return 1
    }
    rows.method("concat") { call, rows in
      let others = try (2..<max(call.count + 1, 2)).map { try call.object($0, as: TokenRows.self) }
      try call.pushObject(try rows.concatenated(others))
      return 1
    }
    rows.method("column") { call, rows in
      guard let column = rows.column(try call.string(2)) else {
        try call.pushNil()
        return 1
      }
      try call.pushObject(Variable(try column.copied()))
      return 1
    }
    rows.method("columns") { call, rows in
      try call.push(.list(rows.columns.map { .string($0.name) }))
      return 1
    }
    rows.method("with") { call, rows in
      try call.pushObject(try rows.with(try call.string(2), try call.object(3, as: Variable.self).value))
      return 1
    }
    rows.method("sums") { call, rows in
      try call.pushObject(try sums(rows, try call.object(2)))
      return 1
    }
    rows.method("means") { call, rows in
      let counts = Variable(try Tensor(responseLengths(rows).map { Float(max($0, 1)) }, shape: [rows.count]))
      try call.pushObject(try sums(rows, try call.object(2)).dividedBy(counts))
      return 1
    }
    rows.method("spread", spread)
    rows.method("split", split)
    rows.method("labelled", labelled)
    rows.method("same_prompts") { call, rows in
      try call.pushBoolean(rows.firstOtherPrompt(try call.object(2)) == nil)
      return 1
    }
    return rows
  }

  /// models.rows(prompts, responses)
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
    try Op.segmentSum([values], [.integers(responseLengths(rows))])[0]
  }

  private static func position(_ call: Call, _ rows: TokenRows) throws -> Int {
    let i = try call.integer(2)
    if i < 1 || i > rows.count { throw call.bad(2, "row \(i) is out of 1..\(rows.count)") }
    return i - 1
  }

  /// rows:spread(y): the number of each row at each of its response tokens, [n] -> [N]
  private static func spread(_ call: Call, _ rows: TokenRows) throws -> Int {
    let values = try call.object(2, as: Variable.self)
    if values.value.shape != [rows.count] {
      throw call.bad(2, "expected \(rows.count) numbers, one a row, got a tensor of \(values.value.shape)")
    }
    let owners = (0..<rows.count).flatMap {
      Array(repeating: Int64($0 + 1), count: rows.responses.length($0))
    }
    let index = Variable(try Tensor(owners, shape: [owners.count]))
    try call.pushObject(try values.apply(.indexSelect, index, attributes: [.integer(0)]))
    return 1
  }

  /// rows:split(x): the part of each response, a list of views
  private static func split(_ call: Call, _ rows: TokenRows) throws -> Int {
    let values = try call.object(2, as: Variable.self)
    if values.value.rank < 1 || values.value.shape[0] != rows.responses.tokenCount {
      throw call.bad(
        2,
        "expected \(rows.responses.tokenCount) numbers, one a response token, got a tensor of \(values.value.shape)"
      )
    }
    let parts = try (0..<rows.count).map { row in
      let range = rows.responses.range(row)
      return LuaValue.object(try values.narrowed(0, from: range.lowerBound, length: range.count))
    }
    try call.push(.list(parts))
    return 1
  }

  /// rows:labelled(labels, eos, ...): each response after a label and closed by eos, with those of other rows
  private static func labelled(_ call: Call, _ rows: TokenRows) throws -> Int {
    let (labels, eos) = (try call.table(2).integers(), try call.integer(3))
    let others = try (4..<max(call.count + 1, 4)).map { try call.object($0, as: TokenRows.self) }
    try call.pushObject(try rows.labelled(labels, eos: eos, others: others))
    return 1
  }
}
