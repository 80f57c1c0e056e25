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
  static var current: ck_decode { ck_decode_level(Int32(CK_AVX512)).pointee }
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

  /// Reads the weights once, unpacked: packing would take longer than the few multiply-adds with each weight.
  private func multiplyInPlace(
    _ m: DecoderMatrix, _ x: Floats, _ y: MutableFloats, rows: Int, adding: Bool,
    then: ((Range<Int>, Range<Int>) -> Void)?
  ) {
    let kernels = DecoderLevel.current
    guard case .floats(let weight, _, _) = m.weights else {
      return multiplyStored(m, x, y, rows: rows, adding: adding, then: then)
    }
    kernels.spread(Int32(rows), m.inputs, x, m.inputs, spread)
    // Outputs are taken in pairs.
    share((m.outputs + 1) / 2, pieces: max(1, m.outputs * m.inputs / (2 * Self.pieceFloats)) * 2) { pairs in
      let columns = 2 * pairs.lowerBound..<min(2 * pairs.upperBound, m.outputs)
      m.start(y, rows: rows, columns: columns, adding: adding)
      kernels.dots(
        Int32(rows), m.inputs, spread, weight + columns.lowerBound * m.inputs, m.inputs,
        Int32(columns.count),
        y + columns.lowerBound, m.outputs)
      then?(0..<rows, columns)
    }
  }

  /// The same with stored weights, each decoded once: some outputs at a time stay in the cache while all rows are
  /// multiplied, eight at a time. The bits are those of the weights as f32.
  private func multiplyStored(
    _ m: DecoderMatrix, _ x: Floats, _ y: MutableFloats, rows: Int, adding: Bool,
    then: ((Range<Int>, Range<Int>) -> Void)?
  ) {
    guard case .stored(let matrix) = m.weights else { return }
    let (kernels, inputs) = (DecoderLevel.current, m.inputs)
    let (groups, padded) = ((rows + 7) / 8, (inputs + 15) / 16 * 16)
    for group in 0..<groups {
      let own = Parallel.range(group, of: groups, rows)
      kernels.spread(
        Int32(own.count), inputs, x + own.lowerBound * inputs, inputs, spread + own.lowerBound * padded)
    }
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
          for group in 0..<groups {
            let own = Parallel.range(group, of: groups, rows)
            kernels.dots(
              Int32(own.count), inputs, spread + own.lowerBound * padded, decoded, inputs,
              Int32(outputs.count),
              y + own.lowerBound * m.outputs + start, m.outputs)
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
