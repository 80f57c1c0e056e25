/// What a linear map does to its rows before the product, forward and backward.
import Base
import Tensors

struct RowMap {
  private let map: LinearPlan.Map
  private let (rows, width, inputs): (Int, Int, Int)
  private let epsilon: Float
  private let x: Tensor
  private let (scale, shift): (Tensor?, Tensor?)
  private let held: Tensor?
  /// Means and reciprocal deviations of the rows, of a norm.
  let statistics: Tensor?

  /// Statistics of an earlier forward pass are read; without any they are made.
  init(_ plan: LinearPlan, _ x: Tensor, _ scale: Tensor?, _ shift: Tensor?, statistics: Tensor?) throws {
    (map, rows, width, inputs, epsilon) = (plan.map, plan.rows, plan.width, plan.inputs, plan.epsilon)
    (self.x, self.scale, self.shift) = (x, scale, shift)
    held = map == .none ? nil : try Tensor(uninitialized: [rows, inputs], .f32)
    self.statistics = scale == nil ? nil : try statistics ?? Tensor(uninitialized: [2, max(rows, 1)], .f32)
  }

  /// The rows that the weights see: the input itself where nothing is done to it.
  var mapped: MutableFloats { (held ?? x).pointer(Float.self) }

  private var mean: MutableFloats? { map == .layerNorm ? statistics?.pointer(Float.self) : nil }
  private var rstd: MutableFloats? { statistics.map { $0.pointer(Float.self) + max(rows, 1) } }

  /// Makes rows of `mapped`.
  func forward(_ range: Range<Int>) {
    let (from, to) = (x.pointer(Float.self), mapped)
    let at = range.lowerBound * inputs
    switch map {
    case .none: break
    case .gelu: ActivationKernels.gelu(from + at, to + at, range.count * inputs)
    case .swiglu:
      for row in range {
        let gate = from + row * width
        ActivationKernels.gate(gate, gate + inputs, to + row * inputs, inputs)
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

  /// Makes rows of `mapped` again and turns the gradient of those rows into that of the input. The norms, whose
  /// gradient is a sum over all rows too, wait for `backwardNorm`.
  func backward(_ range: Range<Int>, _ dmapped: Floats, _ dx: MutableFloats) {
    let (from, to) = (x.pointer(Float.self), mapped)
    switch map {
    case .none, .layerNorm, .rmsNorm: break
    case .gelu:
      let at = range.lowerBound * inputs
      ActivationKernels.geluBoth(from + at, dmapped + at, to + at, dx + at, range.count * inputs)
    case .swiglu:
      for row in range {
        let (gate, dgate) = (from + row * width, dx + row * width)
        let dy = dmapped + row * inputs
        ActivationKernels.gateBoth(gate, gate + inputs, dy, to + row * inputs, dgate, dgate + inputs, inputs)
      }
    }
  }

  /// Of a norm: makes `mapped` again, turns `gradient`, that of the mapped rows, into that of the input in place, and
  /// gives the gradients of scale and shift.
  func backwardNorm(_ gradient: MutableFloats) throws -> (Tensor?, Tensor?) {
    guard let weight = scale?.pointer(Float.self), let rstd else { return (nil, nil) }
    let dscale = try Tensor(uninitialized: [inputs], .f32)
    let dshift = try shift.map { _ in try Tensor(uninitialized: [inputs], .f32) }
    try NormKernels.backward(
      gradient, x.pointer(Float.self), weight, mean: mean.map { Floats($0) }, rstd: rstd, dx: gradient,
      dweight: dscale.pointer(Float.self), dbias: dshift?.pointer(Float.self), rows: rows, width: inputs,
      again: (mapped, shift.map { Floats($0.pointer(Float.self)) }))
    return (dscale, dshift)
  }
}
