/// Reads weights by a layout: renames, stacks, splits and transposes, and refuses what is left over.
import Base
import Formats
import Tensors

/// Reads the tensors of one file by their roles and remembers which have been read.
public struct WeightReader {
  let file: any WeightFile
  private let layout: WeightLayout
  let entries: [WeightEntry]
  private let indices: [String: Int]
  var used: [Bool]
  /// Rows of one head, for halves that rotate together.
  let headSize: Int

  public init(_ file: any WeightFile, _ layout: WeightLayout, headSize: Int) {
    self.file = file
    self.layout = layout
    self.headSize = headSize
    entries = file.entries
    indices = Dictionary(entries.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    used = [Bool](repeating: false, count: entries.count)
  }

  /// One weight of this shape: the parts one below the other. The name of the weight is for messages.
  public mutating func read(
    _ name: String, _ parts: [WeightSource], _ kind: WeightKind, layer: Int, shape: [Int]
  ) throws -> Tensor {
    let places = try places(name, parts, kind, layer: layer, shape: shape)
    let result = try Tensor(uninitialized: try Shape(checked: shape), .f32)
    let width = shape.dropFirst().reduce(1, *)
    var done = 0
    for (part, (index, rows)) in zip(parts, places) {
      used[index] = true
      let target = UnsafeMutableBufferPointer(
        start: result.pointer(Float.self) + done * width, count: rows * width)
      try fill(target, from: index, part.arrangement, layer: layer, rows: rows, width: width)
      if part.lacksOne && kind == .weight { for i in target.indices { target[i] += 1 } }
      done += rows
    }
    return withExtendedLifetime(result) { result }
  }

  /// The tensors of a weight and the rows of each: all sizes are compared with the file's before the weight is
  /// allocated.
  func places(
    _ name: String, _ parts: [WeightSource], _ kind: WeightKind, layer: Int, shape: [Int]
  ) throws -> [(index: Int, rows: Int)] {
    try Interrupt.check()
    var places: [(index: Int, rows: Int)] = []
    var total = 0
    for part in parts {
      let index = try index(of: part, kind, layer)
      let stored = try storedShape(index, part, layer, name)
      if Array(stored.dropFirst()) != Array(shape.dropFirst()) || stored[0] > shape[0] - total {
        throw mismatch(index, part, name, "f32 \(Shape(known: shape))")
      }
      places.append((index, stored[0]))
      total += stored[0]
    }
    if total != shape[0] {
      throw Failure(
        .format, "\(file.path): weight '\(name)' needs \(shape[0]) rows, its tensors have \(total)")
    }
    return places
  }

  /// Whether the file has the tensors of a weight.
  public func has(_ parts: [WeightSource], _ kind: WeightKind, layer: Int) -> Bool {
    !parts.isEmpty && parts.allSatisfy { find($0.tensorName(kind, layer: layer)) != nil }
  }

  /// Counts the tensors of a weight as read: they repeat others.
  public mutating func skip(_ parts: [WeightSource], _ kind: WeightKind) {
    for part in parts { if let index = find(part.tensorName(kind, layer: 0)) { used[index] = true } }
  }

  /// Whether two weights are the same numbers.
  public func areEqual(_ parts: [WeightSource], _ others: [WeightSource], _ kind: WeightKind) throws -> Bool {
    for (part, other) in zip(parts, others) {
      let (a, b) = (try index(of: part, kind, 0), try index(of: other, kind, 0))
      if entries[a].shape != entries[b].shape { return false }
      let count = entries[a].shape.elementCount
      for start in stride(from: 0, to: count, by: 1 << 20) {
        let length = min(1 << 20, count - start)
        let pair = try Tensor(uninitialized: [2, length], .f32)
        let (p, q) = (pair.pointer(Float.self), pair.pointer(Float.self) + length)
        try file.read(a, from: start, into: UnsafeMutableBufferPointer(start: p, count: length))
        try file.read(b, from: start, into: UnsafeMutableBufferPointer(start: q, count: length))
        if (0..<length).contains(where: { p[$0] != q[$0] }) { return false }
      }
    }
    return true
  }

  /// Refuses a file that has tensors nobody read.
  public func finish() throws {
    for (index, entry) in entries.enumerated() where !used[index] {
      if layout.ignores(entry.name) { continue }
      throw Failure(
        .format, "\(file.path): the model has no weight for the tensor '\(Quoted.name(entry.name))'")
    }
  }

  private func find(_ name: String) -> Int? {
    indices[name] ?? layout.prefixes.lazy.compactMap { indices[$0 + name] }.first
  }

  private func index(of part: WeightSource, _ kind: WeightKind, _ layer: Int) throws -> Int {
    let name = part.tensorName(kind, layer: layer)
    if let index = find(name) { return index }
    throw Failure(.format, "\(file.path): the file has no tensor '\(name)'")
  }

  /// The shape of a part as this program arranges it.
  private func storedShape(_ index: Int, _ part: WeightSource, _ layer: Int, _ name: String) throws -> [Int] {
    let shape = Array(entries[index].shape)
    switch part.arrangement {
    case .transposed where shape.count == 2: return shape.reversed()
    case .sliceOfLayers where shape.count > 1 && layer < shape[0]: return Array(shape.dropFirst())
    case .sliceOfLayers: throw mismatch(index, part, name, "at least \(layer + 1) layers as first dimension")
    case .rotaryHalves where shape.isEmpty || shape[0] % headSize != 0:
      throw mismatch(index, part, name, "rows in a multiple of the head size \(headSize)")
    default: return shape.isEmpty ? [1] : shape
    }
  }

  private func mismatch(_ index: Int, _ part: WeightSource, _ name: String, _ wanted: String) -> Failure {
    let entry = entries[index]
    return Failure(
      .format,
      "\(file.path): tensor '\(Quoted.name(entry.name))' is \(entry.dtype) \(entry.shape) and does not fit "
        + "the weight '\(name)', expected \(wanted)")
  }

  func fill(
    _ target: UnsafeMutableBufferPointer<Float>, from index: Int, _ arrangement: WeightSource.Arrangement,
    layer: Int, rows: Int, width: Int
  ) throws {
    switch arrangement {
    case .same: try file.read(index, from: 0, into: target)
    case .sliceOfLayers: try file.read(index, from: layer * target.count, into: target)
    case .transposed:
      try withCopy(index, target.count) { copy in
        for row in 0..<rows {
          for column in 0..<width { target[row * width + column] = copy[column * rows + row] }
        }
      }
    case .rotaryHalves:
      guard let start = target.baseAddress else { return }
      try withCopy(index, target.count) { copy in
        for row in 0..<rows {
          let from = WeightSource.halfRow(row, headSize: headSize)
          (start + row * width).update(from: copy + from * width, count: width)
        }
      }
    }
  }

  private func withCopy(_ index: Int, _ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) throws {
    let copy = try Tensor(uninitialized: try Shape(checked: [count]), .f32)
    let start = copy.pointer(Float.self)
    try file.read(index, from: 0, into: UnsafeMutableBufferPointer(start: start, count: count))
    withExtendedLifetime(copy) { body(start) }
  }
}
