extension Philox {
  /// The numbers 0..<count in random order (Fisher and Yates).
  ///
  ///     var random = Philox(seed: 1, stream: "shuffle", step: epoch)
  ///     let order = try random.permutation(pairs.count)
  public mutating func permutation(_ count: Int) throws -> [Int] {
    var order = Array(0..<count)
    try order.withUnsafeMutableBufferPointer { try shuffle($0) }
    return order
  }

  /// Puts the elements into random order. Ctrl-C ends it between swaps.
  public mutating func shuffle<Element>(_ order: UnsafeMutableBufferPointer<Element>) throws {
    var last = order.count - 1
    while last > 0 {
      if last & 0xFFFF == 0 { try Interrupt.check() }
      order.swapAt(last, below(last + 1))
      last -= 1
    }
  }
}
