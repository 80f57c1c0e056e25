/// The gradient of a step as the sum over a fixed number of shards, with the same bits for any number of processes.
///
///     let sum = try ShardSum(optimizer.parameters, shards: 16)
///     for shard in sum.own {
///       optimizer.zeroGrad()
///       try loss(of: shard).backward()
///       try sum.add(shard)
///     }
///     try sum.finish()         // the gradients are now those of all shards, on every process
///
/// Each process computes its own shards and adds them along `SumTree`. Slice q of the sums of all processes is added by
/// process q, in the order of the tree, and sent to the others.
import Autograd
import Base
import Tensors

public final class ShardSum {
  /// The shards that this process computes, from 0.
  public let own: Range<Int>
  public let shards: Int
  private let parameters: [Variable]
  private let processes: Processes
  private var floats: PartialSums<Float>
  private var doubles: PartialSums<Double>
  /// The next shard to add.
  private var next: Int

  public init(_ parameters: [Variable], shards: Int, processes: Processes) throws {
    guard shards >= 1 else { throw Failure(.value, "shards must be at least 1, got \(shards)") }
    guard shards >= processes.size else {
      throw Failure(
        .value, "\(processes.size) processes have no work with \(shards) shards; give at least as many")
    }
    let tree = SumTree(count: shards)
    self.parameters = parameters
    self.processes = processes
    self.shards = shards
    own = tree.own(rank: processes.rank, size: processes.size)
    floats = PartialSums(tree)
    doubles = PartialSums(tree)
    next = own.lowerBound
  }

  /// Adds the gradients that the parameters hold as those of `shard`. Throws if it is not the next of the own shards.
  public func add(_ shard: Int) throws {
    guard shard == next && shard < own.upperBound else {
      throw Failure(
        .state, "shard \(shard + 1) is not the next one: that is \(next + 1) of \(own.upperBound)")
    }
    next += 1
    let node = SumTree.Node(low: shard, high: shard + 1)
    floats.append(node, try flat(Float.self) + present())
    doubles.append(node, try flat(Double.self))
  }

  /// Gives every parameter the gradient of all shards; one without a gradient in every shard has none.
  public func finish() throws {
    guard next == own.upperBound else {
      throw Failure(.state, "\(own.upperBound - next) of \(own.count) shards of this process are not added")
    }
    let f32 = try total(floats, zero: 0)
    let f64 = try total(doubles, zero: 0)
    var (i, j) = (0, 0)
    let flags = f32.count - parameters.count
    for (k, parameter) in parameters.enumerated() {
      let count = parameter.value.elementCount
      let isPresent = f32[flags + k] > 0
      if parameter.value.dtype == .f64 {
        parameter.grad = isPresent ? try Tensor(Array(f64[j..<j + count]), shape: parameter.value.shape) : nil
        j += count
      } else {
        parameter.grad = isPresent ? try Tensor(Array(f32[i..<i + count]), shape: parameter.value.shape) : nil
        i += count
      }
    }
  }

  /// The gradients of the parameters of one type, one after another; zeros where there is none.
  private func flat<T: TensorScalar & FloatingPoint>(_ type: T.Type) throws -> [T] {
    var all: [T] = []
    for parameter in parameters where parameter.value.dtype == T.dtype {
      let count = parameter.value.elementCount
      guard let gradient = try parameter.grad?.contiguous() else {
        all.append(contentsOf: repeatElement(T.zero, count: count))
        continue
      }
      withExtendedLifetime(gradient) {
        all.append(contentsOf: UnsafeBufferPointer(start: gradient.pointer(T.self), count: count))
      }
    }
    return all
  }

  /// 1 for each parameter that has a gradient.
  private func present() -> [Float] { parameters.map { $0.grad == nil ? 0 : 1 } }

  /// Elements that are exchanged at once, of each process.
  private static var bucket: Int { 1 << 22 }

  /// The sum of all shards, from the sums of the own ones.
  private func total<T: FloatingPoint>(_ sums: PartialSums<T>, zero: T) throws -> [T] {
    guard let first = sums.parts.first else { return [] }
    if processes.size == 1 { return first.values }
    let length = first.values.count
    var all: [T] = []
    all.reserveCapacity(length)
    var at = 0
    while at < length {
      let end = min(length, at + Self.bucket)
      all += try exchanged(sums, at..<end, zero: zero)
      at = end
    }
    return all
  }

  /// The sum of all shards of the elements `range`.
  private func exchanged<T: FloatingPoint>(_ sums: PartialSums<T>, _ range: Range<Int>, zero: T) throws -> [T]
  {
    let size = processes.size
    let slices = (0..<size).map { q in
      range.lowerBound + q * range.count / size..<range.lowerBound + (q + 1) * range.count / size
    }
    let tree = sums.tree
    let nodes = (0..<size).map { tree.nodes(in: tree.own(rank: $0, size: size)) }
    let mine = slices[processes.rank].count
    var sent: [T] = []
    for slice in slices {
      for part in sums.parts { sent += part.values[slice] }
    }
    let received = try processes.exchange(
      sent, sent: slices.map { $0.count * sums.parts.count }, received: nodes.map { $0.count * mine },
      zero: zero)
    var slice = PartialSums<T>(tree)
    var at = 0
    for node in nodes.joined() {
      slice.append(node, Array(received[at..<at + mine]))
      at += mine
    }
    return try processes.gather(slice.parts[0].values, counts: slices.map(\.count), zero: zero)
  }
}
