/// The decoder's kernels against their plain meaning, and sampling in each of the ways that a model's size asks for.
import Base
import CKernels
import Tensors
import Testing

@testable import Models

@Suite struct DecoderTests {
  private let levels = [CK_VECTOR, CK_AVX512, CK_AVX512_BF16].map { ck_decode_level(Int32($0)).pointee }

  private func normal(_ count: Int, _ random: inout Philox) -> [Float] {
    (0..<count).map { _ in Float(random.normal()) }
  }

  @Test func attentionKernelsMeanTheirSumsAtEveryLevel() {
    for seed in 0..<200 {
      var random = Philox(seed: UInt64(seed), stream: "attention")
      let (size, count) = (1 + random.below(80), 1 + random.below(150))
      let (blocks, lead) = ((count + 15) / 16, (size + 15) / 16 * 16)
      let query = normal(size, &random)
      let keys = normal(blocks * 16 * size, &random)
      let values = normal(count * lead, &random)
      var found: [[Float]] = []
      for level in levels {
        var scores = [Float](repeating: 0, count: blocks * 16)
        var out = [Float](repeating: 0, count: size)
        var placed = [Float](repeating: 0, count: blocks * 16 * (size + size % 2))
        keys.withUnsafeBufferPointer { keys in
          guard let base = keys.baseAddress else { return }
          for t in 0..<blocks * 16 { level.place(Int32(size), t, base + t * size, &placed) }
        }
        level.scores(Int32(size), count, 0.5, query, placed, &scores)
        level.mix(Int32(size), count, 0.25, scores, values, &out)
        found.append(scores + out)
        for t in 0..<blocks * 16 {
          let product = (0..<size).reduce(0.0) {
            $0 + Double(query[$1]) * Double(keys[t * size + $1])
          }
          #expect(
            t < count ? abs(Double(scores[t]) - 0.5 * product) < 1e-4 : scores[t] == -.infinity,
            "seed \(seed)")
        }
        for i in 0..<size {
          let sum = (0..<count).reduce(0.0) { $0 + Double(scores[$1]) * Double(values[$1 * lead + i]) }
          #expect(abs(Double(out[i]) - 0.25 * sum) < 1e-3, "seed \(seed)")
        }
      }
      #expect(found.allSatisfy { $0.map(\.bitPattern) == found[0].map(\.bitPattern) }, "seed \(seed)")
    }
  }

  /// A row's products are the same bits whatever rows are beside it, and at every level.
  @Test func productsInPlaceMeanTheirSumsAtEveryLevel() {
    for seed in 0..<200 {
      var random = Philox(seed: UInt64(seed), stream: "dots")
      let (rows, k, outputs) = (1 + random.below(20), 1 + random.below(1700), 1 + random.below(6))
      let x = normal(rows * k, &random)
      let w = normal(outputs * k, &random)
      func products(_ level: ck_decode, _ rows: Range<Int>) -> [Float] {
        var y = [Float](repeating: 1, count: rows.count * outputs)
        var spread = [Float](repeating: .nan, count: rows.count * (k + 15))
        x.withUnsafeBufferPointer { x in
          guard let base = x.baseAddress else { return }
          level.spread(Int32(rows.count), k, base + rows.lowerBound * k, k, &spread)
        }
        level.dots(Int32(rows.count), k, spread, w, k, Int32(outputs), &y, outputs)
        return y
      }
      let all = products(levels[1], 0..<rows)
      let row = random.below(rows)
      #expect(products(levels[0], 0..<rows).map(\.bitPattern) == all.map(\.bitPattern), "seed \(seed)")
      #expect(
        products(levels[1], row..<row + 1) == Array(all[row * outputs..<(row + 1) * outputs]), "seed \(seed)")
      for i in 0..<rows * outputs {
        let (a, b) = (i / outputs * k, i % outputs * k)
        let sum = (0..<k).reduce(1.0) { $0 + Double(x[a + $1]) * Double(w[b + $1]) }
        #expect(abs(Double(all[i]) - sum) < 1e-3, "seed \(seed)")
      }
    }
  }

  @Test func productsOfPairsMeanTheirSumsAtEveryLevel() {
    for seed in 0..<200 {
      var random = Philox(seed: UInt64(seed), stream: "dots")
      let (rows, k, outputs) = (1 + random.below(20), 1 + random.below(3400), 1 + random.below(6))
      let depth = (k + 1) / 2
      let x = normal(rows * k, &random)
      let w = normal(outputs * k, &random)
      func products(_ level: ck_decode, _ own: Range<Int>) -> [Float] {
        func pairs(_ from: [Float], _ count: Int) -> [Float] {
          var made = [Float](repeating: .nan, count: count * depth)
          for i in 0..<count {
            Array(from[i * k..<(i + 1) * k]).withUnsafeBufferPointer { row in
              made.withUnsafeMutableBufferPointer { made in
                guard let row = row.baseAddress, let to = made.baseAddress else { return }
                level.pair_row(k, row, to + i * depth)
              }
            }
          }
          return made
        }
        var y = [Float](repeating: 1, count: own.count * outputs)
        var spread = [Float](repeating: .nan, count: own.count * (depth + 15))
        let rounded = pairs(Array(x[own.lowerBound * k..<own.upperBound * k]), own.count)
        level.spread(Int32(own.count), depth, rounded, depth, &spread)
        let before = ck_flush_denormals()
        level.dots_bf16(
          Int32(own.count), depth, spread, pairs(w, outputs), depth, Int32(outputs), &y, outputs)
        ck_restore_denormals(before)
        return y
      }
      let all = products(levels[2], 0..<rows)
      let row = random.below(rows)
      for level in levels {
        #expect(products(level, 0..<rows).map(\.bitPattern) == all.map(\.bitPattern), "seed \(seed)")
        #expect(
          products(level, row..<row + 1) == Array(all[row * outputs..<(row + 1) * outputs]), "seed \(seed)")
      }
      for i in 0..<rows * outputs {
        let (a, b) = (i / outputs * k, i % outputs * k)
        let sum = (0..<k).reduce(1.0) {
          $0 + Double(x[a + $1].roundedToBFloat16) * Double(w[b + $1].roundedToBFloat16)
        }
        #expect(abs(Double(all[i]) - sum) < 1e-3, "seed \(seed)")
      }
    }
  }

  /// Weights packed with rows of its own for each thread, packed and cut over the threads, and in place.
  private static let ways = [
    DecoderThresholds(), DecoderThresholds(ownRowsBytesMax: 0),
    DecoderThresholds(packedBytesMax: 0, ownRowsBytesMax: 0),
  ]

  private func options(_ seeds: [UInt64]?) -> SamplingOptions {
    var options = SamplingOptions()
    (options.maxNewTokens, options.rowSeeds, options.stopIds) = (12, seeds, [0])
    return options
  }

  /// Wide enough for several panels and for k in more than one block.
  private func model(_ style: String, _ precision: Precision = .f32) throws -> Transformer {
    var config =
      style == "gpt2"
      ? TransformerConfig.gpt2(vocab: 77, dim: 72, layers: 2, heads: 3, maxLength: 64)
      : TransformerConfig.llama(vocab: 77, dim: 72, layers: 2, heads: 6, maxLength: 64)
    if style == "llama" { (config.kvHeads, config.hidden, config.tied) = (2, 800, false) }
    config.precision = precision
    return Support.sharpened(try Transformer(config, seed: 3), 4)
  }

  @Test(arguments: ["gpt2", "llama"], [0, 1, 2])
  func aRowIsTheSameBitsAloneAndAmongOthers(_ style: String, _ way: Int) throws {
    for precision in Precision.allCases { try checkRows(try model(style, precision), way) }
  }

  private func checkRows(_ model: Transformer, _ way: Int) throws {
    // Together more tokens than are read at once.
    let prompts =
      Support.sequences([40, 7, 50, 7, 1, 33, 50, 48, 21, 50, 16, 17, 2], vocabulary: 77)
      + Support.sequences([40, 7], vocabulary: 77)
    let seeds = (0..<UInt64(prompts.count)).map { 100 + $0 }
    let before = Parallel.threads
    defer { Parallel.threads = before }
    Parallel.threads = 2
    let together = try model.sample(prompts, options(seeds), Self.ways[way])
    Parallel.threads = 1
    for (row, prompt) in prompts.enumerated() {
      let alone = try model.sample([prompt], options([seeds[row]]), Self.ways[way])[0]
      #expect(alone.tokens == together[row].tokens)
      #expect(alone.logps.map(\.bitPattern) == together[row].logps.map(\.bitPattern))
    }
  }

  @Test(arguments: ["gpt2", "llama"], [0, 1, 2])
  func everyWayGivesTheModelsLogps(_ style: String, _ way: Int) throws {
    let model = try model(style)
    let prompts = Support.sequences([50, 7, 33, 7, 1, 48, 50, 50, 50], vocabulary: 77)
    let responses = try model.sample(prompts, options(nil), Self.ways[way])
    let uncached = try Support.logps(
      model, zip(prompts, responses).map { $0 + $1.tokens }, from: prompts.map(\.count))
    for (a, b) in zip(responses.flatMap(\.logps), uncached) { #expect(abs(a - b) <= 1e-5 * max(1, abs(b))) }
  }

  /// Sums in another order round to a neighbouring bf16 now and then; the log-probabilities of f32 are farther off.
  @Test(arguments: ["gpt2", "llama"], [0, 1, 2])
  func everyWayGivesTheLogpsOfAModelInBFloat16(_ style: String, _ way: Int) throws {
    var model = try model(style, .bf16)
    let prompts = Support.sequences([50, 7, 33, 7, 1, 48, 50, 50, 50], vocabulary: 77)
    let responses = try model.sample(prompts, options(nil), Self.ways[way])
    let (whole, from) = (zip(prompts, responses).map { $0 + $1.tokens }, prompts.map(\.count))
    func distance() throws -> Float {
      let differences = zip(responses.flatMap(\.logps), try Support.logps(model, whole, from: from)).map {
        $0 - $1
      }
      return (differences.reduce(0) { $0 + $1 * $1 } / Float(differences.count)).squareRoot()
    }
    let near = try distance()
    model = model.withPrecision(.f32)
    let far = try distance()
    #expect(near < far / 3, "\(near) and \(far)")
  }
}
