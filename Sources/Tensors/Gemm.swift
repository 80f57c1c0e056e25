/// Products of matrices of 32-bit floats.
///
/// B is packed once, for all threads, into panels as wide as a tile of C; then each thread computes rows of
/// C, tile by tile. If the rows are few, each thread computes columns and packs those of B. An element of C
/// is a chain of fused multiply-adds in the order of k, with a rounding after every `depth` elements. So the
/// bits of a row depend neither on the number of threads, nor on how the product is cut, nor on the other
/// rows, nor on the width of the processor's vectors. `GemmProduct.multiplyPlainly` defines them in three
/// loops.
///
/// Products of bf16 are the same with operands that packing rounds, two elements in the place of one float.
import Base
import CKernels

public enum Gemm {
  /// The largest number of elements of k in one chain: a tile of A and a panel of B of this depth fit in the
  /// L1 cache.
  static let depth = 384
  /// Floats of B packed at once for all threads (4 MB).
  private static let packedMax = 1 << 20
  /// Columns of B packed at once. `depth` rows of them stay below `packedMax`.
  private static let columnsMax = 2048
  /// A product of fewer multiply-adds (about 6 microseconds) runs on the calling thread alone.
  private static let singleThreadMax = 200_000
  /// Up to this number of rows, packing B is a large part of the work. Then each thread packs the columns
  /// that it multiplies, which stay in its cache, and no thread waits until all of B is packed.
  private static let fewRows = 1024
  /// Multiply-adds in a piece: about 20 microseconds, so that threads finish together.
  static let pieceWork = 2_000_000

  /// Work on rows of C before or after they are multiplied, while they are in the thread's cache.
  public typealias RowCallback = (Range<Int>) -> Void

  /// C = alpha A B + beta C for A [m, k], B [k, n] and C [m, n].
  ///
  ///     let w = MatrixView(weight, rows: 4, columns: 3)
  ///     Gemm.run(MatrixView(x, rows: 2, columns: 3), w.transposed, into: MutableMatrixView(y, rows: 2, columns: 4))
  ///
  /// Sizes are not checked. If `add` [m, n] is given, beta scales `add` instead of C. `bias` [n] is added to
  /// each row. With `precision` bf16 the elements of A and B are rounded to the nearest bf16 and multiplied as
  /// such, with f32 sums and denormals as zeros. `before` is called for rows of C before they are read (and before the same rows of an A that
  /// is not transposed are), `after` when they are done; once for each row. Neither may call Gemm: it would
  /// overwrite the calling thread's packing buffer.
  @inline(never)
  public static func run(
    _ a: MatrixView<Float>, _ b: MatrixView<Float>, into c: MutableMatrixView<Float>, alpha: Float = 1,
    beta: Float = 0, add: MatrixView<Float>? = nil, bias: UnsafePointer<Float>? = nil,
    precision: Precision = .f32, before: RowCallback? = nil, after: RowCallback? = nil
  ) {
    if c.rows == 0 || c.columns == 0 { return }
    let product = GemmProduct(
      a, b, into: c, alpha: alpha, beta: beta, add: add, bias: bias, precision: precision)
    let (m, n, k) = (c.rows, c.columns, product.steps)
    if m * n * k < singleThreadMax {
      before?(0..<m)
      product.multiply(columns: 0..<n)
      after?(0..<m)
    } else if product.tileCount < 4 || (m <= fewRows && product.groupCount > 1) {
      everyRow(m, before)
      let wanted = product.tileCount < 4 ? m * n * k / pieceWork : product.groupCount
      let panels = product.panelCount
      Parallel.evenly(panels, pieces: min(panels, evenPieces(wanted))) {
        product.multiply(columns: product.columns($0))
      }
      everyRow(m, after)
    } else {
      cutRows(product, before, after)
    }
  }

  /// `run` on the calling thread alone, for a caller that is one of many threads: a head of the attention.
  public static func single(
    _ a: MatrixView<Float>, _ b: MatrixView<Float>, into c: MutableMatrixView<Float>, alpha: Float = 1,
    beta: Float = 0, precision: Precision = .f32
  ) {
    if c.rows == 0 || c.columns == 0 { return }
    GemmProduct(a, b, into: c, alpha: alpha, beta: beta, precision: precision).multiply(
      columns: 0..<c.columns)
  }

  /// Packs blocks of B one after another; the threads multiply rows of A with each block.
  private static func cutRows(_ p: GemmProduct, _ before: RowCallback?, _ after: RowCallback?) {
    let width = min(p.n, columnsMax)
    let unit = p.level.unit(p.a.columns)
    let deep = max(1, packedMax / (width * unit)) * unit
    let capacity = PackedBlock.floats(p.level, depth: min(deep, p.steps), columns: width)
    guard let packed = ck_scratch(Int32(CK_PACKED_B), capacity) else {
      before?(0..<p.m)
      p.multiplyPlainly(columns: 0..<p.n)
      after?(0..<p.m)
      return
    }
    let (tiles, isWhole) = (p.tileCount, width == p.n && deep >= p.steps)
    if !isWhole { everyRow(p.m, before) }
    for l in stride(from: 0, to: max(p.steps, 1), by: deep) {
      for j in stride(from: 0, to: p.n, by: width) {
        let block = PackedBlock(
          p.level, k: l..<min(l + deep, p.steps), columns: j..<min(j + width, p.n), of: p.a.columns,
          packed)
        Parallel.ranges(block.panelCount, grain: block.packingGrain) {
          block.pack(p.b, panels: $0)
        }
        let pieces = Pieces(
          block, tiles: tiles, rows: p.m, keepsRows: isWhole && (before != nil || after != nil))
        Parallel.run(pieces.count) { piece in
          let (tiles, panels) = pieces[piece]
          if isWhole { before?(p.rows(tiles)) }
          p.multiply(tiles: tiles, panels: panels, block)
          if isWhole { after?(p.rows(tiles)) }
        }
      }
    }
    if !isWhole { everyRow(p.m, after) }
  }

  private static func everyRow(_ rows: Int, _ work: RowCallback?) {
    if let work { Parallel.ranges(rows, grain: max(1, rows / 8), work) }
  }

  /// How a product with a packed block is cut: into runs of tiles and, if rows may be divided, groups of
  /// panels.
  private struct Pieces {
    private let tiles, panels, runs, groups: Int

    /// At least two runs, so that two threads share the work.
    init(_ block: PackedBlock, tiles: Int, rows: Int, keepsRows: Bool) {
      let floats = block.columns.count * block.k.count
      let most = max(2, rows * floats / pieceWork)
      (self.tiles, panels) = (tiles, block.panelCount)
      groups = keepsRows ? 1 : min(block.groupCount, most)
      // The panels of such a piece do not fit in the L2 cache.
      let exceedsCache = floats > groups * PackedBlock.groupFloats
      let least = min(exceedsCache ? 8 : 2, (tiles + 1) / 2)
      runs = min(tiles, evenPieces(min(most / groups, tiles / least)))
    }

    var count: Int { runs * groups }

    /// Consecutive pieces share a group, so that threads that run together read the same panels.
    subscript(piece: Int) -> (tiles: Range<Int>, panels: Range<Int>) {
      (Parallel.range(piece % runs, of: runs, tiles), Parallel.range(piece / runs, of: groups, panels))
    }
  }

  /// `wanted` rounded up to an even number of at least 2, so that two threads finish together.
  static func evenPieces(_ wanted: Int) -> Int {
    let two = max(2, wanted)
    return two + two % 2
  }
}
