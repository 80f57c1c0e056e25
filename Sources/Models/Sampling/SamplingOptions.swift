/// How tokens are drawn.
import Base

public struct SamplingOptions: Sendable {
  /// Divides the logits; 0 is greedy.
  public var temperature = 1.0
  /// Only the k most likely tokens; 0 for all.
  public var topK = 0
  /// Only the smallest set of most likely tokens with this probability together. Holtzman et al., arXiv:1904.09751.
  public var topP = 1.0
  /// Only tokens at least this fraction as likely as the most likely one. Nguyen et al., arXiv:2407.01082.
  public var minP = 0.0
  public var maxNewTokens = 32
  /// A row ends after one of these; it is part of the row.
  public var stopIds: Set<Int> = []
  public var seed: UInt64 = 0
  /// Number of this draw: the same (seed, step) gives the same tokens, and row i depends on no other row.
  public var step = 0
  /// Overrides `seed` for each row.
  public var rowSeeds: [UInt64]?

  public init() {}

  func validate() throws {
    if !(temperature >= 0 && temperature.isFinite) {
      throw Failure(.value, "temperature must be at least 0, got \(temperature)")
    }
    if topK < 0 { throw Failure(.value, "top_k must be at least 0, got \(topK)") }
    if !(topP > 0 && topP <= 1) { throw Failure(.value, "top_p must be in (0, 1], got \(topP)") }
    if !(minP >= 0 && minP <= 1) { throw Failure(.value, "min_p must be in [0, 1], got \(minP)") }
    if maxNewTokens < 0 { throw Failure(.value, "max_new_tokens must be at least 0, got \(maxNewTokens)") }
    if step < 0 { throw Failure(.value, "step must be at least 0, got \(step)") }
  }

  var drawsFromWholeVocabulary: Bool { topK == 0 && topP == 1 && minP == 0 }

  /// The uniform number of row `row` at its token `index`: a pure function of (seed, step, row, index).
  func uniform(row: Int, index: Int) -> Double {
    let seed = rowSeeds?[row] ?? self.seed
    let lane = rowSeeds == nil ? UInt64(row) : 0
    let stream = Philox(seed: seed ^ Philox.hash("sample"), subsequence: UInt64(step) << 24 ^ lane)
    let words = stream.words(at: UInt64(index))
    return (Double(words[0]) * 0x1p21 + Double(words[1] >> 11)) * 0x1p-53
  }
}
