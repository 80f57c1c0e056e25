/// One matrix product: its operands, how it is cut into tiles, and its definition in three loops.
import CKernels

/// The vector instructions to use. Tests set it to compare the levels.
struct GemmLevel {
  static var current: GemmLevel {
    get { chosen.pointee }
    set { chosen.pointee = newValue }
  }

  // Behind a pointer, since access to a mutable static variable takes longer than a small tile.
  private nonisolated(unsafe) static let chosen = {
    let place = UnsafeMutablePointer<GemmLevel>.allocate(capacity: 1)
    place.initialize(to: GemmLevel(best: CK_AVX512))
    return place
  }()

  let kernels: ck_level
  /// The largest number of rows in a tile.
  let height: Int
  /// Columns of a tile and of a panel.
  let width: Int

  /// The best level of this processor, at most `limit`.
  init(best limit: Int) {
    kernels = ck_gemm_level(Int32(limit)).pointee
    (height, width) = (Int(kernels.rows), Int(kernels.columns))
  }

  /// Panels for a number of columns; the last panel may be partly empty.
  func panels(_ columns: Int) -> Int { (columns + width - 1) / width }

  /// The columns in a range of panels, of `count` in all.
  func columns(_ panels: Range<Int>, of count: Int) -> Range<Int> {
    panels.lowerBound * width..<min(panels.upperBound * width, count)
  }

  /// Panels of depth `unit` that fit in the L2 cache together.
  func panelsTogether(_ unit: Int) -> Int { max(1, PackedBlock.groupFloats / (unit * width)) }
}

/// k cut into blocks of equal size, at most `Gemm.depth`. The cut depends on k alone, because sums are
/// rounded between blocks.
struct Depths {
  let count: Int
  let size: Int

  init(_ k: Int) {
    count = max(1, (k + Gemm.depth - 1) / Gemm.depth)
    size = max(1, (k + count - 1) / count)
  }
}

struct GemmProduct {
  let a, b: MatrixView<Float>
  let c: MutableMatrixView<Float>
  let alpha, beta: Float
  /// Added to the product: beta times `add`, which is C itself if no other matrix is given, and `bias` for
  /// each row.
  let add: MatrixView<Float>?
  let bias: UnsafePointer<Float>?
  let level = GemmLevel.current
  /// Floats from one k to the next in a packed tile of A.
  private static let packedStep = Int(CK_ROW_STEP)
  /// Steps of k between the prefetch of a panel and its use.
  private static let stepsAhead = 128
  /// Floats from one row to the next in a copied tile of A: a cache line more than `depth`, so that rows do
  /// not fall into the same lines.
  private static let copyRow = Gemm.depth + 16

  var m: Int { c.rows }
  var n: Int { c.columns }
  var k: Int { a.columns }

  /// Tiles of a transposed A are packed. Tiles whose rows lie whole pages apart are copied, because those
  /// rows would all fall into the same few lines of the L1 cache.
  private var copiesA: Bool { a.isTransposed || (a.lead % 1024 == 0 && panelCount >= 4) }

  init(
    _ a: MatrixView<Float>, _ b: MatrixView<Float>, into c: MutableMatrixView<Float>, alpha: Float,
    beta: Float, add: MatrixView<Float>? = nil, bias: UnsafePointer<Float>? = nil
  ) {
    (self.a, self.b, self.c, self.alpha, self.beta, self.bias) = (a, b, c, alpha, beta, bias)
    let own = MatrixView(UnsafePointer(c.pointer), rows: c.rows, columns: c.columns, lead: c.lead)
    self.add = beta == 0 ? nil : add ?? own
  }

  var tileCount: Int { (m + level.height - 1) / level.height }
  var panelCount: Int { level.panels(n) }
  /// Groups of panels; a thread packs one group at once.
  var groupCount: Int { (n + groupWidth - 1) / groupWidth }
  private var groupWidth: Int { level.panelsTogether(Depths(k).size) * level.width }
  func columns(_ panels: Range<Int>) -> Range<Int> { level.columns(panels, of: n) }

  /// The rows of some tiles. Tiles are of nearly equal height, since short tiles waste multiplications.
  func rows(_ tiles: Range<Int>) -> Range<Int> {
    tiles.lowerBound * m / tileCount..<tiles.upperBound * m / tileCount
  }

  /// Computes the rows of some tiles of C in the columns of some of the block's panels.
  func multiply(tiles: Range<Int>, panels: Range<Int>, _ block: PackedBlock) {
    let copy = copiesA ? ck_scratch(Int32(CK_PACKED_A), Self.copyRow * Self.packedStep) : nil
    block.forEachGroup(of: panels) { depths, panels in
      for tile in tiles {
        let rows = self.rows(tile..<tile + 1)
        var (row, step) = (a.rowStep, a.columnStep)
        var from = a.pointer + rows.lowerBound * row + depths.lowerBound * step
        if let copy {
          if !a.isTransposed {
            for i in 0..<rows.count {
              (copy + i * Self.copyRow).update(from: from + i * a.lead, count: depths.count)
            }
            row = Self.copyRow
          } else {
            level.kernels.pack_rows(depths.count, Int32(rows.count), from, a.lead, copy)
            (row, step) = (1, Self.packedStep)
          }
          from = UnsafePointer(copy)
        }
        for panel in panels {
          let column = panel * level.width
          var to = sink(rows.lowerBound, block.columns.lowerBound + column, isFirst: depths.lowerBound == 0)
          let part = block.address(panel, depths)
          level.kernels.tile(
            Int32(rows.count), depths.count, from, row, step, part, part + Self.stepsAhead * level.width,
            level.width,
            Int32(min(level.width, block.columns.count - column)), &to)
        }
      }
    }
  }

  /// The destination of a tile. Blocks of k after the first add to what the tile holds.
  @inline(__always)
  private func sink(_ row: Int, _ column: Int, isFirst: Bool) -> ck_sink {
    let to = c.pointer + row * c.lead + column
    if !isFirst {
      return ck_sink(c: to, lead: c.lead, add: to, add_lead: c.lead, bias: nil, alpha: alpha, beta: 1)
    }
    return ck_sink(
      c: to, lead: c.lead, add: add.map { $0.pointer + row * $0.lead + column },
      add_lead: add?.lead ?? c.lead, bias: bias.map { $0 + column }, alpha: alpha, beta: beta)
  }

  /// Computes some columns of C on the calling thread, packing a part of B at a time.
  func multiply(columns: Range<Int>) {
    let unit = Depths(k).size
    let width = tileCount < 4 ? level.width : groupWidth
    let capacity = PackedBlock.floats(level, depth: min(unit, k), columns: min(width, columns.count))
    guard let packed = ck_scratch(Int32(CK_PACKED_B), capacity) else {
      return multiplyPlainly(columns: columns)
    }
    for l in stride(from: 0, to: max(k, 1), by: unit) {
      for j in stride(from: columns.lowerBound, to: columns.upperBound, by: width) {
        let block = PackedBlock(
          level, k: l..<min(l + unit, k), columns: j..<min(j + width, columns.upperBound), of: k, packed)
        block.pack(b, panels: 0..<block.panelCount)
        multiply(tiles: 0..<tileCount, panels: 0..<block.panelCount, block)
      }
    }
  }

  /// Defines the product to the last bit; the tiles are tested against it.
  func multiplyPlainly(columns: Range<Int>) {
    let unit = Depths(k).size
    for i in 0..<m {
      for j in columns {
        let to = c.pointer + i * c.lead + j
        for start in stride(from: 0, to: max(k, 1), by: unit) {
          var sum: Float = 0
          for l in start..<min(start + unit, k) {
            sum = sum.addingProduct(
              a.pointer[i * a.rowStep + l * a.columnStep], b.pointer[l * b.rowStep + j * b.columnStep])
          }
          var base = start == 0 ? add.map { beta * $0.pointer[i * $0.lead + j] } ?? 0 : to.pointee
          if start == 0, let bias { base += bias[j] }
          to.pointee = base.addingProduct(sum, alpha)
        }
      }
    }
  }
}
