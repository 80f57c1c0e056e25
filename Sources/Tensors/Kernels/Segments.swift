/// The ranges of sequences in packed tokens.
///
/// Sequences of a batch are consecutive, without padding. Token i of the batch belongs to the sequence whose
/// range contains i, at position i - start.
import Base

public struct Segments: Sendable {
  /// The first token of each sequence, followed by the number of tokens.
  public let starts: [Int]

  /// Sequences of so many tokens, which may be none. Throws for a negative length, and where all do not fit in 64 bits.
  public init(lengths: [Int]) throws {
    var starts = [0]
    for length in lengths {
      if length < 0 { throw Failure(.value, "negative sequence length \(length)") }
      starts.append(try Checked.plus(starts[starts.count - 1], length, "tokens"))
    }
    self.starts = starts
  }

  public var count: Int { starts.count - 1 }
  public var tokenCount: Int { starts[starts.count - 1] }
  public var longest: Int { (0..<count).map(length).max() ?? 0 }
  public func length(_ sequence: Int) -> Int { starts[sequence + 1] - starts[sequence] }
  public func range(_ sequence: Int) -> Range<Int> { starts[sequence]..<starts[sequence + 1] }
}
