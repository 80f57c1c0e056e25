/// Products of matrices of 32-bit floats.
///
/// B is packed once into panels as wide as a tile of C, for all threads; then each thread takes rows of C, tile by
/// tile. Where rows are few, each thread takes columns and packs those of B. An element of C is one chain of fused
/// multiply-adds in the order of k, started anew every `depth` elements: so the bits of a row depend neither on the number
/// of threads, nor on how the product is cut, nor on which rows stand beside it, nor on the width of the processor's
/// vectors. `GemmProduct.multiplyPlainly` says it in three loops.
import Base
import CKernels

public enum Gemm {
  /// Elements of k in one chain, at most: a tile of A and a panel of B of this depth fit in the first-level cache.
  static let depth = 384
  /// Floats of B packed at once for all threads: 4 MB.
  private static let packedMax = 1 << 20
  /// Columns of B packed at once: with `depth` rows they stay below `packedMax`.
  private static let columnsMax = 2048
  /// Multiply-adds below which a product is not worth a hand-over to other threads: some 6 microseconds.
  private static let aloneMax = 200_000
  /// Rows up to which packing B is a good part of the work, so that each thread packs the columns that it multiplies with,
  /// which stay in its cache, and nobody waits until all of B is packed.
  private static let fewRows = 1024
  /// Multiply-adds in a piece: some 20 microseconds, so that threads finish together.
  static let pieceWork = 2_000_000

  /// Work on rows of C before or after they are multiplied, while they are in the thread's cache.
  public typealias Rows = (Range<Int>) -> Void

  /// C = alpha op(A) op(B) + beta C, row-major; `m`, `n`, `k` are the sizes after transposition: C is [m, n], op(A)
  /// [m, k], op(B) [k, n]. `lda`, `ldb` and `ldc` are the elements from one stored row to the next.
  ///
  ///     Gemm.run(false, true, 2, 4, 3, 1, a, 3, b, 3, 0, c, 4)   // C[2, 4] = A[2, 3] B[4, 3]^T
  ///
  /// Nothing is checked: whoever made the tensors knows their sizes. With `add`, beta multiplies its rows and not those
  /// of C, which is then only written; `bias` is added to each row. `before` is called for rows of C before they are read
  /// (and before those rows of an A that is not transposed are), `after` when they are done; each row once. Neither may
  /// multiply: the packed operands lie in the room of the thread that calls them.
  @inline(never)
  public static func run(
    _ transA: Bool, _ transB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int, add: (UnsafePointer<Float>, lead: Int)? = nil,
    bias: UnsafePointer<Float>? = nil, before: Rows? = nil, after: Rows? = nil
  ) {
    if m == 0 || n == 0 { return }
    let product = GemmProduct(
      transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, add: add, bias: bias)
    if m * n * k < aloneMax {
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

  /// The same on the calling thread alone, for whoever is already one of many: a head of the attention.
  public static func single(
    _ transA: Bool, _ transB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    if m == 0 || n == 0 { return }
    GemmProduct(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc).multiply(columns: 0..<n)
  }

  /// Packs blocks of B in turn and has the threads multiply rows of A with each.
  private static func cutRows(_ p: GemmProduct, _ before: Rows?, _ after: Rows?) {
    let width = min(p.n, columnsMax)
    let unit = Depths(p.k).size
    let deep = max(1, packedMax / (width * unit)) * unit
    let room = PackedBlock.floats(p.level, depth: min(deep, p.k), columns: width)
    guard let packed = ck_scratch(Int32(CK_PACKED_B), room) else {
      before?(0..<p.m)
      p.multiplyPlainly(columns: 0..<p.n)
      after?(0..<p.m)
      return
    }
    let (tiles, isWhole) = (p.tileCount, width == p.n && deep >= p.k)
    if !isWhole { everyRow(p.m, before) }
    for l in stride(from: 0, to: max(p.k, 1), by: deep) {
      for j in stride(from: 0, to: p.n, by: width) {
        let block = PackedBlock(
          p.level, k: l..<min(l + deep, p.k), columns: j..<min(j + width, p.n), of: p.k, packed)
        Parallel.ranges(block.panelCount, grain: block.packingGrain) {
          block.pack(p.b, row: p.bRow, step: p.bStep, panels: $0)
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

  private static func everyRow(_ rows: Int, _ work: Rows?) {
    if let work { Parallel.ranges(rows, grain: max(1, rows / 8), work) }
  }

  /// How a product with a packed block is cut: into runs of tiles and, where rows need not stay whole, groups of panels.
  private struct Pieces {
    private let tiles, panels, runs, groups: Int

    /// Two runs at least, so that two threads share the work.
    init(_ block: PackedBlock, tiles: Int, rows: Int, keepsRows: Bool) {
      let floats = block.columns.count * block.k.count
      let most = max(2, rows * floats / pieceWork)
      (self.tiles, panels) = (tiles, block.panelCount)
      groups = keepsRows ? 1 : min(block.groupCount, most)
      // A piece whose panels leave a second-level cache reads each of them from further away.
      let isFar = floats > groups * PackedBlock.groupFloats
      let least = min(isFar ? 8 : 2, (tiles + 1) / 2)
      runs = min(tiles, evenPieces(min(most / groups, tiles / least)))
    }

    var count: Int { runs * groups }

    /// Pieces that follow each other share a group: threads side by side read the same panels.
    subscript(piece: Int) -> (tiles: Range<Int>, panels: Range<Int>) {
      (Parallel.range(piece % runs, of: runs, tiles), Parallel.range(piece / runs, of: groups, panels))
    }
  }

  /// So many pieces or one more, two at least: an even number, that two threads finish together.
  static func evenPieces(_ wanted: Int) -> Int {
    let two = max(2, wanted)
    return two + two % 2
  }
}
