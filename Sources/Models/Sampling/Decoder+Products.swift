/// The decoder's matrix products, in three ways chosen by the size of the weights, and how work is split over
/// threads.
///
/// The choice depends on the model and on whether a token was given or drawn, never on the number of rows or
/// threads: the bits of a row do not depend on its neighbours.
import CKernels
import Tensors

/// The kernels for the widest vectors that the processor has.
enum DecoderLevel {
  /// Not stored, as the level of ActivationKernels.
  static var current: ck_decode { ck_decode_level(Int32(CK_AVX512_BF16)).pointee }
}

extension Decoder {
  /// Weights per unit of work that reads them from memory: 1 MB, about 30 microseconds.
  private static let pieceFloats = 262_144
  /// Outputs whose stored weights are decoded at once.
  private static let decodedOutputs = 16

  /// y = x W^T + bias, or y += x W^T + bias if `adding`. Calls `then` with each block (rows, columns) of y
  /// that is done.
  func multiply(
    _ m: DecoderMatrix, _ x: Floats, _ y: MutableFloats, rows: Int, adding: Bool, isPrompt: Bool,
    then: ((Range<Int>, Range<Int>) -> Void)? = nil
  ) {
    if rows == 0 { return }
    if let packed = m.packed {
      let x = operand(packed, x, rows: rows)
      share(packed.panelCount, pieces: packed.pieces(rows: rows)) {
        packed.multiply(x, y, rows: rows, adding: adding, bias: m.bias, panels: $0)
        then?(0..<rows, packed.columns($0))
      }
    } else if isPrompt {
      m.weights.multiply(
        x, rows: rows, into: y, workspace: workspace, beta: adding ? 1 : 0, bias: m.bias, then: then)
    } else {
      multiplyInPlace(m, x, y, rows: rows, adding: adding, then: then)
    }
  }

  /// Rows as packed weights multiply them.
  private func operand(_ packed: PackedMatrix, _ x: Floats, rows: Int) -> Floats {
    if config.precision == .f32 { return x }
    share(rows, pieces: rows * packed.rowFloats / Self.pieceFloats) {
      _ = packed.operand(x, rows: $0, rounded)
    }
    return Floats(rounded)
  }

  /// Reads the weights once, unpacked: packing would take longer than the few multiply-adds with each weight.
  private func multiplyInPlace(
    _ m: DecoderMatrix, _ x: Floats, _ y: MutableFloats, rows: Int, adding: Bool,
    then: ((Range<Int>, Range<Int>) -> Void)?
  ) {
    let product = DotProduct(m)
    guard let weight = product.weight else {
      return multiplyStored(m, x, y, rows: rows, adding: adding, then: then)
    }
    product.spread(x, 0..<rows, rounded, spread)
    // Outputs are taken in pairs.
    let pieces = max(1, m.outputs * product.depth / (2 * Self.pieceFloats)) * 2
    share((m.outputs + 1) / 2, pieces: pieces) { pairs in
      let columns = 2 * pairs.lowerBound..<min(2 * pairs.upperBound, m.outputs)
      m.start(y, rows: rows, columns: columns, adding: adding)
      product.add(
        spread, weight + columns.lowerBound * product.depth, y + columns.lowerBound, rows: rows,
        outputs: columns.count)
      then?(0..<rows, columns)
    }
  }

  /// The same with stored weights, each decoded once: some outputs at a time stay in the cache while all rows are
  /// multiplied, eight at a time. The bits are those of the weights as f32.
  private func multiplyStored(
    _ m: DecoderMatrix, _ x: Floats, _ y: MutableFloats, rows: Int, adding: Bool,
    then: ((Range<Int>, Range<Int>) -> Void)?
  ) {
    guard case .stored(let matrix) = m.weights.source else { return }
    let (product, inputs) = (DotProduct(m), m.inputs)
    let groups = (rows + 7) / 8
    for group in 0..<groups { product.spread(x, Parallel.range(group, of: groups, rows), rounded, spread) }
    let height = Self.decodedOutputs
    let blocks = (m.outputs + height - 1) / height
    share(blocks, pieces: max(1, m.outputs * inputs / (2 * Self.pieceFloats)) * 2) { range in
      let columns = range.lowerBound * height..<min(range.upperBound * height, m.outputs)
      m.start(y, rows: rows, columns: columns, adding: adding)
      withUnsafeTemporaryAllocation(of: Float.self, capacity: height * inputs) { decoded in
        guard let decoded = decoded.baseAddress else { return }
        for start in stride(from: columns.lowerBound, to: columns.upperBound, by: height) {
          let outputs = start..<min(start + height, columns.upperBound)
          matrix.decode(outputs, into: decoded)
          product.round(decoded, rows: outputs.count)
          for group in 0..<groups {
            let own = Parallel.range(group, of: groups, rows)
            product.add(
              spread + own.lowerBound * product.padded, decoded, y + own.lowerBound * m.outputs + start,
              rows: own.count, outputs: outputs.count)
          }
        }
      }
      then?(0..<rows, columns)
    }
  }

  /// Calls `body` on even parts of `count` items, over all threads if the decoder uses them.
  @inline(__always)
  func share(_ count: Int, pieces: Int, _ body: (Range<Int>) -> Void) {
    if isCut {
      Parallel.evenly(count, pieces: max(1, min(pieces, count)), body)
    } else if count > 0 {
      body(0..<count)
    }
  }
}

/// Products of rows with weights that are not packed, of floats or of pairs of bf16.
private struct DotProduct {
  private let kernels = DecoderLevel.current
  private let precision: Precision
  private let inputs, outputs: Int
  /// The weights; nil where they must be decoded first.
  let weight: Floats?
  /// Floats of a row of weights, which may be pairs, and of a spread row of x.
  let depth, padded: Int

  init(_ m: DecoderMatrix) {
    (precision, inputs, outputs) = (m.weights.precision, m.inputs, m.outputs)
    (weight, depth) = precision == .f32 ? (m.floats, inputs) : (m.pairs, m.rowPairs)
    padded = (depth + 15) / 16 * 16
  }

  /// Spreads rows of x, which are rounded to `buffer` before if the products are of bf16.
  func spread(_ x: Floats, _ rows: Range<Int>, _ buffer: MutableFloats, _ to: MutableFloats) {
    var from = x + rows.lowerBound * inputs
    if precision == .bf16 {
      for row in 0..<rows.count { kernels.pair_row(inputs, from + row * inputs, buffer + row * depth) }
      from = Floats(buffer)
    }
    kernels.spread(Int32(rows.count), depth, from, depth, to + rows.lowerBound * padded)
  }

  /// Makes rows of decoded weights pairs of bf16, in place, if the products are of bf16.
  func round(_ decoded: MutableFloats, rows: Int) {
    if precision == .f32 { return }
    for row in 0..<rows { kernels.pair_row(inputs, decoded + row * inputs, decoded + row * depth) }
  }

  /// y += x W^T for spread rows.
  @inline(__always)
  func add(_ x: Floats, _ weight: Floats, _ y: MutableFloats, rows: Int, outputs: Int) {
    if precision == .f32 {
      return kernels.dots(Int32(rows), depth, x, weight, depth, Int32(outputs), y, self.outputs)
    }
    let before = ck_flush_denormals()
    kernels.dots_bf16(Int32(rows), depth, x, weight, depth, Int32(outputs), y, self.outputs)
    ck_restore_denormals(before)
  }
}
