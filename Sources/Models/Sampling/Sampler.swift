/// Batched sampling with a key-value cache.
///
/// Rows are cut into blocks by the batch's size alone; each block runs from prompt to last token on one thread, so
/// that there is nothing to wait for between tokens. Rows with the same prompt read it once.
import Autograd
import Base
import Tensors

/// What was drawn for one prompt.
public struct Response: Sendable {
  public var tokens: [Int] = []
  /// Under the model's softmax at temperature 1.
  public var logps: [Float] = []
  /// Under the distribution that the token was drawn from.
  public var samplingLogps: [Float] = []
}

extension Transformer {
  /// Continues each prompt. Throws `.interrupted` on Ctrl-C.
  public func sample(_ prompts: [[Int]], _ options: SamplingOptions) throws -> [Response] {
    try options.validate()
    _ = try TokenBatch(prompts, config: config)
    if let row = prompts.firstIndex(where: { $0.isEmpty }) {
      throw Failure(.value, "prompt \(row + 1) is empty: a prompt has at least one token, such as bos")
    }
    if let seeds = options.rowSeeds, seeds.count != prompts.count {
      throw Failure(.value, "\(seeds.count) row seeds for \(prompts.count) prompts")
    }
    for (row, prompt) in prompts.enumerated() where prompt.count > config.maxLength - options.maxNewTokens {
      throw Failure(
        .value,
        "prompt \(row + 1) of \(prompt.count) tokens and \(options.maxNewTokens) new ones pass the model's \(config.maxLength)")
    }
    if prompts.isEmpty || options.maxNewTokens == 0 { return prompts.map { _ in Response() } }
    let weights = try DecoderWeights(self)
    let size = Self.blockSize(rows: prompts.count, weights)
    let blocks = try stride(from: 0, to: prompts.count, by: size).map { start in
      try SamplingBlock(weights, prompts, start..<min(start + size, prompts.count), options)
    }
    if blocks.count == 1 { blocks[0].run() } else { Parallel.run(blocks.count) { blocks[$0].run() } }
    try Interrupt.check()
    if let failure = blocks.lazy.compactMap(\.failure).first { throw failure }
    return blocks.flatMap(\.responses)
  }

  /// Rows per block. Weights beyond 32 MB are read once for all rows, with the products cut over the threads instead.
  private static func blockSize(rows: Int, _ weights: DecoderWeights) -> Int {
    weights.byteCount > 32 << 20 ? min(rows, 64) : max(4, min(32, (rows + 1) / 2))
  }
}

private final class SamplingBlock: @unchecked Sendable {
  private let rows: Range<Int>
  private let prompts: [[Int]]
  private let options: SamplingOptions
  private let weights: DecoderWeights
  private let decoder: Decoder
  private let logits: Tensor
  private let scratch: Tensor
  private(set) var responses: [Response]
  /// Why the block ended early.
  private(set) var failure: Failure?

  init(_ weights: DecoderWeights, _ prompts: [[Int]], _ rows: Range<Int>, _ options: SamplingOptions) throws {
    self.weights = weights
    self.rows = rows
    self.prompts = Array(prompts[rows])
    self.options = options
    let longest = self.prompts.map(\.count).max() ?? 0
    decoder = try Decoder(
      weights, rows: rows.count, positions: longest + options.maxNewTokens, tokensAtOnce: max(longest, rows.count))
    logits = try Tensor(uninitialized: [rows.count, weights.config.vocab], .f32)
    scratch = try Tensor(uninitialized: [weights.config.vocab], .f32)
    responses = self.prompts.map { _ in Response() }
  }

  func run() {
    var active = Array(0..<prompts.count)
    readPrompts()
    for _ in 0..<options.maxNewTokens {
      active.removeAll { isFinished($0) }
      if active.isEmpty || failure != nil || Interrupt.isPending { return }
      let tokens = active.compactMap { row -> Decoder.Token? in
        guard let last = responses[row].tokens.last else { return nil }
        return Decoder.Token(id: last, row: row, position: prompts[row].count + responses[row].tokens.count - 1)
      }
      drawNext(decoder.read(tokens), active)
    }
  }

  private func isFinished(_ row: Int) -> Bool {
    let tokens = responses[row].tokens
    if tokens.count >= options.maxNewTokens { return true }
    return tokens.last.map(options.stopIds.contains) ?? false
  }

  /// Reads each distinct prompt once and draws the first token of every row.
  private func readPrompts() {
    var first: [[Int]: Int] = [:]
    let dim = weights.config.dim
    for (row, prompt) in prompts.enumerated() {
      if let twin = first[prompt] {
        decoder.cache.copy(row: twin, to: row)
        continue
      }
      first[prompt] = row
      let states = decoder.read(
        prompt.enumerated().map { Decoder.Token(id: $1, row: row, position: $0) })
      let twins = (row..<prompts.count).filter { prompts[$0] == prompt }
      for twin in twins { drawNext(states + (prompt.count - 1) * dim, [twin]) }
    }
  }

  private func drawNext(_ states: Floats, _ active: [Int]) {
    let vocabulary = weights.config.vocab
    let out = logits.pointer(Float.self)
    weights.head.apply(states, out, rows: active.count)
    for (i, row) in active.enumerated() {
      let index = responses[row].tokens.count
      let drawn = options.draw(
        out + i * vocabulary, vocabulary: vocabulary,
        uniform: options.uniform(row: rows.lowerBound + row, index: index), scratch: scratch.pointer(Float.self))
      guard let drawn else {
        let place = "token \(index + 1) after prompt \(rows.lowerBound + row + 1)"
        failure = failure ?? Failure(.numeric, "the logits of \(place) make no distribution: they hold nan or inf")
        return
      }
      responses[row].tokens.append(drawn.id)
      responses[row].logps.append(drawn.logp)
      responses[row].samplingLogps.append(drawn.samplingLogp)
    }
  }
}
