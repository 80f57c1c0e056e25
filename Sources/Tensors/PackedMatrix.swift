/// A matrix of weights laid out once as the tiles read it, for many products with few rows each.
///
/// A product of `Gemm` packs its second operand anew, which for a dozen rows takes as long as the product itself.
/// Panels lie one after another, each with all of k, so that a product with few rows reads memory in one stream. The
/// bits are those of `Gemm`.
///
///     let packed = PackedMatrix(weight, outputs: 512, inputs: 128, at: room)   // PackedMatrix.floats(...) of them
///     packed.multiply(x, y, rows: 16, adding: false, bias: nil, panels: 0..<packed.panelCount)
import CKernels

public struct PackedMatrix: @unchecked Sendable {
  public let outputs: Int
  public let inputs: Int
  private let level = GemmLevel.current
  private let floats: UnsafeMutablePointer<Float>

  /// The room that a matrix takes.
  public static func floats(outputs: Int, inputs: Int) -> Int {
    PackedBlock.floats(GemmLevel.current, depth: inputs, columns: outputs)
  }

  /// Copies W, [outputs, inputs] row by row, to `floats`, which the caller keeps for as long as the matrix.
  public init(
    _ weight: UnsafePointer<Float>, outputs: Int, inputs: Int, at floats: UnsafeMutablePointer<Float>
  ) {
    (self.outputs, self.inputs, self.floats) = (outputs, inputs, floats)
    Parallel.ranges(panelCount, grain: PackedBlock.packingGrain(level, panels: panelCount, depth: inputs)) {
      range in
      for panel in range {
        level.kernels.pack_panel(
          inputs, Int32(min(level.width, outputs - panel * level.width)),
          weight + panel * level.width * inputs, 1,
          inputs, floats + panel * inputs * level.width)
      }
    }
  }

  public var panelCount: Int { level.panels(outputs) }

  /// The outputs that some panels hold.
  public func columns(_ panels: Range<Int>) -> Range<Int> { level.columns(panels, of: outputs) }

  /// Pieces to cut the panels into, an even number: large ones, since each waits for its first panel.
  public func pieces(rows: Int) -> Int {
    min(panelCount, Gemm.evenPieces(panelCount * level.width * inputs * rows / (4 * Gemm.pieceWork)))
  }

  /// y = x W^T + bias for the outputs of some panels, or y += where `adding`, on the calling thread. x is
  /// [rows, inputs] and y [rows, outputs].
  public func multiply(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, rows: Int, adding: Bool,
    bias: UnsafePointer<Float>?,
    panels: Range<Int>
  ) {
    let tiles = (rows + level.height - 1) / level.height
    let unit = Depths(inputs).size
    for panel in panels {
      let column = panel * level.width
      let width = Int32(min(level.width, outputs - column))
      for start in stride(from: 0, to: inputs, by: unit) {
        let isFirst = start == 0
        let part = floats + (panel * inputs + start) * level.width
        let depth = min(unit, inputs - start)
        let next = part + depth * level.width
        for tile in 0..<tiles {
          let own = Parallel.range(tile, of: tiles, rows)
          let to = y + own.lowerBound * outputs + column
          var sink = ck_sink(
            c: to, lead: outputs, add: adding || !isFirst ? UnsafePointer(to) : nil, add_lead: outputs,
            bias: isFirst ? bias.map { $0 + column } : nil, alpha: 1, beta: 1)
          // Each tile asks for its share of what comes next: all waiting in the first would leave memory idle in the others.
          level.kernels.tile(
            Int32(own.count), depth, x + own.lowerBound * inputs + start, inputs, 1, part,
            next + tile * depth * level.width / tiles, level.width / tiles, width, &sink)
        }
      }
    }
  }
}
