extension Philox {
  /// The numbers 0..<count in random order (Fisher and Yates).
  ///
  ///     var random = Philox(seed: 1, stream: "shuffle", step: epoch)
  ///     let order = random.permutation(pairs.count)
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    order.withUnsafeMutableBufferPointer { shuffle($0) }
    return order
  }

  /// Puts what is there into random order.
  public mutating func shuffle(_ order: UnsafeMutableBufferPointer<Int>) {
    var last = order.count - 1
    while last > 0 {
      order.swapAt(last, below(last + 1))
      last -= 1
    }
  }
}
