extension Philox {
  /// The numbers 0..<count in random order (Fisher and Yates).
  ///
  ///     var random = Philox(seed: 1, stream: "shuffle", step: epoch)
  ///     let order = random.permutation(pairs.count)
  public mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    var last = count - 1
    while last > 0 {
      order.swapAt(last, below(last + 1))
      last -= 1
    }
    return order
  }
}
