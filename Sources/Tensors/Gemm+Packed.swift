/// B as the tiles read it: panels as wide as a tile, each `k` rows deep, the last one filled up with zeros.
import CKernels

struct PackedBlock {
  /// Floats of B that several tiles of A pass over before the next ones are read: some 0.6 MB, which leaves a
  /// second-level cache of 1 MB room for A and C. Twelve panels of the greatest depth are just that.
  static let groupFloats = 147_456

  let level: GemmLevel
  /// Rows and columns of B that are here; the rows begin with one of its blocks of k.
  let k: Range<Int>
  let columns: Range<Int>
  private let unit: Int
  private let floats: UnsafeMutablePointer<Float>

  init(
    _ level: GemmLevel, k: Range<Int>, columns: Range<Int>, of depth: Int,
    _ floats: UnsafeMutablePointer<Float>
  ) {
    (self.level, self.k, self.columns, self.floats) = (level, k, columns, floats)
    unit = Depths(depth).size
  }

  /// The room that a block takes.
  static func floats(_ level: GemmLevel, depth: Int, columns: Int) -> Int {
    level.panels(columns) * level.width * depth
  }

  var panelCount: Int { level.panels(columns.count) }

  /// Panels for a thread to pack at a time.
  var packingGrain: Int { Self.packingGrain(level, panels: panelCount, depth: k.count) }

  /// Panels of some depth to pack at a time: two pieces at least, of a quarter megabyte at most.
  static func packingGrain(_ level: GemmLevel, panels: Int, depth: Int) -> Int {
    max(1, min((panels + 1) / 2, 65_536 / max(1, depth * level.width)))
  }

  /// Where a panel's part of one block of k lies.
  @inline(__always)
  func address(_ panel: Int, _ depths: Range<Int>) -> UnsafeMutablePointer<Float> {
    floats + ((depths.lowerBound - k.lowerBound) * panelCount + panel * depths.count) * level.width
  }

  /// Copies panels from B, which has element (l, j) at b[l row + j step].
  func pack(_ b: UnsafePointer<Float>, row: Int, step: Int, panels: Range<Int>) {
    forEachDepth { depths in
      for panel in panels {
        let column = columns.lowerBound + panel * level.width
        level.kernels.pack_panel(
          depths.count, Int32(min(level.width, columns.upperBound - column)),
          b + depths.lowerBound * row + column * step, row, step, address(panel, depths))
      }
    }
  }

  private var together: Int { level.panelsTogether(unit) }

  var groupCount: Int { (panelCount + together - 1) / together }

  /// Blocks of k, and in each the groups of some panels.
  @inline(__always)
  func forEachGroup(of panels: Range<Int>, _ body: (_ depths: Range<Int>, _ panels: Range<Int>) -> Void) {
    forEachDepth { depths in
      for panel in stride(from: panels.lowerBound, to: panels.upperBound, by: together) {
        body(depths, panel..<min(panel + together, panels.upperBound))
      }
    }
  }

  /// Each block of k that is here; an empty one where k is 0, as the product must still be written.
  @inline(__always)
  private func forEachDepth(_ body: (Range<Int>) -> Void) {
    for start in stride(from: k.lowerBound, to: max(k.upperBound, k.lowerBound + 1), by: unit) {
      body(start..<min(start + unit, k.upperBound))
    }
  }
}
