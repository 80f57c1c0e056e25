/// Weights as the files of a family name and arrange them: what `WeightReader` reads, the other way round.
import Base
import Formats
import Tensors

public struct WeightWriter {
  private let layout: WeightLayout
  private let headSize: Int

  public init(_ layout: WeightLayout, headSize: Int) { (self.layout, self.headSize) = (layout, headSize) }

  /// The tensors of one weight, whose parts have `rows`. Those that the file arranges as this program does share
  /// the weight's elements.
  public func tensors(
    _ weight: Tensor, _ parts: [WeightSource], _ kind: WeightKind, layer: Int, rows: [Int],
    isHead: Bool = false
  ) throws -> [(name: String, tensor: Tensor)] {
    let prefix = isHead ? "" : layout.prefixes.first ?? ""
    var first = 0
    return try zip(parts, rows).map { part, count in
      defer { first += count }
      let slice = try weight.narrowed(0, from: first, length: count)
      return (prefix + part.tensorName(kind, layer: layer), try arranged(slice, part, kind))
    }
  }

  private func arranged(_ weight: Tensor, _ part: WeightSource, _ kind: WeightKind) throws -> Tensor {
    var result = weight
    switch part.arrangement {
    case .same: break
    case .transposed: if weight.rank == 2 { result = try weight.transposed(0, 1) }
    case .rotaryHalves:
      result = try Tensor(uninitialized: weight.shape, .f32)
      let source = try weight.contiguous()
      let width = weight.shape.dropFirst().reduce(1, *)
      let (from, to) = (source.pointer(Float.self), result.pointer(Float.self))
      for row in 0..<weight.shape[0] {
        let target = WeightSource.halfRow(row, headSize: headSize)
        (to + target * width).update(from: from + row * width, count: width)
      }
      withExtendedLifetime(source) {}
    case .sliceOfLayers:
      throw Failure(.state, "the files of \(layout.name) hold all layers in one tensor and are only read")
    }
    if !part.lacksOne || kind == .bias { return result }
    let lesser = try result.copied()
    let p = lesser.pointer(Float.self)
    for i in 0..<lesser.elementCount { p[i] -= 1 }
    return withExtendedLifetime(lesser) { lesser }
  }
}
