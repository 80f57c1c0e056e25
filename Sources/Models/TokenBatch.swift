/// Token sequences packed one after another, without padding.
import Base
import Tensors

public final class TokenBatch {
  /// All tokens, [N].
  public let ids: Tensor
  public let segments: Segments
  private let least, most: Int64
  private var cachedPositions: Tensor?
  private var cachedPrefixes: SharedPrefixes??

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
    if let misfit = misfit(config) { throw misfit.failure(config) }
  }

  /// The first sequence that a model of this shape cannot read; nil when it can read all.
  public func misfit(_ config: TransformerConfig) -> Misfit? {
    if segments.longest > config.maxLength {
      let row = (0..<segments.count).first { segments.length($0) > config.maxLength } ?? 0
      return .length(row: row, segments.length(row))
    }
    if segments.tokenCount == 0 || least >= 0 && most < config.vocab { return nil }
    return (0..<segments.count).lazy.compactMap { Self.badId($0, self.sequence($0), config) }.first
  }

  /// The same check for lists that are not packed.
  static func check(_ sequences: [[Int]], _ config: TransformerConfig) throws {
    for (row, sequence) in sequences.enumerated() {
      if sequence.count > config.maxLength {
        throw Misfit.length(row: row, sequence.count).failure(config)
      }
      if let bad = sequence.withUnsafeBufferPointer({ badId(row, $0, config) }) { throw bad.failure(config) }
    }
  }

  private static func badId<T: BinaryInteger>(
    _ row: Int, _ sequence: UnsafeBufferPointer<T>, _ config: TransformerConfig
  ) -> Misfit? {
    guard let at = sequence.firstIndex(where: { $0 < 0 || $0 >= config.vocab }) else { return nil }
    return .id(row: row, at: at, Int(sequence[at]))
  }

  /// Why a model cannot read a sequence; rows and positions count from 0.
  public enum Misfit {
    case length(row: Int, Int)
    case id(row: Int, at: Int, Int)

    public var row: Int {
      switch self {
      case .length(let row, _), .id(let row, _, _): return row
      }
    }

    /// What is wrong with the sequence.
    public func reason(_ config: TransformerConfig) -> String {
      switch self {
      case .length(_, let count): return "has \(count) tokens, the model takes at most \(config.maxLength)"
      case .id(_, let at, let id):
        return
          "token \(at + 1) is \(id), not a token id: expected 0..\(config.vocab - 1) (vocab \(config.vocab))"
      }
    }

    func failure(_ config: TransformerConfig) -> Failure {
      switch self {
      case .length(let row, _): return Failure(.value, "sequence \(row + 1) \(reason(config))")
      case .id(let row, let at, let id):
        return Failure(
          .index,
          "\(id) at [\(row + 1),\(at + 1)] is not a token id: expected 0..\(config.vocab - 1) (vocab \(config.vocab))"
        )
      }
    }
  }

  /// Refuses a sequence without tokens, after which there is no state.
  func checkNoneEmpty() throws {
    if let empty = (0..<segments.count).first(where: { segments.length($0) == 0 }) {
      throw Failure(.value, "sequence \(empty + 1) is empty")
    }
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

  /// The beginnings that are computed once; nil where sequences have little in common.
  func sharedPrefixes() throws -> SharedPrefixes? {
    if let cachedPrefixes { return cachedPrefixes }
    let made = try SharedPrefixes(self)
    cachedPrefixes = .some(made)
    return made
  }
}

/// A batch belongs to one thread: what it makes when it is first asked for is not guarded.
@available(*, unavailable)
extension TokenBatch: Sendable {}
