/// How tokens are drawn.
import Base

public struct SamplingOptions: Sendable {
  /// Divides the logits; 0 is greedy.
  public var temperature = 1.0
  /// Only the k most likely tokens; 0 for all.
  public var topK = 0
  /// Only the smallest set of most likely tokens with this probability together. Holtzman et al.,
  /// arXiv:1904.09751.
  public var topP = 1.0
  /// Only tokens at least this fraction as likely as the most likely one. Nguyen et al., arXiv:2407.01082.
  public var minP = 0.0
  public var maxNewTokens = 32
  /// A row ends after one of these; it is part of the row.
  public var stopIds: Set<Int> = []
  public var seed: UInt64 = 0
  /// Independent stream of the seed, from 1 to 255; nil for the seed itself.
  public var stream: Int?
  /// Number of this draw: the same (seed, stream, step) gives the same tokens, and row i depends on no other
  /// row.
  public var step = 0
  /// Responses to each prompt, next to each other.
  public var count = 1
  /// Number of the first prompt, from 1: a response depends on its prompt's number, not on the chunk it is
  /// drawn in.
  public var first = 1
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
    if let stream, !(1...255).contains(stream) {
      throw Failure(.value, "stream must be from 1 to 255, got \(stream)")
    }
    if !(1...Self.rowsMax).contains(count) {
      throw Failure(.value, "count must be from 1 to \(Self.rowsMax), got \(count)")
    }
    if !(1...Self.rowsMax).contains(first) {
      throw Failure(.value, "first must be from 1 to \(Self.rowsMax), got \(first)")
    }
  }

  /// Rows that one step can number.
  static let rowsMax = 1 << 24

  /// Refuses what `prompts` prompts cannot be drawn with.
  func validate(prompts: Int) throws {
    if let seeds = rowSeeds {
      if seeds.count != prompts { throw Failure(.value, "\(seeds.count) row seeds for \(prompts) prompts") }
      if count != 1 {
        throw Failure(.value, "count must be 1 where each prompt has its own seed, got \(count)")
      }
    }
    if try Checked.times(try Checked.plus(first - 1, prompts, "rows"), count, "rows") > Self.rowsMax {
      throw Failure(
        .value,
        "\(prompts) prompts from \(first) on, \(count) responses each: a step has at most \(Self.rowsMax) "
          + "rows"
      )
    }
  }

  var drawsFromWholeVocabulary: Bool { topK == 0 && topP == 1 && minP == 0 }

  /// The uniform number of row `row` at its token `index`: a pure function of (seed, stream, step, row,
  /// index), where rows are counted from that of prompt 1.
  func uniform(row: Int, index: Int) -> Double {
    var seed = rowSeeds?[row] ?? self.seed
    if let stream { seed = seed << 8 ^ UInt64(stream) }
    let lane = rowSeeds == nil ? UInt64((first - 1) * count + row) : 0
    let stream = Philox(seed: seed ^ Philox.hash("sample"), subsequence: UInt64(step) << 24 ^ lane)
    let words = stream.words(at: UInt64(index))
    return (Double(words[0]) * 0x1p21 + Double(words[1] >> 11)) * 0x1p-53
  }
}
