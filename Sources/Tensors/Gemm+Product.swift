/// One matrix product: its operands, how it is cut into tiles, and its definition in three loops.
import CKernels

/// How products round their operands; sums are f32 in both.
public enum Precision: String, Sendable, CaseIterable {
  case f32
  /// bfloat16: the upper half of an f32, with 8 bits of precision.
  case bf16

  /// The most elements of k in one chain of multiply-adds, which depends on k alone: sums are rounded between
  /// chains.
  func chain(_ k: Int) -> Int { self == .f32 ? Depths(k).size : 2 * Depths((k + 1) / 2).size }
}

/// The vector instructions to use. Tests set `limit` to compare the levels.
struct GemmLevel {
  /// The best level to use, of those that the processor has.
  static var limit: Int {
    get { chosen.pointee.limit }
    set { chosen.pointee = Choice(newValue) }
  }

  private struct Choice {
    let limit: Int
    let f32, bf16: GemmLevel

    init(_ limit: Int) {
      self.limit = limit
      f32 = GemmLevel(ck_gemm_level(Int32(limit)).pointee)
      bf16 = GemmLevel(ck_bf16_level(Int32(limit)).pointee)
    }
  }

  // Behind a pointer, since access to a mutable static variable takes longer than a small tile.
  private nonisolated(unsafe) static let chosen = {
    let place = UnsafeMutablePointer<Choice>.allocate(capacity: 1)
    place.initialize(to: Choice(Int(CK_AVX512_BF16)))
    return place
  }()

  let kernels: ck_level
  /// The largest number of rows in a tile.
  let height: Int
  /// Columns of a tile and of a panel.
  let width: Int
  /// Floats of two packed elements of k; 0 of f32, whose elements are not in pairs.
  private let pair: Int

  /// The level for products of a precision.
  @inline(__always)
  static func of(_ precision: Precision) -> GemmLevel {
    precision == .f32 ? chosen.pointee.f32 : chosen.pointee.bf16
  }

  private init(_ kernels: ck_level) {
    self.kernels = kernels
    (height, width, pair) = (Int(kernels.rows), Int(kernels.columns), Int(kernels.pair))
  }

  /// Whether operands are rounded to bf16 when they are packed.
  var rounds: Bool { pair != 0 }

  /// Floats that hold `k` packed elements. A step of a tile is one of them.
  func steps(_ k: Int) -> Int { rounds ? (k + 1) / 2 * pair : k }

  /// Elements of k before a step.
  func elements(_ steps: Int) -> Int { rounds ? steps / pair * 2 : steps }

  /// The steps of one chain.
  func unit(_ k: Int) -> Int { rounds ? steps(Precision.bf16.chain(k)) : Precision.f32.chain(k) }

  /// The most that `unit` gives.
  var unitMax: Int { rounds ? Gemm.depth * pair : Gemm.depth }

  /// Runs tiles of this level, whose products of bf16 have no denormals.
  @inline(__always)
  func computing(_ tiles: () -> Void) {
    if !rounds { return tiles() }
    let before = ck_flush_denormals()
    tiles()
    ck_restore_denormals(before)
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

/// k, or its pairs, cut into blocks of equal size, at most `Gemm.depth`. The cut depends on k alone, because sums
/// are rounded between blocks.
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
  let level: GemmLevel
  /// Floats from one k to the next in a packed tile of A.
  private static let packedStep = Int(CK_ROW_STEP)
  /// Steps of k between the prefetch of a panel and its use.
  private static let stepsAhead = 128
  /// Floats from one row to the next in a copied tile of A: a cache line more than a block of k, so that rows do
  /// not fall into the same lines.
  private var copyRow: Int { level.unitMax + 16 }

  var m: Int { c.rows }
  var n: Int { c.columns }
  /// The steps of a tile over the whole of k.
  let steps: Int

  /// Tiles of an A that is transposed or rounded are packed. Tiles whose rows lie whole pages apart are copied,
  /// because those rows would all fall into the same few lines of the L1 cache.
  private var copiesA: Bool {
    a.isTransposed || level.rounds || (a.lead % 1024 == 0 && panelCount >= 4)
  }

  init(
    _ a: MatrixView<Float>, _ b: MatrixView<Float>, into c: MutableMatrixView<Float>, alpha: Float,
    beta: Float, add: MatrixView<Float>? = nil, bias: UnsafePointer<Float>? = nil,
    precision: Precision = .f32
  ) {
    (self.a, self.b, self.c, self.alpha, self.beta, self.bias) = (a, b, c, alpha, beta, bias)
    level = GemmLevel.of(precision)
    steps = level.steps(a.columns)
    let own = MatrixView(UnsafePointer(c.pointer), rows: c.rows, columns: c.columns, lead: c.lead)
    self.add = beta == 0 ? nil : add ?? own
  }

  var tileCount: Int { (m + level.height - 1) / level.height }
  var panelCount: Int { level.panels(n) }
  /// Groups of panels; a thread packs one group at once.
  var groupCount: Int { (n + groupWidth - 1) / groupWidth }
  private var groupWidth: Int { level.panelsTogether(level.unit(a.columns)) * level.width }
  func columns(_ panels: Range<Int>) -> Range<Int> { level.columns(panels, of: n) }

  /// The rows of some tiles. Tiles are of nearly equal height, since short tiles waste multiplications.
  func rows(_ tiles: Range<Int>) -> Range<Int> {
    tiles.lowerBound * m / tileCount..<tiles.upperBound * m / tileCount
  }

  /// Computes the rows of some tiles of C in the columns of some of the block's panels.
  func multiply(tiles: Range<Int>, panels: Range<Int>, _ block: PackedBlock) {
    let copy = copiesA ? ck_scratch(Int32(CK_PACKED_A), copyRow * Self.packedStep) : nil
    if copy == nil && level.rounds {
      let columns = level.columns(panels, of: block.columns.count)
      let start = block.columns.lowerBound
      return multiplyPlainly(
        rows: rows(tiles), columns: start + columns.lowerBound..<start + columns.upperBound, steps: block.k)
    }
    level.computing {
      block.forEachGroup(of: panels) { depths, panels in
        for tile in tiles { multiply(tile, panels, depths, block, copy) }
      }
    }
  }

  /// One tile's rows and one block of k, with A packed to `copy` or as it is.
  @inline(__always)
  private func multiply(
    _ tile: Int, _ panels: Range<Int>, _ depths: Range<Int>, _ block: PackedBlock,
    _ copy: UnsafeMutablePointer<Float>?
  ) {
    let rows = self.rows(tile..<tile + 1)
    let k = level.elements(depths.lowerBound)..<min(level.elements(depths.upperBound), a.columns)
    var (row, step) = (a.rowStep, a.columnStep)
    var from = a.pointer + rows.lowerBound * row + k.lowerBound * step
    if let copy {
      if a.isTransposed {
        level.kernels.pack_rows(k.count, Int32(rows.count), from, a.lead, copy)
        (row, step) = (1, Self.packedStep)
      } else {
        row = copyRow
        for i in 0..<rows.count {
          let (from, to) = (from + i * a.lead, copy + i * row)
          if let pack = level.kernels.pack_row {
            pack(k.count, from, to)
          } else {
            to.update(from: from, count: k.count)
          }
        }
      }
      from = UnsafePointer(copy)
    }
    for panel in panels {
      let column = panel * level.width
      var to = sink(rows.lowerBound, block.columns.lowerBound + column, isFirst: depths.lowerBound == 0)
      let part = block.address(panel, depths)
      level.kernels.tile(
        Int32(rows.count), depths.count, from, row, step, part, part + Self.stepsAhead * level.width,
        level.width, Int32(min(level.width, block.columns.count - column)), &to)
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
    let unit = level.unit(a.columns)
    let width = tileCount < 4 ? level.width : groupWidth
    let capacity = PackedBlock.floats(level, depth: min(unit, steps), columns: min(width, columns.count))
    guard let packed = ck_scratch(Int32(CK_PACKED_B), capacity) else {
      return multiplyPlainly(columns: columns)
    }
    for l in stride(from: 0, to: max(steps, 1), by: unit) {
      for j in stride(from: columns.lowerBound, to: columns.upperBound, by: width) {
        let block = PackedBlock(
          level, k: l..<min(l + unit, steps), columns: j..<min(j + width, columns.upperBound), of: a.columns,
          packed)
        block.pack(b, panels: 0..<block.panelCount)
        multiply(tiles: 0..<tileCount, panels: 0..<block.panelCount, block)
      }
    }
  }

  /// Defines the product to the last bit; the tiles are tested against it. By default all rows and all of k.
  func multiplyPlainly(rows: Range<Int>? = nil, columns: Range<Int>, steps part: Range<Int>? = nil) {
    let k = a.columns
    let part = part ?? 0..<steps
    let unit = level.unit(k)
    level.computing {
      for i in rows ?? 0..<m {
        for j in columns {
          let to = c.pointer + i * c.lead + j
          for start in stride(from: part.lowerBound, to: max(part.upperBound, part.lowerBound + 1), by: unit)
          {
            let own = level.elements(start)..<min(level.elements(min(start + unit, part.upperBound)), k)
            let sum = level.rounds ? pairedChain(i, j, own) : chain(i, j, own)
            var base = start == 0 ? add.map { beta * $0.pointer[i * $0.lead + j] } ?? 0 : to.pointee
            if start == 0, let bias { base += bias[j] }
            to.pointee = base.addingProduct(sum, alpha)
          }
        }
      }
    }
  }

  private func chain(_ i: Int, _ j: Int, _ k: Range<Int>) -> Float {
    var sum: Float = 0
    for l in k {
      sum = sum.addingProduct(
        a.pointer[i * a.rowStep + l * a.columnStep], b.pointer[l * b.rowStep + j * b.columnStep])
    }
    return sum
  }

  /// The same of operands rounded to bf16, the second of each pair before the first; one that is missing is zero.
  private func pairedChain(_ i: Int, _ j: Int, _ k: Range<Int>) -> Float {
    var sum: Float = 0
    func add(_ l: Int) {
      if l == k.upperBound { return sum = sum.addingProduct(0, 0) }
      sum = sum.addingProduct(
        a.pointer[i * a.rowStep + l * a.columnStep].roundedToBFloat16,
        b.pointer[l * b.rowStep + j * b.columnStep].roundedToBFloat16)
    }
    for first in stride(from: k.lowerBound, to: k.upperBound, by: 2) {
      add(first + 1)
      add(first)
    }
    return sum
  }
}
