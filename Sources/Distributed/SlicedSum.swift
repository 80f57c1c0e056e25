/// The sum of what the processes have, of the tensors of one type: slice q of all elements is added by process q, in the
/// order of the tree, and sent to the others.
///
/// Each element is copied once before it is sent; the results of all processes arrive where the gradients stay.
import Base
import Tensors

struct SlicedSum<Scalar: TensorScalar & FloatingPoint & BitwiseCopyable> {
  /// Elements that are exchanged at once: what a process holds twice besides its gradients.
  private static var bucket: Int { 1 << 22 }

  private let shapes: [(shape: Shape, dtype: DType)]
  /// The tensors of this type, and where each begins among all elements; at the end their number.
  private let places, starts: [Int]
  private let sums: PartialSums<[Tensor?]>
  private let processes: Processes

  init(_ shapes: [(Shape, DType)], _ sums: PartialSums<[Tensor?]>, _ processes: Processes) {
    self.shapes = shapes
    self.sums = sums
    self.processes = processes
    places = shapes.indices.filter { shapes[$0].1 == Scalar.dtype }
    starts = places.reduce(into: [0]) { $0.append($0[$0.count - 1] + shapes[$1].0.elementCount) }
  }

  /// Sets the tensors of this type to the sums over all processes.
  func finish(_ total: inout [Tensor?]) throws {
    let length = starts[places.count]
    if length == 0 { return }
    let result = try Tensor(uninitialized: [length], Scalar.dtype)
    try withExtendedLifetime(result) {
      for start in stride(from: 0, to: length, by: Self.bucket) {
        let range = start..<min(length, start + Self.bucket)
        try exchange(range, into: result.pointer(Scalar.self) + start)
      }
    }
    for (i, place) in places.enumerated() {
      let shape = shapes[place].shape
      total[place] = Tensor(
        storage: result.storage, dtype: Scalar.dtype, shape: shape, strides: shape.contiguousStrides,
        offset: starts[i])
    }
  }

  private func exchange(_ range: Range<Int>, into result: UnsafeMutablePointer<Scalar>) throws {
    let (size, tree) = (processes.size, sums.tree)
    let slices = (0..<size).map { q in
      range.lowerBound + q * range.count / size..<range.lowerBound + (q + 1) * range.count / size
    }
    let nodes = (0..<size).map { tree.nodes(in: tree.own(rank: $0, size: size)) }
    let mine = slices[processes.rank].count
    let sent = try Tensor(uninitialized: [range.count * sums.parts.count], Scalar.dtype)
    let received = try Tensor(uninitialized: [mine * nodes.reduce(0) { $0 + $1.count }], Scalar.dtype)
    try withExtendedLifetime((sent, received)) {
      let own = received.pointer(Scalar.self)
      var to = sent.pointer(Scalar.self)
      for slice in slices {
        for part in sums.parts {
          copy(part.sum, slice, to)
          to += slice.count
        }
      }
      try processes.exchange(
        sent.pointer(Scalar.self), counts: slices.map { $0.count * sums.parts.count },
        into: own, counts: nodes.map { $0.count * mine })
      // A sum is the place of its first element.
      var slice = PartialSums<Int>(tree) { sum, other in
        let (x, y) = (own + sum, own + other)
        for i in 0..<mine { x[i] += y[i] }
      }
      for (i, node) in nodes.joined().enumerated() { try slice.append(node, i * mine) }
      try processes.gather(own + slice.parts[0].sum, into: result, counts: slices.map(\.count))
    }
  }

  /// Copies the elements `range` of all; zeros where there is no tensor.
  private func copy(_ tensors: [Tensor?], _ range: Range<Int>, _ to: UnsafeMutablePointer<Scalar>) {
    for (i, place) in places.enumerated() {
      let part = range.clamped(to: starts[i]..<starts[i + 1])
      if part.isEmpty { continue }
      let at = to + (part.lowerBound - range.lowerBound)
      if let tensor = tensors[place] {
        withExtendedLifetime(tensor) {
          at.update(from: tensor.pointer(Scalar.self) + (part.lowerBound - starts[i]), count: part.count)
        }
      } else {
        at.update(repeating: 0, count: part.count)
      }
    }
  }
}
