/// The columns of Rows, one number per response token, and their sums, means and parts per row.
import Autograd
import Base
import LuaEngine
import Models
import Tensors

extension RowsClass {
  private static let wrongCount = "the number of values is not N"

  static func addColumns(_ rows: inout NativeClass<TokenRows>) {
    rows.method(
      "column",
      Page(
        "rows:column(name)",
        "A copy of a column, one number per response token, or nil. Rows of model:sample have \"logps\" and "
          + "\"sampling_logps\".",
        shapes: "-> [N] f32, for N response tokens in all",
        example: two + "print(rows:column 'logps')", prints: "nil")
    ) { call, rows in
      guard let column = rows.column(try call.string(2)) else {
        try call.pushNil()
        return 1
      }
      try call.pushObject(Variable(try column.copied()))
      return 1
    }
    rows.method(
      "columns",
      Page(
        "rows:columns()", "A list of the names of the columns.",
        example: two + "print(rows:with('reward', T{1, 2, 3}):columns()[1])", prints: "reward")
    ) { call, rows in
      try call.push(.list(rows.columns.map { .string($0.name) }))
      return 1
    }
    rows.method(
      "with",
      Page(
        "rows:with(name, values)",
        "The same rows with one more column, a detached copy of values. Values are packed: one response "
          + "after another.",
        shapes: "values [N]",
        errors: wrongCount,
        example: two + "print(rows:with('reward', T{1, 2, 3}):column 'reward')",
        prints: "[1, 2, 3]\n[Tensor f32 3]")
    ) { call, rows in
      try call.pushObject(try rows.with(try call.string(2), try call.object(3, as: Variable.self).value))
      return 1
    }
    rows.method(
      "sums",
      Page(
        "rows:sums(values)", "The sum of values over each response. Differentiable.",
        shapes: "[N] -> [n]",
        errors: wrongCount,
        example: two + "print(rows:sums(T{1, 2, 3}))", prints: "[3, 3]\n[Tensor f32 2]")
    ) { call, rows in
      try call.pushObject(try sums(rows, try call.object(2)))
      return 1
    }
    rows.method(
      "means",
      Page(
        "rows:means(values)", "The mean of values over each response; 0 for an empty one. Differentiable.",
        shapes: "[N] -> [n]",
        errors: wrongCount,
        example: two + "print(rows:means(T{1, 2, 3}))", prints: "[1.5, 3.0]\n[Tensor f32 2]")
    ) { call, rows in
      let counts = Variable(try Tensor(responseLengths(rows).map { Float(max($0, 1)) }, shape: [rows.count]))
      try call.pushObject(try sums(rows, try call.object(2)).dividedBy(counts))
      return 1
    }
    rows.method(
      "spread",
      Page(
        "rows:spread(values)",
        "The value of each row repeated for each of its response tokens. Differentiable.",
        shapes: "[n] -> [N]",
        errors: "the number of values is not n",
        example: two + "print(rows:spread(T{5, 7}))", prints: "[5, 5, 7]\n[Tensor f32 3]"), spread)
    rows.method(
      "split",
      Page(
        "rows:split(values)", "The values of each response: a list of n views.",
        shapes: "[N, ...] -> n tensors",
        errors: wrongCount,
        example: two + "print(rows:split(T{1, 2, 3})[1])", prints: "[1, 2]\n[Tensor f32 2]"), split)
  }

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

  private static func split(_ call: Call, _ rows: TokenRows) throws -> Int {
    let values = try call.object(2, as: Variable.self)
    if values.value.rank < 1 || values.value.shape[0] != rows.responses.tokenCount {
      throw call.bad(
        2,
        "expected \(rows.responses.tokenCount) numbers, one a response token, got a tensor of "
          + "\(values.value.shape)"
      )
    }
    let parts = try (0..<rows.count).map { row in
      let range = rows.responses.range(row)
      return LuaValue.object(try values.narrowed(0, from: range.lowerBound, length: range.count))
    }
    try call.push(.list(parts))
    return 1
  }
}
