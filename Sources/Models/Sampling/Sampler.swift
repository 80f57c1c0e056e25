/// Batched sampling with a key-value cache.
///
/// Rows are cut into blocks; each block of a model that fits into a cache runs from prompt to last token on one thread,
/// so that there is nothing to wait for between tokens, and those of a larger one run in turn on all threads. Rows with
/// the same prompt read it once.
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
  /// The responses as rows with the columns "logps" and "sampling_logps".
  public func sampleRows(_ prompts: [[Int]], _ options: SamplingOptions) throws -> TokenRows {
    let responses = try sample(prompts, options)
    func column(_ name: String, _ part: KeyPath<Response, [Float]>) throws -> TokenRows.Column {
      let values = responses.flatMap { $0[keyPath: part] }
      return (name, try Tensor(values, shape: [values.count]))
    }
    return try TokenRows(
      prompts: prompts.flatMap { Array(repeating: $0, count: options.count) },
      responses: responses.map(\.tokens),
      columns: [try column("logps", \.logps), try column("sampling_logps", \.samplingLogps)])
  }

  /// Continues each prompt, `options.count` times. Throws `.interrupted` on Ctrl-C.
  public func sample(_ prompts: [[Int]], _ options: SamplingOptions) throws -> [Response] {
    try sample(prompts, options, DecoderThresholds())
  }

  func sample(_ prompts: [[Int]], _ options: SamplingOptions, _ thresholds: DecoderThresholds) throws
    -> [Response]
  {
    try options.validate()
    try TokenBatch.check(prompts, config)
    if let row = prompts.firstIndex(where: { $0.isEmpty }) {
      throw Failure(.value, "prompt \(row + 1) is empty: a prompt has at least one token, such as bos")
    }
    try options.validate(prompts: prompts.count)
    for (row, prompt) in prompts.enumerated() where prompt.count > config.maxLength - options.maxNewTokens {
      throw Failure(
        .value,
        "prompt \(row + 1) of \(prompt.count) tokens and \(options.maxNewTokens) new ones pass the model's \(config.maxLength)"
      )
    }
    let prompts = prompts.flatMap { Array(repeating: $0, count: options.count) }
    if prompts.isEmpty || options.maxNewTokens == 0 { return prompts.map { _ in Response() } }
    let weights = try DecoderWeights(self, thresholds)
    let size = Self.blockSize(rows: prompts.count, weights)
    let ranges = stride(from: 0, to: prompts.count, by: size).map { $0..<min($0 + size, prompts.count) }
    var responses: [Response] = []
    if weights.isCut {
      for range in ranges {
        let block = try SamplingBlock(weights, prompts, range, options)
        block.run()
        if let failure = block.failure { throw failure }
        responses += block.responses
      }
    } else {
      let blocks = try ranges.map { try SamplingBlock(weights, prompts, $0, options) }
      Parallel.run(blocks.count) { blocks[$0].run() }
      if let failure = blocks.lazy.compactMap(\.failure).first { throw failure }
      responses = blocks.flatMap(\.responses)
    }
    try Interrupt.check()
    return responses
  }

  /// Rows per block: two at least where each runs on a thread, and not so many that their keys leave the cache.
  private static func blockSize(rows: Int, _ weights: DecoderWeights) -> Int {
    weights.isCut ? min(rows, 64) : min(32, (rows + 1) / 2)
  }
}

private final class SamplingBlock: @unchecked Sendable {
  /// Tokens of prompts that are read at once: enough that weights which must be packed are worth it.
  private static let promptTokensMax = 512

  private let rows: Range<Int>
  private let prompts: [[Int]]
  private let options: SamplingOptions
  private let weights: DecoderWeights
  private let decoder: Decoder
  /// The rows' next logits, their exponentials, and the states after their prompts.
  private let buffers: [Tensor]
  private let logits, scratch, states: MutableFloats
  private(set) var responses: [Response]
  private var drawn: [TokenDraw?]
  /// Why the block ended early.
  private(set) var failure: Failure?

  init(_ weights: DecoderWeights, _ prompts: [[Int]], _ rows: Range<Int>, _ options: SamplingOptions) throws {
    self.weights = weights
    self.rows = rows
    self.prompts = Array(prompts[rows])
    self.options = options
    let longest = self.prompts.map(\.count).max() ?? 0
    let given = self.prompts.reduce(0) { $0 + $1.count }
    decoder = try Decoder(
      weights, rows: rows.count, positions: longest + options.maxNewTokens,
      tokensAtOnce: max(rows.count, min(given, Self.promptTokensMax)))
    let (dim, vocabulary) = (weights.config.dim, weights.config.vocab)
    buffers = try [vocabulary, vocabulary, dim].map { try Tensor(uninitialized: [rows.count, $0], .f32) }
    let p = buffers.map { $0.pointer(Float.self) }
    (logits, scratch, states) = (p[0], p[1], p[2])
    responses = self.prompts.map { _ in Response() }
    drawn = Array(repeating: nil, count: rows.count)
  }

  func run() {
    var active = Array(0..<prompts.count)
    readPrompts()
    drawNext(Floats(states), active)
    var tokens: [Decoder.Token] = []
    for _ in 1..<options.maxNewTokens {
      active.removeAll { isFinished($0) }
      if active.isEmpty || failure != nil || Interrupt.isPending { return }
      tokens.removeAll(keepingCapacity: true)
      for row in active {
        let count = responses[row].tokens.count
        tokens.append(
          Decoder.Token(
            id: responses[row].tokens[count - 1], row: row, position: prompts[row].count + count - 1))
      }
      drawNext(decoder.read(tokens, wanted: Array(tokens.indices), isPrompt: false), active)
    }
  }

  private func isFinished(_ row: Int) -> Bool {
    guard let last = responses[row].tokens.last else { return false }
    return responses[row].tokens.count >= options.maxNewTokens || options.stopIds.contains(last)
  }

  /// Reads each distinct prompt once, many of them at a time, and leaves the state after each row's prompt in `states`.
  private func readPrompts() {
    var first: [[Int]: Int] = [:]
    var tokens: [Decoder.Token] = []
    var ends: [(index: Int, row: Int)] = []
    let dim = weights.config.dim
    func read() {
      let read = decoder.read(tokens, wanted: ends.map(\.index), isPrompt: true)
      for (i, end) in ends.enumerated() { (states + end.row * dim).update(from: read + i * dim, count: dim) }
      tokens.removeAll(keepingCapacity: true)
      ends.removeAll(keepingCapacity: true)
    }
    for (row, prompt) in prompts.enumerated() where first[prompt] == nil {
      first[prompt] = row
      for (position, id) in prompt.enumerated() {
        if tokens.count == decoder.room { read() }
        if Interrupt.isPending { return }
        tokens.append(Decoder.Token(id: id, row: row, position: position))
      }
      ends.append((tokens.count - 1, row))
    }
    if !tokens.isEmpty { read() }
    for (row, prompt) in prompts.enumerated() {
      guard let twin = first[prompt], twin != row else { continue }
      decoder.cache.copy(row: twin, to: row, positions: prompt.count)
      (states + row * dim).update(from: states + twin * dim, count: dim)
    }
  }

  /// Draws the next token of the active rows, whose states follow each other.
  private func drawNext(_ states: Floats, _ active: [Int]) {
    let vocabulary = weights.config.vocab
    decoder.readOut(states, logits, rows: active.count)
    drawn.withUnsafeMutableBufferPointer { drawn in
      decoder.share(active.count, pieces: active.count) { range in
        for i in range {
          let row = active[i]
          drawn[i] = options.draw(
            logits + i * vocabulary, vocabulary: vocabulary,
            uniform: options.uniform(row: rows.lowerBound + row, index: responses[row].tokens.count),
            scratch: scratch + i * vocabulary)
        }
      }
    }
    for (i, row) in active.enumerated() {
      guard let token = drawn[i] else {
        let place = "token \(responses[row].tokens.count + 1) after prompt \(rows.lowerBound + row + 1)"
        failure =
          failure ?? Failure(.numeric, "the logits of \(place) make no distribution: they hold nan or inf")
        return
      }
      responses[row].tokens.append(token.id)
      responses[row].logps.append(token.logp)
      responses[row].samplingLogps.append(token.samplingLogp)
    }
  }
}
