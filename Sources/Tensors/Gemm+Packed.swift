/// A block of B packed for the tiles: panels as wide as a tile and `k` steps deep, the last one padded with
/// zeros.
import CKernels

struct PackedBlock {
  /// Floats of B in a group of panels that all tiles of A use before the next group is read: about 0.6 MB,
  /// which leaves space for A and C in an L2 cache of 1 MB. Twelve panels of the largest depth are exactly
  /// that.
  static let groupFloats = 147_456

  let level: GemmLevel
  /// The steps of k and the columns of B in this block. The steps start at a multiple of the block size of k.
  let k: Range<Int>
  let columns: Range<Int>
  private let unit: Int
  private let floats: UnsafeMutablePointer<Float>

  init(
    _ level: GemmLevel, k: Range<Int>, columns: Range<Int>, of depth: Int,
    _ floats: UnsafeMutablePointer<Float>
  ) {
    (self.level, self.k, self.columns, self.floats) = (level, k, columns, floats)
    unit = level.unit(depth)
  }

  /// Floats that a block needs.
  static func floats(_ level: GemmLevel, depth: Int, columns: Int) -> Int {
    level.panels(columns) * level.width * depth
  }

  var panelCount: Int { level.panels(columns.count) }

  /// Panels that a thread packs at a time.
  var packingGrain: Int { Self.packingGrain(level, panels: panelCount, depth: k.count) }

  /// Panels of a depth that a thread packs at a time: at least two pieces, at most a quarter of a megabyte
  /// each.
  static func packingGrain(_ level: GemmLevel, panels: Int, depth: Int) -> Int {
    max(1, min((panels + 1) / 2, 65_536 / max(1, depth * level.width)))
  }

  /// The address of a panel's part in one block of k.
  @inline(__always)
  func address(_ panel: Int, _ depths: Range<Int>) -> UnsafeMutablePointer<Float> {
    floats + ((depths.lowerBound - k.lowerBound) * panelCount + panel * depths.count) * level.width
  }

  /// Copies panels from B.
  func pack(_ b: MatrixView<Float>, panels: Range<Int>) {
    let (row, step) = (b.rowStep, b.columnStep)
    forEachDepth { depths in
      let k = level.elements(depths.lowerBound)..<min(level.elements(depths.upperBound), b.rows)
      for panel in panels {
        let column = columns.lowerBound + panel * level.width
        level.kernels.pack_panel(
          k.count, Int32(min(level.width, columns.upperBound - column)),
          b.pointer + k.lowerBound * row + column * step, row, step, address(panel, depths))
      }
    }
  }

  private var together: Int { level.panelsTogether(unit) }

  var groupCount: Int { (panelCount + together - 1) / together }

  /// Calls `body` for each block of k, and in it for each group of the panels.
  @inline(__always)
  func forEachGroup(of panels: Range<Int>, _ body: (_ depths: Range<Int>, _ panels: Range<Int>) -> Void) {
    forEachDepth { depths in
      for panel in stride(from: panels.lowerBound, to: panels.upperBound, by: together) {
        body(depths, panel..<min(panel + together, panels.upperBound))
      }
    }
  }

  /// Calls `body` for each block of k; once with an empty one if k is 0, as C must still be written.
  @inline(__always)
  private func forEachDepth(_ body: (Range<Int>) -> Void) {
    for start in stride(from: k.lowerBound, to: max(k.upperBound, k.lowerBound + 1), by: unit) {
      body(start..<min(start + unit, k.upperBound))
    }
  }
}
