/// The gradient of a step as the sum over a fixed number of shards, with the same bits for any number of processes.
///
///     let sum = try ShardSum(optimizer.parameters, shards: 16)
///     for shard in sum.own {
///       try loss(of: shard).backward()
///       try sum.add(shard + 1)
///     }
///     try sum.finish()         // the gradients are now those of all shards, on every process
///
/// Each process computes its own shards and adds them along `SumTree`, in place where nobody else holds a gradient.
/// `SlicedSum` then adds the sums of the processes.
import Autograd
import Base
import Tensors

public final class ShardSum {
  /// The shards that this process computes, from 0.
  public let own: Range<Int>
  public let shards: Int
  private let parameters: [Variable]
  private let processes: Processes
  /// The gradients of the parameters, then one tensor that counts the shards in which each has one.
  private var sums: PartialSums<[Tensor?]>
  /// The next shard to add.
  private var next: Int

  /// More than any batch has rows.
  private static let shardsMax = 1 << 30

  public init(_ parameters: [Variable], shards: Int, processes: Processes) throws {
    guard (1...Self.shardsMax).contains(shards) else {
      throw Failure(.value, "shards must be from 1 to \(Self.shardsMax), got \(shards)")
    }
    guard shards >= processes.size else {
      throw Failure(
        .value, "\(processes.size) processes have no work with \(shards) shards; give at least as many")
    }
    let tree = SumTree(count: shards)
    self.parameters = parameters
    self.processes = processes
    self.shards = shards
    own = tree.own(rank: processes.rank, size: processes.size)
    sums = PartialSums(tree) { sum, other in
      for i in sum.indices { try Self.add(&sum[i], other[i]) }
    }
    next = own.lowerBound
  }

  /// Adds the gradients that the parameters hold as those of a shard, counted from 1, and takes them: the parameters have
  /// none then. Throws if it is not the next of the own shards.
  public func add(_ number: Int) throws {
    if next == own.upperBound {
      throw Failure(.state, "shard \(number) is one too many: all \(own.count) of this process are added")
    }
    guard number == next + 1 else {
      throw Failure(.state, "shard \(number) is not the next one: that is \(next + 1) of \(own.upperBound)")
    }
    let shard = next
    next += 1
    let present = try Tensor(parameters.map { $0.grad == nil ? 0 : 1 } as [Float], shape: [parameters.count])
    var gradients: [Tensor?] = []
    for parameter in parameters {
      gradients.append(try parameter.grad?.contiguous())
      parameter.grad = nil
    }
    try sums.append(SumTree.Node(low: shard, high: shard + 1), gradients + [present])
  }

  /// Gives every parameter the gradient of all shards; one without a gradient in every shard has none.
  public func finish() throws {
    guard next == own.upperBound else {
      throw Failure(.state, "\(own.upperBound - next) of \(own.count) shards of this process are not added")
    }
    var total = sums.parts[0].sum
    if processes.size > 1 {
      var shapes = parameters.map { ($0.value.shape, $0.value.dtype) }
      shapes.append(([parameters.count], .f32))
      total = [Tensor?](repeating: nil, count: shapes.count)
      try SlicedSum<Float>(shapes, sums, processes).finish(&total)
      try SlicedSum<Double>(shapes, sums, processes).finish(&total)
    }
    let present = try total[parameters.count]?.elements(Float.self) ?? []
    for (i, parameter) in parameters.enumerated() { parameter.grad = present[i] > 0 ? total[i] : nil }
    sums.removeAll()
  }

  /// Adds a gradient; where one of the two has none, it counts as zeros, as it does among processes.
  private static func add(_ sum: inout Tensor?, _ other: Tensor?) throws {
    switch (sum, other) {
    case (nil, nil): return
    case (nil, let other?): sum = try Tensor(zeros: other.shape, other.dtype).adding(other)
    case (let own?, nil): try sum?.add(Tensor(zeros: own.shape, own.dtype))
    case (_, let other?): try sum?.add(other)
    }
  }
}
