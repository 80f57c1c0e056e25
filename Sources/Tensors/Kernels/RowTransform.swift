/// What a linear map does to its input rows before the matrix product, forward and backward: an activation or
/// a norm.
import Base

public struct RowTransform {
  public enum Kind: String, CaseIterable {
    case none, gelu, swiglu, geglu
    case layerNorm = "layer_norm"
    case rmsNorm = "rms_norm"

    /// The input has gate and value side by side.
    public var isGated: Bool { self == .swiglu || self == .geglu }
  }

  private let kind: Kind
  /// The input is [rows, width], the transformed rows are [rows, inputs].
  private let (rows, width, inputs): (Int, Int, Int)
  private let epsilon: Float
  private let x: Tensor
  private let (scale, shift): (Tensor?, Tensor?)
  private let result: Tensor?
  /// For a norm: means and reciprocal deviations of the rows, [2, rows].
  public let statistics: Tensor?

  /// `scale` and `shift` are those of a norm. `statistics` are those of an earlier forward pass, or nil to
  /// compute them.
  public init(
    _ kind: Kind, _ x: Tensor, rows: Int, inputs: Int, scale: Tensor?, shift: Tensor?, epsilon: Float,
    statistics: Tensor?
  ) throws {
    (self.kind, self.x, self.rows, self.inputs) = (kind, x, rows, inputs)
    (self.scale, self.shift, self.epsilon) = (scale, shift, epsilon)
    width = kind.isGated ? 2 * inputs : inputs
    result = kind == .none ? nil : try Tensor(uninitialized: [rows, inputs], .f32)
    self.statistics = scale == nil ? nil : try statistics ?? Tensor(uninitialized: [2, max(rows, 1)], .f32)
  }

  /// The rows that the weights multiply, [rows, inputs]: the input itself for `.none`.
  public var transformed: MutableFloats { (result ?? x).pointer(Float.self) }

  private var mean: MutableFloats? { kind == .layerNorm ? statistics?.pointer(Float.self) : nil }
  private var rstd: MutableFloats? { statistics.map { $0.pointer(Float.self) + max(rows, 1) } }

  /// Computes a range of the rows of `transformed`.
  public func forward(_ range: Range<Int>) {
    let (from, to) = (x.pointer(Float.self), transformed)
    let at = range.lowerBound * inputs
    switch kind {
    case .none: break
    case .gelu: ActivationKernels.gelu(from + at, to + at, range.count * inputs)
    case .swiglu, .geglu:
      let apply = kind == .swiglu ? ActivationKernels.gate : ActivationKernels.gateGelu
      for row in range {
        let gate = from + row * width
        apply(gate, gate + inputs, to + row * inputs, inputs)
      }
    case .layerNorm, .rmsNorm:
      guard let weight = scale?.pointer(Float.self), let rstd else { return }
      for row in range {
        NormKernels.forwardRow(
          from + row * width, weight, shift.map { Floats($0.pointer(Float.self)) }, to + row * inputs,
          mean.map { $0 + row }, rstd + row, inputs, epsilon)
      }
    }
  }

  /// Computes rows of `transformed` again, and from their gradient that of the input. For a norm this does
  /// nothing: `backwardNorm` needs all rows at once.
  public func backward(_ range: Range<Int>, _ dtransformed: Floats, _ dx: MutableFloats) {
    let (from, to) = (x.pointer(Float.self), transformed)
    switch kind {
    case .none, .layerNorm, .rmsNorm: break
    case .gelu:
      let at = range.lowerBound * inputs
      ActivationKernels.geluBoth(from + at, dtransformed + at, to + at, dx + at, range.count * inputs)
    case .swiglu, .geglu:
      let apply = kind == .swiglu ? ActivationKernels.gateBoth : ActivationKernels.gateGeluBoth
      for row in range {
        let (gate, dgate) = (from + row * width, dx + row * width)
        let dy = dtransformed + row * inputs
        apply(gate, gate + inputs, dy, to + row * inputs, dgate, dgate + inputs, inputs)
      }
    }
  }

  /// For a norm: computes `transformed` again, replaces `gradient`, that of the transformed rows, by that of
  /// the input, and returns the gradients of scale and shift.
  public func backwardNorm(_ gradient: MutableFloats) throws -> (Tensor?, Tensor?) {
    guard let weight = scale?.pointer(Float.self), let rstd else { return (nil, nil) }
    let dscale = try Tensor(uninitialized: [inputs], .f32)
    let dshift = try shift.map { _ in try Tensor(uninitialized: [inputs], .f32) }
    try NormKernels.backward(
      gradient, x.pointer(Float.self), weight, mean: mean.map { Floats($0) }, rstd: rstd, dx: gradient,
      dweight: dscale.pointer(Float.self), dbias: dshift?.pointer(Float.self), rows: rows, width: inputs,
      again: (transformed, shift.map { Floats($0.pointer(Float.self)) }))
    return (dscale, dshift)
  }
}
