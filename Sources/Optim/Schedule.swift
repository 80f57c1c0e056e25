/// Learning rates over the course of a run.
import Base
import Tensors

public struct Schedule: Sendable {
  public enum Decay: String, Sendable, CaseIterable { case constant, linear, cosine }

  public let lr: Double
  public let warmup: Int
  public let steps: Int
  public let decay: Decay
  /// What the rate decays to, as a fraction of `lr`.
  public let floor: Double

  /// Rises linearly from lr / warmup to `lr` over `warmup` steps, then decays. The first step after the rise
  /// has `lr`, and `floor` would be reached at step `steps` + 1, so that step k of N without a rise has the
  /// part (N - k + 1) / N of a linear decay: as transformers' get_linear_schedule_with_warmup and
  /// get_cosine_schedule_with_warmup.
  public init(lr: Double, steps: Int, warmup: Int = 0, decay: Decay = .constant, floor: Double = 0) throws {
    if !(lr >= 0 && lr.isFinite) { throw Failure(.value, "lr must be at least 0, got \(lr)") }
    if warmup < 0 || steps < 0 {
      throw Failure(.value, "warmup and steps must be at least 0, got \(warmup) and \(steps)")
    }
    if !(floor >= 0 && floor <= 1) { throw Failure(.value, "floor must be in [0, 1], got \(floor)") }
    self.lr = lr
    self.steps = steps
    self.warmup = warmup
    self.decay = decay
    self.floor = floor
  }

  /// The rate of a step, counted from 1.
  ///
  ///     try Schedule(lr: 1, steps: 10, warmup: 2, decay: .linear).rate(at: 1)     // 0.5
  public func rate(at step: Int) -> Double {
    if step <= warmup && warmup > 0 { return lr * Double(max(step, 0)) / Double(warmup) }
    let span = max(steps - warmup, 1)
    let done = min(max((Double(step) - 1 - Double(warmup)) / Double(span), 0), 1)
    switch decay {
    case .constant: return lr
    case .linear: return lr * (floor + (1 - floor) * (1 - done))
    case .cosine: return lr * (floor + (1 - floor) * 0.5 * (1 + Libm.cos(.pi * done)))
    }
  }
}
