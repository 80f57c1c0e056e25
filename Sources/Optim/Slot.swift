/// The state that an optimizer keeps of one parameter, in the parameter's own type or in bfloat16.
import Base
import Tensors

/// What the state of f32 parameters is stored in. Kept in bf16 it is computed in f32 and rounded at random, up or down
/// with an expectation equal to the value: rounded to the nearest, a mean of squares with a decay of 0.999 would never
/// decrease, because a step changes it by less than half of what 8 bits resolve.
public enum Moments: String, Sendable, CaseIterable { case f32, bf16 }

public struct Slot: Sendable {
  public enum Values: Sendable {
    case full(Tensor)
    case half(BFloat16Tensor)

    public var shape: Shape {
      switch self {
      case .full(let tensor): return tensor.shape
      case .half(let half): return half.shape
      }
    }

    /// Of the numbers outside: bfloat16 is read and set as f32, which holds it exactly.
    public var dtype: DType {
      switch self {
      case .full(let tensor): return tensor.dtype
      case .half: return .f32
      }
    }

    /// A copy of the numbers.
    public func copied() throws -> Tensor {
      switch self {
      case .full(let tensor): return try tensor.copied()
      case .half(let half): return try half.widened()
      }
    }

    /// Sets the numbers to those of a tensor of the same shape and type.
    func set(_ source: Tensor) throws {
      switch self {
      case .full(let tensor): try Strided.copy(from: source, to: tensor)
      case .half(let half): try half.take(source)
      }
    }
  }

  let name: String
  let values: Values
}

extension [Slot] {
  /// Elements of a parameter that are widened at once: 4 MB for each slot.
  private static var widenedMax: Int { 1 << 20 }

  /// Applies a rule to one contiguous parameter, counted from 1; false if a new weight is not finite. What is kept in
  /// bfloat16 is widened a block at a time, and rounded by a key that is a function of step, parameter and slot.
  func update(
    _ rule: any UpdateRule, _ weight: Tensor, _ gradient: Tensor, rate: Double, step: Int, parameter: Int
  ) throws -> Bool {
    let full = compactMap { slot -> Tensor? in if case .full(let tensor) = slot.values { tensor } else { nil }
    }
    let halves = compactMap { slot -> BFloat16Tensor? in
      if case .half(let half) = slot.values { half } else { nil }
    }
    if halves.isEmpty { return rule.update(weight, gradient, full, rate: rate, step: step) }
    let keys = Philox(seed: UInt64(parameter), stream: "optim/moments", step: UInt64(step)).words(at: 0)
    let (count, most) = (weight.elementCount, Swift.min(weight.elementCount, Self.widenedMax))
    let blocks = try halves.map { _ in try Tensor(uninitialized: [most], .f32) }
    var isFinite = true
    for start in stride(from: 0, to: count, by: Swift.max(most, 1)) {
      let range = start..<Swift.min(start + most, count)
      let state = blocks.map { $0.elements(0..<range.count) }
      for (half, wide) in zip(halves, state) { half.widen(range, into: wide.pointer(Float.self)) }
      let isSound = rule.update(
        weight.elements(range), gradient.elements(range), state, rate: rate, step: step)
      isFinite = isFinite && isSound
      for (i, (half, wide)) in zip(halves, state).enumerated() {
        half.round(wide.pointer(Float.self), to: range, key: keys[i % 4])
      }
    }
    return isFinite
  }
}

extension Tensor {
  /// A run of the elements of a contiguous tensor, in row-major order, as a view of one dimension.
  fileprivate func elements(_ range: Range<Int>) -> Tensor {
    Tensor(
      storage: storage, dtype: dtype, shape: [range.count], strides: [1], offset: offset + range.lowerBound)
  }
}
