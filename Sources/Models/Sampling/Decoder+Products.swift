/// The decoder's matrix products, in three ways chosen by the size of the weights, and how work is split over
/// threads.
///
/// The choice depends on the model and on whether a token was given or drawn, never on the number of rows or
/// threads: the bits of a row do not depend on its neighbours.
import CKernels
import Tensors

/// The kernels for the widest vectors that the processor has.
enum DecoderLevel {
  static let current = ck_decode_level(Int32(CK_AVX512)).pointee
}

extension Decoder {
  /// Weights per unit of work that reads them from memory: 1 MB, about 30 microseconds.
  private static let pieceFloats = 262_144

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
      Gemm.run(
        MatrixView(x, rows: rows, columns: m.inputs),
        MatrixView(m.weight, rows: m.outputs, columns: m.inputs).transposed,
        into: MutableMatrixView(y, rows: rows, columns: m.outputs), beta: adding ? 1 : 0,
        bias: m.bias, after: then.map { then in { then($0, 0..<m.outputs) } })
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
    kernels.spread(Int32(rows), m.inputs, x, m.inputs, spread)
    // Outputs are taken in pairs.
    share((m.outputs + 1) / 2, pieces: max(1, m.outputs * m.inputs / (2 * Self.pieceFloats)) * 2) { pairs in
      let columns = 2 * pairs.lowerBound..<min(2 * pairs.upperBound, m.outputs)
      m.start(y, rows: rows, columns: columns, adding: adding)
      kernels.dots(
        Int32(rows), m.inputs, spread, m.weight + columns.lowerBound * m.inputs, m.inputs,
        Int32(columns.count),
        y + columns.lowerBound, m.outputs)
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
