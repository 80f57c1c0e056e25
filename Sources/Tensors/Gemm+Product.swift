/// One matrix product: its operands, how it is cut into tiles, and its plain meaning.
import CKernels

/// The vectors to use; tests set it, to compare the levels with each other.
struct GemmLevel {
  static var current: GemmLevel {
    get { chosen.pointee }
    set { chosen.pointee = newValue }
  }

  // Behind a pointer, since reading a static variable that may change takes longer than a small tile.
  private nonisolated(unsafe) static let chosen = {
    let place = UnsafeMutablePointer<GemmLevel>.allocate(capacity: 1)
    place.initialize(to: GemmLevel(best: CK_AVX512))
    return place
  }()

  let kernels: ck_level
  /// Rows of a tile, at most.
  let height: Int
  /// Columns of a tile and of a panel.
  let width: Int

  /// The best level of this processor, at most `limit`.
  init(best limit: Int) {
    kernels = ck_gemm_level(Int32(limit)).pointee
    (height, width) = (Int(kernels.rows), Int(kernels.columns))
  }

  /// Panels of so many columns, the last of which may be part of one.
  func panels(_ columns: Int) -> Int { (columns + width - 1) / width }

  /// The columns that some panels hold, of `count` in all.
  func columns(_ panels: Range<Int>, of count: Int) -> Range<Int> {
    panels.lowerBound * width..<min(panels.upperBound * width, count)
  }

  /// Panels that stay in the second-level cache together, where k is cut into blocks of `unit`.
  func panelsTogether(_ unit: Int) -> Int { max(1, PackedBlock.groupFloats / (unit * width)) }
}

/// k in blocks of equal size, at most `Gemm.depth`: by k alone, because the sums are rounded between them.
struct Depths {
  let count: Int
  let size: Int

  init(_ k: Int) {
    count = max(1, (k + Gemm.depth - 1) / Gemm.depth)
    size = max(1, (k + count - 1) / count)
  }
}

struct GemmProduct {
  let m, n, k: Int
  let alpha, beta: Float
  let a: UnsafePointer<Float>
  /// A(i, l) is at a[i aRow + l aStep], B(l, j) at b[l bRow + j bStep].
  let aRow, aStep: Int
  let b: UnsafePointer<Float>
  let bRow, bStep: Int
  let c: UnsafeMutablePointer<Float>
  let lead: Int
  /// Added to the product: beta times rows of `add`, which are C's own unless others are given, and a row of biases.
  let add: UnsafePointer<Float>?
  let addLead: Int
  let bias: UnsafePointer<Float>?
  let level = GemmLevel.current
  /// Floats from one l to the next in a packed tile of A.
  private static let packedStep = Int(CK_ROW_STEP)
  /// Steps of k that panels are asked for ahead of their use.
  private static let stepsAhead = 128
  /// Floats from one row to the next in a copied tile of A: one line of the cache more than a whole number of them.
  private static let copyRow = Gemm.depth + 16

  /// Tiles of an A stored transposed are packed. One whose rows lie whole pages apart is copied, because its rows would
  /// all fall into the same few lines of the first-level cache.
  private var copiesA: Bool { aStep != 1 || (aRow % 1024 == 0 && panelCount >= 4) }

  init(
    _ transA: Bool, _ transB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int, add: (UnsafePointer<Float>, lead: Int)? = nil,
    bias: UnsafePointer<Float>? = nil
  ) {
    (self.m, self.n, self.k, self.alpha, self.beta) = (m, n, k, alpha, beta)
    (self.a, aRow, aStep) = (a, transA ? 1 : lda, transA ? lda : 1)
    (self.b, bRow, bStep) = (b, transB ? 1 : ldb, transB ? ldb : 1)
    (self.c, lead) = (c, ldc)
    self.add = beta == 0 ? nil : add?.0 ?? UnsafePointer(c)
    (addLead, self.bias) = (add?.lead ?? ldc, bias)
  }

  var tileCount: Int { (m + level.height - 1) / level.height }
  var panelCount: Int { level.panels(n) }
  /// Groups of panels that a thread packs at once.
  var groupCount: Int { (n + groupWidth - 1) / groupWidth }
  private var groupWidth: Int { level.panelsTogether(Depths(k).size) * level.width }
  func columns(_ panels: Range<Int>) -> Range<Int> { level.columns(panels, of: n) }

  /// Rows of tiles: m cut evenly, since short tiles waste the multipliers.
  func rows(_ tiles: Range<Int>) -> Range<Int> {
    tiles.lowerBound * m / tileCount..<tiles.upperBound * m / tileCount
  }

  /// The tiles' rows of C in the columns of some of the block's panels.
  func multiply(tiles: Range<Int>, panels: Range<Int>, _ block: PackedBlock) {
    let ownA = copiesA ? ck_scratch(Int32(CK_PACKED_A), Self.copyRow * Self.packedStep) : nil
    block.forEachGroup(of: panels) { depths, panels in
      for tile in tiles {
        let rows = self.rows(tile..<tile + 1)
        var from = a + rows.lowerBound * aRow + depths.lowerBound * aStep
        var (row, step) = (aRow, aStep)
        if let ownA {
          if aStep == 1 {
            for i in 0..<rows.count {
              (ownA + i * Self.copyRow).update(from: from + i * aRow, count: depths.count)
            }
            row = Self.copyRow
          } else {
            level.kernels.pack_rows(depths.count, Int32(rows.count), from, aStep, ownA)
            (row, step) = (1, Self.packedStep)
          }
          from = UnsafePointer(ownA)
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

  /// Where a tile goes. Blocks of k after the first add to what it has written.
  @inline(__always)
  private func sink(_ row: Int, _ column: Int, isFirst: Bool) -> ck_sink {
    let to = c + row * lead + column
    if !isFirst {
      return ck_sink(c: to, lead: lead, add: to, add_lead: lead, bias: nil, alpha: alpha, beta: 1)
    }
    return ck_sink(
      c: to, lead: lead, add: add.map { $0 + row * addLead + column }, add_lead: addLead,
      bias: bias.map { $0 + column },
      alpha: alpha, beta: beta)
  }

  /// Some columns of C, on the calling thread: B is packed a piece at a time, and each piece is used at once.
  func multiply(columns: Range<Int>) {
    let unit = Depths(k).size
    let width = tileCount < 4 ? level.width : groupWidth
    let room = PackedBlock.floats(level, depth: min(unit, k), columns: min(width, columns.count))
    guard let packed = ck_scratch(Int32(CK_PACKED_B), room) else { return multiplyPlainly(columns: columns) }
    for l in stride(from: 0, to: max(k, 1), by: unit) {
      for j in stride(from: columns.lowerBound, to: columns.upperBound, by: width) {
        let block = PackedBlock(
          level, k: l..<min(l + unit, k), columns: j..<min(j + width, columns.upperBound), of: k, packed)
        block.pack(b, row: bRow, step: bStep, panels: 0..<block.panelCount)
        multiply(tiles: 0..<tileCount, panels: 0..<block.panelCount, block)
      }
    }
  }

  /// The meaning of a product, to the last bit: what the tiles are tested against.
  func multiplyPlainly(columns: Range<Int>) {
    let unit = Depths(k).size
    for i in 0..<m {
      for j in columns {
        let to = c + i * lead + j
        for start in stride(from: 0, to: max(k, 1), by: unit) {
          var sum: Float = 0
          for l in start..<min(start + unit, k) {
            sum = sum.addingProduct(a[i * aRow + l * aStep], b[l * bRow + j * bStep])
          }
          var base = start == 0 ? add.map { beta * $0[i * addLead + j] } ?? 0 : to.pointee
          if start == 0, let bias { base += bias[j] }
          to.pointee = base.addingProduct(sum, alpha)
        }
      }
    }
  }
}
