/// A tensor as text.
///
/// Numbers have as many decimals as they need, up to four, and whole numbers no point. The form is 1.2346e-05
/// if magnitudes differ by more than 1e3, exceed 1e8 or are less than 1e-4; there is no common scale factor.
/// Of more than 1000 elements only the edges are shown. The last line names type and sizes.
///
///     [11, 12]
///     [Tensor f32 2]
import Base
import Foundation

public struct TensorPrinter {
  /// The largest number of decimals.
  public var precision = 4
  /// Elements shown at each end of a summarised dimension.
  public var edge = 3
  /// A tensor of more elements is summarised.
  public var threshold = 1000
  /// Columns of a line.
  public var width = 80

  public init() {}

  /// The settings of `description`. The interpreter runs on one thread.
  public nonisolated(unsafe) static var current = TensorPrinter()

  public func text(_ tensor: Tensor) throws -> String {
    let label = "[Tensor \(tensor.dtype.rawValue) \(tensor.shape)]"
    if tensor.elementCount == 0 { return "[]\n" + label }
    let summarised = tensor.elementCount > threshold
    let shown = try summarised ? edges(of: tensor, 0) : tensor
    let words = try words(shown)
    let columns =
      tensor.rank > 1 || words.reduce(0, { $0 + $1.utf8.count + 2 }) > width
      ? words.reduce(0) { max($0, $1.utf8.count) } : 0
    var next = words.makeIterator()
    let body = block(Array(tensor.shape)[...], summarised, columns: columns, depth: 0) { next.next() ?? "" }
    return body + "\n" + label
  }

  /// The first and last `edge` positions of each long dimension: what is shown of a large tensor.
  private func edges(of tensor: Tensor, _ dimension: Int) throws -> Tensor {
    var places: [[Int]] = []
    for size in tensor.shape {
      places.append(size > 2 * edge ? Array(0..<edge) + Array(size - edge..<size) : Array(0..<size))
    }
    let shape = Shape(known: places.map(\.count))
    let result = try Tensor(uninitialized: shape, tensor.dtype)
    try copy(tensor, result, places[...], 0)
    return result
  }

  private func copy(_ from: Tensor, _ to: Tensor, _ places: ArraySlice<[Int]>, _ dimension: Int) throws {
    guard let own = places.first else { return try Strided.copy(from: from, to: to) }
    for (i, place) in own.enumerated() {
      try copy(from.selected(0, place), to.selected(0, i), places.dropFirst(), dimension + 1)
    }
  }

  // MARK: Layout

  private func block(
    _ shape: ArraySlice<Int>, _ summarised: Bool, columns: Int, depth: Int, _ next: () -> String
  ) -> String {
    guard let size = shape.first else { return next() }
    let cut = summarised && size > 2 * edge
    let count = cut ? 2 * edge : size
    var parts: [String] = []
    for i in 0..<count {
      if cut && i == edge { parts.append("...") }
      let part = block(shape.dropFirst(), summarised, columns: columns, depth: depth + 1, next)
      parts.append(
        shape.count == 1 ? String(repeating: " ", count: max(0, columns - part.utf8.count)) + part : part)
    }
    let indent = String(repeating: " ", count: depth + 1)
    if shape.count > 1 {
      let separator = "," + String(repeating: "\n", count: shape.count - 1) + indent
      return "[" + parts.joined(separator: separator) + "]"
    }
    let perLine = columns == 0 ? parts.count : max(1, (width - depth - 1) / (columns + 2))
    var lines: [String] = []
    for start in stride(from: 0, to: parts.count, by: perLine) {
      lines.append(parts[start..<min(parts.count, start + perLine)].joined(separator: ", "))
    }
    return "[" + lines.joined(separator: ",\n" + indent) + "]"
  }

  // MARK: Numbers

  private func words(_ shown: Tensor) throws -> [String] {
    switch shown.dtype {
    case .i64: return try shown.elements(Int64.self).map(String.init)
    case .bool: return try shown.elements(Bool.self).map { $0 ? "true" : "false" }
    case .f32: return numbers(try shown.elements(Float.self).map(Double.init)) { Double(Float($0) ?? .nan) }
    case .f64: return numbers(try shown.elements(Double.self)) { Double($0) ?? .nan }
    }
  }

  /// All numbers in one form. `parse` reads a text as the element type does.
  private func numbers(_ values: [Double], _ parse: (String) -> Double) -> [String] {
    let finite = values.filter(\.isFinite)
    let magnitudes = finite.filter { $0 != 0 }.map(abs)
    let (low, high) = (magnitudes.min() ?? 1, magnitudes.max() ?? 1)
    let whole = finite.allSatisfy { $0 == $0.rounded() }
    let scientific = high >= 1e8 || !whole && (high / low > 1e3 || low < 1e-4)
    let letter = scientific ? "e" : "f"
    // The fewest decimals that lose nothing, else `precision`.
    let decimals =
      (0..<precision).first { digits in
        finite.allSatisfy { parse(format($0, digits, letter)) == $0 }
      } ?? precision
    return values.map { value in
      if value.isNaN { return "nan" }
      if value.isInfinite { return value < 0 ? "-inf" : "inf" }
      return format(value, decimals, letter)
    }
  }

  private func format(_ value: Double, _ decimals: Int, _ letter: String) -> String {
    String(format: "%.\(decimals)\(letter)", value)
  }
}

extension Tensor: CustomStringConvertible {
  public var description: String {
    (try? TensorPrinter.current.text(self)) ?? "[Tensor \(dtype.rawValue) \(shape)]"
  }
}
