/// The keys and values of tokens already read, for one block of rows.
///
/// Keys are stored in blocks of sixteen positions, [row, head, block, pair of elements, position, element of
/// the pair]: one vector instruction multiplies sixteen positions. Values are stored [row, head, position,
/// element]: the value of a position is one row to add. Both are padded to whole vectors.
import Base
import CKernels
import Tensors

final class KeyValueCache {
  /// The sizes of every layer; scale and window are those of the layer that attends.
  let shape: AttentionShape
  let rows: Int
  /// Positions per row, rounded up to whole blocks.
  let capacity: Int
  /// Elements of a key and of a value, padding included.
  private let keySize, valueSize: Int
  private let storage: [Tensor]
  private let keys: [MutableFloats]
  private let values: [MutableFloats]

  init(_ config: TransformerConfig, rows: Int, positions: Int) throws {
    shape = config.attentionShape(0)
    self.rows = rows
    capacity = (positions + 15) / 16 * 16
    keySize = (shape.headSize + 1) / 2 * 2
    valueSize = (shape.headSize + 15) / 16 * 16
    let size = try Shape(checked: [rows, shape.keyHeads, capacity, keySize + valueSize])
    // Unwritten elements are read only as padding.
    storage = try (0..<config.layers).map { _ in try Tensor(uninitialized: size, .f32) }
    keys = storage.map { $0.pointer(Float.self) }
    let allKeys = rows * shape.keyHeads * capacity * keySize
    values = keys.map { $0 + allKeys }
  }

  @inline(__always)
  private func keys(_ layer: Int, _ row: Int, _ head: Int) -> MutableFloats {
    keys[layer] + (row * shape.keyHeads + head) * capacity * keySize
  }

  @inline(__always)
  private func values(_ layer: Int, _ row: Int, _ head: Int) -> MutableFloats {
    values[layer] + (row * shape.keyHeads + head) * capacity * valueSize
  }

  /// Makes the first `positions` of row `to` a copy of row `from`'s.
  func copy(row from: Int, to: Int, positions: Int) {
    let whole = (positions + 15) / 16 * 16
    for layer in 0..<storage.count {
      for head in 0..<shape.keyHeads {
        keys(layer, to, head).update(from: keys(layer, from, head), count: whole * keySize)
        values(layer, to, head).update(from: values(layer, from, head), count: positions * valueSize)
      }
    }
  }

  /// Stores the key and value heads of one token.
  func append(layer: Int, row: Int, position: Int, key: Floats, value: Floats) {
    let size = shape.headSize
    let kernels = DecoderLevel.current
    for head in 0..<shape.keyHeads {
      kernels.place(Int32(size), position, key + head * size, keys(layer, row, head))
      (values(layer, row, head) + position * valueSize).update(from: value + head * size, count: size)
    }
  }

  /// Attention of one token's query heads over the positions that a layer of `shape` sees from `position`, into
  /// `out`. `scores` has `capacity` elements.
  func attend(
    _ shape: AttentionShape, layer: Int, row: Int, position: Int, query: Floats, out: MutableFloats,
    scores: MutableFloats, bias: DistanceBias? = nil
  ) {
    let size = shape.headSize
    let kernels = DecoderLevel.current
    let first = shape.firstKey(position)
    // Keys are read in whole blocks; the scores of those before the window are -inf.
    let start = first / 16 * 16
    let (unseen, count) = (first - start, position + 1 - start)
    for head in 0..<shape.heads {
      let from = head / shape.group
      kernels.scores(
        Int32(size), count, shape.scale, query + head * size, keys(layer, row, from) + start * keySize, scores
      )
      if shape.softcap > 0 {
        ActivationKernels.softcap(scores + unseen, shape.softcap, count - unseen)
      }
      if let bias { bias.add(scores, head, from: position - start, count) }
      scores.update(repeating: -.infinity, count: unseen)
      // Whole blocks, as the scores after the last are -inf.
      let (_, total) = ActivationKernels.exponentials(scores, scores, (count + 15) / 16 * 16)
      kernels.mix(
        Int32(size), count, 1 / total, scores, values(layer, row, from) + start * valueSize, out + head * size
      )
    }
  }
}

/// The biases of keys by their distance before a query, for each head.
struct DistanceBias {
  private let values: [Float]
  private let positions: Int

  /// `table` is [buckets, heads].
  init(_ buckets: RelativeBuckets, _ table: DecoderMatrix, positions: Int) {
    let heads = table.inputs
    var biases = [Float](repeating: 0, count: buckets.count * heads)
    biases.withUnsafeMutableBufferPointer { all in
      guard let start = all.baseAddress else { return }
      for bucket in 0..<buckets.count { table.row(bucket, into: start + bucket * heads) }
    }
    let rows = (0..<positions).map { buckets.bucket(-$0) * heads }
    values = (0..<heads).flatMap { head in rows.map { biases[$0 + head] } }
    self.positions = positions
  }

  /// Adds the biases of `count` keys, the first of them `distance` tokens before the query.
  @inline(__always)
  func add(_ scores: MutableFloats, _ head: Int, from distance: Int, _ count: Int) {
    let first = head * positions + distance
    for i in 0..<count { scores[i] += values[first - i] }
  }
}
