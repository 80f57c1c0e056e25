/// Reads weights as a file stores them, or rounds them to bf16, without the whole matrix as f32.
import Base
import Formats
import Tensors

extension WeightReader {
  /// Elements that are converted at once, where the arrangement allows.
  private static let elementsAtOnce = 1 << 20

  /// One weight of this shape, in a precision that is not f32: the parts one below the other. A file that holds no type
  /// that products read gives f32.
  public mutating func readStored(
    _ name: String, _ parts: [WeightSource], layer: Int, shape: [Int], _ precision: WeightPrecision
  ) throws -> StoredMatrix {
    let places = try places(name, parts, .weight, layer: layer, shape: shape)
    let stored = try places.map { try file.stored($0.index) }
    let types = try stored.map { precision == .bf16 ? try .bf16() : try $0?.type ?? .f32() }
    let matrix = try StoredMatrix(
      inputs: shape[1], parts: zip(places, types).map { (rows: $0.rows, type: $1) })
    for (number, (part, place)) in zip(parts, places).enumerated() {
      used[place.index] = true
      let target = matrix.bytes(number)
      if let own = stored[number], own.type.name == types[number].name, !part.lacksOne {
        try copy(own, target, place, part.arrangement, layer: layer, width: shape[1])
      } else {
        try convert(target, place, part, layer: layer, width: shape[1], types[number])
      }
    }
    return matrix
  }

  /// Copies the bytes of a tensor, row by row as the arrangement says.
  private func copy(
    _ stored: StoredElements, _ target: UnsafeMutableRawBufferPointer, _ place: (index: Int, rows: Int),
    _ arrangement: WeightSource.Arrangement, layer: Int, width: Int
  ) throws {
    let type = stored.type
    let rowBytes = width / type.elements * type.bytes
    func withBytes(_ body: (UnsafeRawPointer, UnsafeMutableRawPointer) -> Void) throws {
      var copy = [UInt8](repeating: 0, count: target.count)
      try copy.withUnsafeMutableBytes {
        try stored.read(0, $0)
        if let from = $0.baseAddress, let to = target.baseAddress { body(UnsafeRawPointer(from), to) }
      }
    }
    switch arrangement {
    case .same: try stored.read(0, target)
    case .sliceOfLayers: try stored.read(layer * target.count, target)
    case .rotaryHalves:
      try withBytes { from, to in
        for row in 0..<place.rows {
          let half = WeightSource.halfRow(row, headSize: headSize)
          (to + row * rowBytes).copyMemory(from: from + half * rowBytes, byteCount: rowBytes)
        }
      }
    case .transposed:
      if type.elements != 1 {
        throw Failure(
          .format,
          "\(file.path): tensor '\(Quoted.name(entries[place.index].name))' is \(type.name), whose blocks "
            + "cannot be transposed: load it with dtype \"bf16\" or \"f32\"")
      }
      try withBytes { from, to in
        for row in 0..<place.rows {
          for column in 0..<width {
            (to + (row * width + column) * type.bytes).copyMemory(
              from: from + (column * place.rows + row) * type.bytes, byteCount: type.bytes)
          }
        }
      }
    }
  }

  /// Reads a tensor as f32 and encodes it: in pieces where its rows are in order, else whole.
  private func convert(
    _ target: UnsafeMutableRawBufferPointer, _ place: (index: Int, rows: Int), _ part: WeightSource,
    layer: Int, width: Int, _ type: StoredType
  ) throws {
    let count = place.rows * width
    var isSame = false
    if case .same = part.arrangement { isSame = !part.lacksOne }
    let step = max(1, isSame ? min(count, Self.elementsAtOnce / max(1, width) * width) : count)
    let numbers = try Tensor(uninitialized: try Shape(checked: [max(step, width)]), .f32)
    let start = numbers.pointer(Float.self)
    for first in stride(from: 0, to: count, by: max(step, width)) {
      let piece = UnsafeMutableBufferPointer(start: start, count: min(max(step, width), count - first))
      if isSame {
        try file.read(place.index, from: first, into: piece)
      } else {
        try fill(piece, from: place.index, part.arrangement, layer: layer, rows: place.rows, width: width)
        if part.lacksOne { for i in piece.indices { piece[i] += 1 } }
      }
      type.encode(
        UnsafeBufferPointer(piece),
        into: UnsafeMutableRawBufferPointer(
          rebasing: target[first * type.bytes..<(first + piece.count) * type.bytes]))
    }
    withExtendedLifetime(numbers) {}
  }
}
