/// The keys and values of tokens already read, for one block of rows.
///
/// Keys lie transposed, [row, head, element, position], so that the scores of eight positions are one multiply-add a
/// head element; values lie [row, head, position, element], so that a position's value is one row to add.
import Base
import Tensors

final class KeyValueCache {
  let shape: AttentionShape
  let rows: Int
  /// Positions per row, rounded up so that vectors never straddle rows.
  let capacity: Int
  private let storage: [Tensor]
  private let keys: [MutableFloats]
  private let values: [MutableFloats]

  init(_ config: TransformerConfig, rows: Int, positions: Int) throws {
    shape = config.attentionShape
    self.rows = rows
    capacity = (positions + 7) / 8 * 8
    let size = try Shape(checked: [2, rows, shape.keyHeads * shape.headSize, capacity])
    storage = try (0..<config.layers).map { _ in try Tensor(zeros: size, .f32) }
    keys = storage.map { $0.pointer(Float.self) }
    values = storage.map { $0.pointer(Float.self) + $0.elementCount / 2 }
  }

  private var rowSize: Int { shape.keyHeads * shape.headSize * capacity }

  /// Makes row `to` a copy of row `from`'s first `positions`.
  func copy(row from: Int, to: Int) {
    if from == to { return }
    for layer in 0..<storage.count {
      (keys[layer] + to * rowSize).update(from: keys[layer] + from * rowSize, count: rowSize)
      (values[layer] + to * rowSize).update(from: values[layer] + from * rowSize, count: rowSize)
    }
  }

  /// Stores the key and value heads of one token.
  func append(layer: Int, row: Int, position: Int, key: Floats, value: Floats) {
    let size = shape.headSize
    let k = keys[layer] + row * rowSize + position
    for i in 0..<shape.keyHeads * size { k[i * capacity] = key[i] }
    let v = values[layer] + row * rowSize
    for head in 0..<shape.keyHeads {
      (v + (head * capacity + position) * size).update(from: value + head * size, count: size)
    }
  }

  /// Attention of one token's query heads over positions 0...position, into `out`.
  func attend(layer: Int, row: Int, position: Int, query: Floats, out: MutableFloats, scores: MutableFloats) {
    let size = shape.headSize
    let count = position + 1
    for head in 0..<shape.heads {
      let at = row * rowSize + head / shape.group * capacity * size
      scoreKeys(query + head * size, keys[layer] + at, scores, count)
      let (_, total) = ActivationKernels.exponentials(scores, scores, count)
      addValues(scores, 1 / total, values[layer] + at, out + head * size, count)
    }
  }

  @inline(__always)
  private func scoreKeys(_ query: Floats, _ keys: Floats, _ scores: MutableFloats, _ count: Int) {
    let scale = shape.scale
    var t = 0
    while t < count {
      var s = Vector()
      for i in 0..<shape.headSize {
        s = s.addingProduct(Vector(repeating: query[i] * scale), load(keys + i * capacity + t))
      }
      store(s, scores + t)
      t += 8
    }
  }

  @inline(__always)
  private func addValues(_ weights: Floats, _ factor: Float, _ values: Floats, _ out: MutableFloats, _ count: Int) {
    let size = shape.headSize
    var i = 0
    while i + 8 <= size {
      var (a, b) = (Vector(), Vector())
      var t = 0
      while t + 2 <= count {
        a = a.addingProduct(Vector(repeating: weights[t]), load(values + t * size + i))
        b = b.addingProduct(Vector(repeating: weights[t + 1]), load(values + (t + 1) * size + i))
        t += 2
      }
      if t < count { a = a.addingProduct(Vector(repeating: weights[t]), load(values + t * size + i)) }
      store((a + b) * factor, out + i)
      i += 8
    }
    while i < size {
      var total: Float = 0
      for t in 0..<count { total += weights[t] * values[t * size + i] }
      out[i] = total * factor
      i += 1
    }
  }
}
