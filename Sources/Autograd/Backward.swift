/// The backward pass.
import Base
import Tensors

extension Variable {
  /// Adds d self / d leaf, times `gradient`, to the `grad` of every leaf that requires one.
  ///
  /// Without `gradient` this tensor must hold one element. The graph is freed on the way unless `retainGraph`.
  public func backward(_ gradient: Tensor? = nil, retainGraph: Bool = false) throws {
    if !requiresGrad { throw Failure(.state, "backward: no tensor that requires a gradient leads here") }
    let seed: Tensor
    if let gradient {
      if gradient.shape != value.shape || gradient.dtype != value.dtype {
        throw Failure(
          .shape,
          "backward: gradient \(gradient.dtype.rawValue) \(gradient.shape) does not match \(value.dtype.rawValue) \(value.shape)",
          argument: 1)
      }
      seed = gradient
    } else {
      if value.elementCount != 1 {
        throw Failure(.shape, "backward: expected one element or a gradient, got a tensor of \(value.shape)")
      }
      seed = try Tensor(scalar: 1, value.dtype).reshaped(value.shape)
    }
    try Tape.withoutRecording { try propagate(seed, retainGraph) }
  }

  private func propagate(_ seed: Tensor, _ retainGraph: Bool) throws {
    guard let root = node else {
      grad = try grad?.adding(seed) ?? seed.copied()
      return
    }
    var incoming: [ObjectIdentifier: [Tensor?]] = [:]
    // Before anything is added, so that a refusal leaves the gradients as they were: a part of the graph may be spent, where
    // two losses share it, and a value may have been changed.
    let order = Self.order(from: root)
    for node in order { try node.check() }
    var first = [Tensor?](repeating: nil, count: root.outputs.count)
    first[index] = seed
    incoming[ObjectIdentifier(root)] = first
    for node in order {
      guard let gradients = incoming.removeValue(forKey: ObjectIdentifier(node)) else { continue }
      node.lendSums()
      do {
        defer { node.returnSums() }
        var results = try node.backward(gradients)
        for (i, input) in node.inputs.enumerated() {
          guard let input, input.requiresGrad, let result = results[i].take() else { continue }
          if let source = input.node {
            try Self.merge(
              result, into: &incoming[ObjectIdentifier(source)], source.outputs.count, input.index)
          } else {
            try node.accumulate(result, input)
          }
        }
      }
      if !retainGraph { node.release() }
    }
  }

  private static func merge(
    _ gradient: consuming Tensor, into parts: inout [Tensor?]?, _ count: Int, _ index: Int
  ) throws {
    var all = parts.take() ?? [Tensor?](repeating: nil, count: count)
    if var before = all[index].take() {
      try before.add(gradient)
      all[index] = before
    } else {
      all[index] = gradient
    }
    parts = all
  }

  /// The nodes below `root`, each before all nodes it took inputs from: depth first, without recursion.
  private static func order(from root: Node) -> [Node] {
    var finished: [Node] = []
    var seen: Set<ObjectIdentifier> = [ObjectIdentifier(root)]
    var stack: [(node: Node, next: Int)] = [(root, 0)]
    while let (node, next) = stack.last {
      if next == node.inputs.count {
        finished.append(node)
        stack.removeLast()
        continue
      }
      stack[stack.count - 1].next = next + 1
      if let input = node.inputs[next], input.requiresGrad, let source = input.node,
        seen.insert(ObjectIdentifier(source)).inserted
      {
        stack.append((source, 0))
      }
    }
    return finished.reversed()
  }
}

extension Node {
  /// Hands the operation the gradients of its leaves that nobody else holds.
  fileprivate func lendSums() {
    for (i, input) in inputs.enumerated() {
      guard let input, input.isLeaf, input.requiresGrad, var sum = input.grad.take() else { continue }
      // Taken out of the leaf, a gradient that nobody else holds has one owner, `sum`; a shared one goes back.
      if call.sums[i] == nil && sum.isSoleOwner() { call.sums[i] = sum } else { input.grad = sum }
    }
  }

  fileprivate func returnSums() {
    for (i, input) in inputs.enumerated() {
      if let sum = call.sums[i].take() { input?.grad = sum }
    }
  }

  /// Adds to a leaf's gradient. A first one is kept as it is, unless something else holds it: an operation may hand the
  /// same tensor, or a stretched view, to several inputs.
  fileprivate func accumulate(_ gradient: consuming Tensor, _ leaf: Variable) throws {
    // A leaf that stands in two places has lent its gradient in the first.
    let lent = inputs.indices.first { inputs[$0] === leaf && call.sums[$0] != nil }
    if var sum = lent.flatMap({ call.sums[$0].take() }) ?? leaf.grad.take() {
      defer { leaf.grad = sum }
      try sum.add(gradient)
    } else {
      let isWhole = gradient.isContiguous && gradient.offset == 0
      leaf.grad = isWhole && gradient.isSoleOwner() ? gradient : try gradient.copied()
    }
  }
}
