/// Batched sampling with a key-value cache.
///
/// Rows are divided into blocks. If the model fits into a cache, each block runs from prompt to last token on one thread,
/// without waiting between tokens; blocks of a larger model run one after another on all threads. Rows with the same
/// prompt read it once.
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

/// A second model whose logits are mixed in before each draw: (1 - weight) own + weight model's.
public struct Mixture {
  public let model: Transformer
  public let weight: Double

  public init(_ model: Transformer, weight: Double) { (self.model, self.weight) = (model, weight) }

  func validate(_ config: TransformerConfig) throws {
    if model.config.vocab != config.vocab {
      throw Failure(
        .shape, "a mixture of vocabularies of \(config.vocab) and \(model.config.vocab) tokens")
    }
    if !(weight >= 0 && weight <= 1) {
      throw Failure(.value, "the weight of a mixture must be from 0 to 1, got \(weight)")
    }
  }
}

extension Transformer {
  /// The responses as rows with the columns "logps" and "sampling_logps".
  public func sampleRows(_ prompts: [[Int]], _ options: SamplingOptions, mixture: Mixture? = nil) throws
    -> TokenRows
  {
    let responses = try sample(prompts, options, mixture: mixture)
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
  public func sample(_ prompts: [[Int]], _ options: SamplingOptions, mixture: Mixture? = nil) throws
    -> [Response]
  {
    try sample(prompts, options, DecoderThresholds(), mixture: mixture)
  }

  func sample(
    _ prompts: [[Int]], _ options: SamplingOptions, _ thresholds: DecoderThresholds, mixture: Mixture? = nil
  ) throws -> [Response] {
    try options.validate()
    for model in [self, mixture?.model] { try model?.check(head: .lm) }
    try mixture?.validate(config)
    try TokenBatch.check(prompts, config)
    if let row = prompts.firstIndex(where: { $0.isEmpty }) {
      throw Failure(.value, "prompt \(row + 1) is empty: a prompt has at least one token, such as bos")
    }
    try options.validate(prompts: prompts.count)
    let maxLength = min(config.maxLength, mixture?.model.config.maxLength ?? .max)
    for (row, prompt) in prompts.enumerated() where prompt.count > maxLength - options.maxNewTokens {
      throw Failure(
        .value,
        "prompt \(row + 1) of \(prompt.count) tokens and \(options.maxNewTokens) new ones pass the model's \(maxLength)"
      )
    }
    let prompts = prompts.flatMap { Array(repeating: $0, count: options.count) }
    if prompts.isEmpty || options.maxNewTokens == 0 { return prompts.map { _ in Response() } }
    let weights = try DecoderWeights(self, thresholds)
    let other = try mixture.map {
      (weights: try DecoderWeights($0.model, thresholds), share: Float($0.weight))
    }
    let isCut = weights.isCut || other?.weights.isCut == true
    let size = Self.blockSize(rows: prompts.count, isCut: isCut)
    let ranges = stride(from: 0, to: prompts.count, by: size).map { $0..<min($0 + size, prompts.count) }
    var responses: [Response] = []
    if isCut {
      for range in ranges {
        let block = try SamplingBlock(weights, other, prompts, range, options)
        block.run()
        if let failure = block.failure { throw failure }
        responses += block.responses
      }
    } else {
      let blocks = try ranges.map { try SamplingBlock(weights, other, prompts, $0, options) }
      Parallel.run(blocks.count) { blocks[$0].run() }
      if let failure = blocks.lazy.compactMap(\.failure).first { throw failure }
      responses = blocks.flatMap(\.responses)
    }
    try Interrupt.check()
    return responses
  }

  /// Rows per block: a block for each thread if each runs on its own; few enough rows that their keys fit a cache. The
  /// bits of a row do not depend on its block.
  private static func blockSize(rows: Int, isCut: Bool) -> Int {
    // Read once: the parent of a forked child may change it at any time.
    let threads = Parallel.threads
    return isCut ? min(rows, 64) : min(32, (rows + threads - 1) / threads)
  }
}

/// Prompt tokens of one pass: enough to make packing the weights worth while.
private let promptTokensMax = 512
/// Prompt tokens of one pass of an encoder, whose activations are in memory at once.
private let encodedTokensMax = 4096

private final class SamplingBlock: @unchecked Sendable {
  private let rows: Range<Int>
  private let prompts: [[Int]]
  private let options: SamplingOptions
  private let reader: Reader
  /// The other model of a mixture, and its share of the logits.
  private let other: (reader: Reader, share: Float)?
  private let buffer: Tensor
  /// The exponentials of the logits.
  private let scratch: MutableFloats
  private(set) var responses: [Response]
  private var drawn: [TokenDraw?]
  /// The reason for which the block ended early.
  private(set) var failure: Failure?

  /// A model that reads the rows, with the next logits and the states after the prompts of each.
  private struct Reader {
    let decoder: Decoder
    let config: TransformerConfig
    private let encoder: Transformer?
    let buffers: [Tensor]
    let logits, states: MutableFloats

    init(_ weights: DecoderWeights, _ prompts: [[Int]], new: Int) throws {
      (config, encoder) = (weights.config, weights.encoder)
      let longest = prompts.map(\.count).max() ?? 0
      let given = prompts.reduce(0) { $0 + $1.count }
      let rows = prompts.count
      decoder = try Decoder(
        weights, rows: rows, positions: (encoder == nil ? longest : 1) + new, memory: longest,
        tokensAtOnce: max(rows, min(given, promptTokensMax)))
      buffers = try [config.vocab, config.dim].map { try Tensor(uninitialized: [rows, $0], .f32) }
      (logits, states) = (buffers[0].pointer(Float.self), buffers[1].pointer(Float.self))
    }

    /// What the decoder reads before the response.
    func given(_ prompt: [Int]) -> [Int] { encoder == nil ? prompt : [config.startToken] }

    /// The encoder reads prompts, each for its row, some thousands of tokens at a time.
    func encode(_ prompts: [(row: Int, ids: [Int])]) throws {
      guard let encoder else { return }
      var next = 0
      while next < prompts.count {
        var (end, count) = (next, 0)
        while end < prompts.count, end == next || count + prompts[end].ids.count <= encodedTokensMax {
          count += prompts[end].ids.count
          end += 1
        }
        let batch = try TokenBatch(prompts[next..<end].map(\.ids))
        let states = try Tape.withoutRecording { try encoder.encoded(batch).value.contiguous() }
        for (place, prompt) in prompts[next..<end].enumerated() {
          let range = batch.segments.range(place)
          decoder.remember(
            memory: Floats(states.pointer(Float.self)) + range.lowerBound * config.dim, range.count,
            row: prompt.row)
        }
        withExtendedLifetime(states) {}
        next = end
      }
    }
  }

  init(
    _ weights: DecoderWeights, _ mixed: (weights: DecoderWeights, share: Float)?, _ all: [[Int]],
    _ rows: Range<Int>, _ options: SamplingOptions
  ) throws {
    let prompts = Array(all[rows])
    func reader(_ weights: DecoderWeights) throws -> Reader {
      try Reader(weights, prompts, new: options.maxNewTokens)
    }
    (self.rows, self.prompts, self.options) = (rows, prompts, options)
    self.reader = try reader(weights)
    other = try mixed.map { (try reader($0.weights), $0.share) }
    buffer = try Tensor(uninitialized: [rows.count, weights.config.vocab], .f32)
    scratch = buffer.pointer(Float.self)
    responses = self.prompts.map { _ in Response() }
    drawn = Array(repeating: nil, count: rows.count)
  }

  func run() {
    do {
      try readPrompts(reader)
      if let other { try readPrompts(other.reader) }
    } catch {
      failure = (error as? Failure) ?? Failure(.state, "\(error)")
      return
    }
    var active = Array(0..<prompts.count)
    drawNext(Floats(reader.states), other.map { Floats($0.reader.states) }, active)
    for _ in 1..<options.maxNewTokens {
      active.removeAll { isFinished($0) }
      if active.isEmpty || failure != nil || Interrupt.isPending { return }
      let mixed = other.map { readLast($0.reader, active) }
      drawNext(readLast(reader, active), mixed, active)
    }
  }

  /// The states of the active rows after their last tokens.
  private func readLast(_ reader: Reader, _ active: [Int]) -> Floats {
    let tokens = active.map { row in
      let drawn = responses[row].tokens
      return Decoder.Token(
        id: drawn[drawn.count - 1], row: row, position: reader.given(prompts[row]).count + drawn.count - 1)
    }
    return reader.decoder.read(tokens, wanted: Array(tokens.indices), isPrompt: false)
  }

  private func isFinished(_ row: Int) -> Bool {
    guard let last = responses[row].tokens.last else { return false }
    return responses[row].tokens.count >= options.maxNewTokens || options.stopIds.contains(last)
  }

  /// Reads each distinct prompt once, many of them at a time, and leaves the state after each row's prompt in `states`.
  private func readPrompts(_ reader: Reader) throws {
    let (decoder, states, dim) = (reader.decoder, reader.states, reader.config.dim)
    var first: [[Int]: Int] = [:]
    var tokens: [Decoder.Token] = []
    var ends: [(index: Int, row: Int)] = []
    func read() {
      let read = decoder.read(tokens, wanted: ends.map(\.index), isPrompt: true)
      for (i, end) in ends.enumerated() { (states + end.row * dim).update(from: read + i * dim, count: dim) }
      tokens.removeAll(keepingCapacity: true)
      ends.removeAll(keepingCapacity: true)
    }
    for (row, prompt) in prompts.enumerated() where first[prompt] == nil { first[prompt] = row }
    let distinct = prompts.enumerated().filter { first[$1] == $0 }.map { (row: $0, ids: $1) }
    try reader.encode(distinct)
    for (row, prompt) in distinct {
      for (position, id) in reader.given(prompt).enumerated() {
        if tokens.count == decoder.tokensMax { read() }
        if Interrupt.isPending { return }
        tokens.append(Decoder.Token(id: id, row: row, position: position))
      }
      ends.append((tokens.count - 1, row))
    }
    if !tokens.isEmpty { read() }
    for (row, prompt) in prompts.enumerated() {
      guard let twin = first[prompt], twin != row else { continue }
      decoder.copy(row: twin, to: row, positions: reader.given(prompt).count)
      (states + row * dim).update(from: states + twin * dim, count: dim)
    }
  }

  /// Draws the next token of the active rows from their states, one row after another, in one model or two.
  private func drawNext(_ states: Floats, _ mixed: Floats?, _ active: [Int]) {
    let (decoder, logits, vocabulary) = (reader.decoder, reader.logits, reader.config.vocab)
    decoder.readOut(states, logits, rows: active.count)
    if let other, let mixed {
      other.reader.decoder.readOut(mixed, other.reader.logits, rows: active.count)
      for i in 0..<active.count * vocabulary {
        logits[i] = (1 - other.share) * logits[i] + other.share * other.reader.logits[i]
      }
    }
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
