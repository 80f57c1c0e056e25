/// Rows of a prompt and a response, packed once: what sampling gives and what log-probabilities, judges and
/// losses read.
///
/// Immutable: token ids, what a model's pass needs of them, and named columns with a number for each response
/// token.
///
///     let rows = try TokenRows(prompts: [[1, 5], [1]], responses: [[9, 2], [7]])
///     try model.tokenLogps(rows)        // of tokens 9, 2 and 7: [3]
import Base
import Tensors

public final class TokenRows {
  public typealias Column = (name: String, values: Tensor)

  /// The whole sequences, prompt and response.
  public let batch: TokenBatch
  public let promptLengths: [Int]
  /// The runs of response tokens, packed one response after another.
  public let responses: Segments
  /// In the order in which they were added; each [responses.tokenCount] of f32.
  public let columns: [Column]
  private let predictions: Predictions

  private init(_ batch: TokenBatch, _ promptLengths: [Int], columns: [Column]) throws {
    self.batch = batch
    self.promptLengths = promptLengths
    let segments = try Segments(
      lengths: promptLengths.enumerated().map { batch.segments.length($0.offset) - $0.element })
    responses = segments
    predictions = Predictions()
    self.columns = try columns.map { ($0.name, try Self.checked($0, segments.tokenCount)) }
  }

  private init(_ rows: TokenRows, columns: [Column]) {
    (batch, promptLengths, responses) = (rows.batch, rows.promptLengths, rows.responses)
    (predictions, self.columns) = (rows.predictions, columns)
  }

  /// Sequences, with the number of tokens before each response: at least 1.
  public convenience init(_ sequences: [[Int]], from: [Int], columns: [Column] = []) throws {
    if from.count != sequences.count {
      throw Failure(.shape, "\(from.count) starts for \(sequences.count) sequences")
    }
    for (row, start) in from.enumerated() where start < 1 || start > sequences[row].count {
      throw Failure(
        .index,
        "sequence \(row + 1): a response must follow at least one token and start inside "
          + "\(sequences[row].count) tokens, got position \(start + 1)"
      )
    }
    try self.init(try TokenBatch(sequences), from, columns: columns)
  }

  /// A response to each prompt.
  public convenience init(prompts: [[Int]], responses: [[Int]], columns: [Column] = []) throws {
    if prompts.count != responses.count {
      throw Failure(.shape, "\(responses.count) responses for \(prompts.count) prompts")
    }
    if let empty = prompts.firstIndex(where: { $0.isEmpty }) {
      throw Failure(.value, "prompt \(empty + 1) is empty: a prompt has at least one token, such as bos")
    }
    try self.init(zip(prompts, responses).map { $0 + $1 }, from: prompts.map(\.count), columns: columns)
  }

  public var count: Int { promptLengths.count }

  /// The ids of row `row`, counted from 0.
  public func prompt(_ row: Int) -> [Int] { batch.sequence(row).prefix(promptLengths[row]).map { Int($0) } }
  public func response(_ row: Int) -> [Int] {
    batch.sequence(row).dropFirst(promptLengths[row]).map { Int($0) }
  }

  // MARK: Columns

  public func column(_ name: String) -> Tensor? { columns.last { $0.name == name }?.values }

  /// The same rows with a column more, or with another one of that name. The values are copied.
  public func with(_ name: String, _ values: Tensor) throws -> TokenRows {
    let values = try Self.checked((name, values), responses.tokenCount)
    return TokenRows(self, columns: columns.filter { $0.name != name } + [(name, values)])
  }

  private static func checked(_ column: Column, _ count: Int) throws -> Tensor {
    if column.values.rank != 1 || column.values.elementCount != count {
      throw Failure(
        .shape,
        "column '\(column.name)': expected \(count) numbers, one a response token, got a tensor of "
          + "\(column.values.shape)"
      )
    }
    return try column.values.cast(to: .f32).copied()
  }

  // MARK: Other rows

  /// The rows at `places`, counted from 0, with their columns.
  public func selected(_ places: [Int]) throws -> TokenRows {
    if let wrong = places.first(where: { $0 < 0 || $0 >= count }) {
      throw Failure(.index, "row \(wrong + 1) is out of 1..\(count)")
    }
    return try TokenRows(
      places.map { prompt($0) + response($0) }, from: places.map { promptLengths[$0] },
      columns: try columns.map { ($0.name, try gathered($0.values, places)) })
  }

  private func gathered(_ values: Tensor, _ places: [Int]) throws -> Tensor {
    let total = places.reduce(0) { $0 + responses.length($1) }
    let result = try Tensor(uninitialized: [total], .f32)
    var to = result.pointer(Float.self)
    for place in places {
      let range = responses.range(place)
      to.update(from: values.pointer(Float.self) + range.lowerBound, count: range.count)
      to += range.count
    }
    return result
  }

  /// These rows, then those of `others`, with the columns that all of them have.
  public func concatenated(_ others: [TokenRows]) throws -> TokenRows {
    let all = [self] + others
    let shared = columns.map(\.name).filter { name in all.allSatisfy { $0.column(name) != nil } }
    let joined = try shared.map { name in
      let values = try all.flatMap { try $0.column(name)?.elements(Float.self) ?? [] }
      return (name, try Tensor(values, shape: [values.count]))
    }
    return try TokenRows(
      all.flatMap { rows in (0..<rows.count).map { rows.prompt($0) + rows.response($0) } },
      from: all.flatMap(\.promptLengths), columns: joined)
  }

  /// The first row whose prompt is another than in `other`; nil where all are the same.
  public func firstOtherPrompt(_ other: TokenRows) -> Int? {
    if other.batch === batch { return nil }
    return (0..<min(count, other.count)).first { row in
      promptLengths[row] != other.promptLengths[row]
        || !batch.sequence(row).prefix(promptLengths[row]).elementsEqual(
          other.batch.sequence(row).prefix(promptLengths[row]))
    } ?? (count == other.count ? nil : min(count, other.count))
  }

  /// What a judge reads, as responses to the same prompts: a label, the response, the end-of-sequence id
  /// where it is not there, and the same for each of `others`.
  public func labelled(_ labels: [Int], eos: Int, others: [TokenRows]) throws -> TokenRows {
    if labels.count != others.count + 1 {
      throw Failure(.shape, "\(labels.count) labels for \(others.count + 1) responses to a prompt")
    }
    for other in others {
      if let row = firstOtherPrompt(other) { throw Failure(.value, "row \(row + 1) has another prompt") }
    }
    let read = (0..<count).map { row in
      zip(labels, [self] + others).flatMap { label, rows in
        let response = [label] + rows.response(row)
        return response.last == eos ? response : response + [eos]
      }
    }
    return try TokenRows(prompts: (0..<count).map(prompt), responses: read)
  }

  // MARK: What a pass of a model reads

  /// Computed once for all models that read these rows.
  private final class Predictions {
    var responses, prompts: (rows: Tensor, targets: Tensor)?
  }

  /// For the response tokens: the rows of the packed sequences whose hidden state predicts them, and the
  /// tokens.
  func responsePredictions() throws -> (rows: Tensor, targets: Tensor) {
    if let known = predictions.responses { return known }
    let made = try predicted { row in promptLengths[row]..<batch.segments.length(row) }
    predictions.responses = made
    return made
  }

  /// The same for the tokens of prompts from the second on: the first has nothing before it.
  func promptPredictions() throws -> (rows: Tensor, targets: Tensor) {
    if let known = predictions.prompts { return known }
    let made = try predicted { row in 1..<promptLengths[row] }
    predictions.prompts = made
    return made
  }

  private func predicted(_ positions: (Int) -> Range<Int>) throws -> (rows: Tensor, targets: Tensor) {
    let all = batch.ids.pointer(Int64.self)
    var (rows, targets): ([Int64], [Int64]) = ([], [])
    for row in 0..<count {
      let start = batch.segments.range(row).lowerBound
      for position in positions(row) {
        rows.append(Int64(start + position - 1))
        targets.append(all[start + position])
      }
    }
    return (try Tensor(rows, shape: [rows.count]), try Tensor(targets, shape: [targets.count]))
  }
}
