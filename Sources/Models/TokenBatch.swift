/// Token sequences laid one after another, checked against a model's vocabulary and length.
import Base
import Tensors

public struct TokenBatch {
  /// All tokens, [N].
  public let ids: Tensor
  public let segments: Segments

  public init(_ sequences: [[Int]], config: TransformerConfig) throws {
    for (row, sequence) in sequences.enumerated() {
      if sequence.count > config.maxLength {
        throw Failure(
          .value,
          "sequence \(row + 1) has \(sequence.count) tokens, the model takes at most \(config.maxLength)")
      }
      if let at = sequence.firstIndex(where: { $0 < 0 || $0 >= config.vocab }) {
        throw Failure(
          .index,
          "\(sequence[at]) at [\(row + 1),\(at + 1)] is not a token id: expected 0..\(config.vocab - 1) (vocab \(config.vocab))"
        )
      }
    }
    segments = try Segments(lengths: sequences.map(\.count))
    ids = try Tensor(sequences.flatMap { $0.map(Int64.init) }, shape: [segments.tokenCount])
  }

  /// The position of every token in its sequence, [N].
  func positions() throws -> Tensor {
    let all = (0..<segments.count).flatMap { (0..<segments.length($0)).map(Int64.init) }
    return try Tensor(all, shape: [segments.tokenCount])
  }

  /// For the tokens from position `from[i]` on: the rows whose hidden state predicts them, and the tokens.
  func predictions(from: [Int]) throws -> (rows: Tensor, targets: Tensor) {
    if from.count != segments.count {
      throw Failure(.shape, "\(from.count) starts for \(segments.count) sequences")
    }
    let all = ids.pointer(Int64.self)
    var rows: [Int64] = []
    var targets: [Int64] = []
    for (sequence, first) in from.enumerated() {
      let range = segments.range(sequence)
      if first < 1 || first > range.count {
        throw Failure(
          .index,
          "sequence \(sequence + 1): a response must follow at least one token and start inside \(range.count) tokens, got position \(first + 1)"
        )
      }
      for token in range.lowerBound + first..<range.upperBound {
        rows.append(Int64(token - 1))
        targets.append(all[token])
      }
    }
    return (try Tensor(rows, shape: [rows.count]), try Tensor(targets, shape: [targets.count]))
  }
}
