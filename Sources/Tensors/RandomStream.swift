/// A random stream: a seed, a name, and the step of the next draw.
///
/// A draw is a pure function of (seed, stream, step, element), so seed, stream and step are the whole state.
public final class RandomStream {
  public var seed: UInt64
  public let stream: String
  public var step: UInt64

  public init(seed: UInt64, stream: String, step: UInt64 = 0) {
    (self.seed, self.stream, self.step) = (seed, stream, step)
  }

  /// The step of this draw. The next draw gets another.
  public func advance() -> UInt64 {
    defer { step &+= 1 }
    return step
  }
}
