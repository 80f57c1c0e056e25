/// Token sequences packed one after another, without padding.
import Base
import Tensors

public final class TokenBatch {
  /// All tokens, [N].
  public let ids: Tensor
  public let segments: Segments
  private let least, most: Int64
  private var cachedPositions: Tensor?

  public init(_ sequences: [[Int]]) throws {
    segments = try Segments(lengths: sequences.map(\.count))
    ids = try Tensor(uninitialized: [segments.tokenCount], .i64)
    let p = ids.pointer(Int64.self)
    var (at, least, most) = (0, Int64.max, Int64.min)
    for sequence in sequences {
      for id in sequence {
        let id = Int64(id)
        p[at] = id
        (least, most, at) = (min(least, id), max(most, id), at + 1)
      }
    }
    (self.least, self.most) = (least, most)
  }

  /// The same, checked against a model.
  public convenience init(_ sequences: [[Int]], config: TransformerConfig) throws {
    try self.init(sequences)
    try check(config)
  }

  /// Refuses a sequence that is longer than the model's context, and an id outside its vocabulary.
  public func check(_ config: TransformerConfig) throws {
    if segments.longest > config.maxLength {
      let row = (0..<segments.count).first { segments.length($0) > config.maxLength } ?? 0
      throw Self.tooLong(row, segments.length(row), config)
    }
    if segments.tokenCount == 0 || least >= 0 && most < config.vocab { return }
    for row in 0..<segments.count { try Self.check(row, Int64.self, sequence(row), config) }
  }

  /// The same check for lists that are not packed.
  static func check(_ sequences: [[Int]], _ config: TransformerConfig) throws {
    for (row, sequence) in sequences.enumerated() {
      if sequence.count > config.maxLength { throw tooLong(row, sequence.count, config) }
      try sequence.withUnsafeBufferPointer { try check(row, Int.self, $0, config) }
    }
  }

  private static func tooLong(_ row: Int, _ count: Int, _ config: TransformerConfig) -> Failure {
    Failure(
      .value, "sequence \(row + 1) has \(count) tokens, the model takes at most \(config.maxLength)")
  }

  private static func check<T: BinaryInteger>(
    _ row: Int, _ type: T.Type, _ sequence: UnsafeBufferPointer<T>, _ config: TransformerConfig
  ) throws {
    guard let at = sequence.firstIndex(where: { $0 < 0 || $0 >= config.vocab }) else { return }
    throw Failure(
      .index,
      "\(sequence[at]) at [\(row + 1),\(at + 1)] is not a token id: expected 0..\(config.vocab - 1) (vocab \(config.vocab))"
    )
  }

  /// The ids of a sequence; valid while the batch is alive.
  func sequence(_ row: Int) -> UnsafeBufferPointer<Int64> {
    let range = segments.range(row)
    return UnsafeBufferPointer(start: ids.pointer(Int64.self) + range.lowerBound, count: range.count)
  }

  /// The position of every token in its sequence, [N].
  func positions() throws -> Tensor {
    if let cachedPositions { return cachedPositions }
    let all = (0..<segments.count).flatMap { (0..<segments.length($0)).map(Int64.init) }
    let made = try Tensor(all, shape: [segments.tokenCount])
    cachedPositions = made
    return made
  }
}
