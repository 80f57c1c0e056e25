/// Update rules that treat every element alike.
import Base
import Synchronization
import Tensors

enum Elementwise {
  /// Calls `body(weight, gradient, first, second)` for each element, in double precision, and stores the new
  /// weight and state it returns. `state` has 0 to 2 tensors of the weight's shape; a missing one reads as 0.
  /// Returns false if a new weight is not finite.
  @inline(__always)
  static func update(
    _ weight: Tensor, _ gradient: Tensor, _ state: [Tensor],
    _ body: (Double, Double, Double, Double) -> (weight: Double, first: Double, second: Double)
  ) -> Bool {
    switch weight.dtype {
    case .f64: return run(Double.self, weight, gradient, state, body)
    default: return run(Float.self, weight, gradient, state, body)
    }
  }

  @inline(__always)
  private static func run<T: TensorScalar & BinaryFloatingPoint>(
    _ type: T.Type, _ weight: Tensor, _ gradient: Tensor, _ state: [Tensor],
    _ body: (Double, Double, Double, Double) -> (weight: Double, first: Double, second: Double)
  ) -> Bool {
    let (w, g) = (weight.pointer(T.self), gradient.pointer(T.self))
    let first = state.isEmpty ? nil : state[0].pointer(T.self)
    let second = state.count < 2 ? nil : state[1].pointer(T.self)
    let unsound = Atomic<Bool>(false)
    Parallel.ranges(weight.elementCount, grain: ActivationKernels.grain) { range in
      var zeros: T = 0
      for k in range {
        let new = body(
          Double(w[k]), Double(g[k]), first.map { Double($0[k]) } ?? 0, second.map { Double($0[k]) } ?? 0)
        w[k] = T(new.weight)
        first?[k] = T(new.first)
        second?[k] = T(new.second)
        zeros += w[k] * 0
      }
      if zeros != 0 { unsound.store(true, ordering: .relaxed) }
    }
    return !unsound.load(ordering: .relaxed)
  }
}
