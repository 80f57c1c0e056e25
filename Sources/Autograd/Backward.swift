/// The backward pass.
import Base
import Tensors

extension Variable {
  /// Adds d self / d leaf, times `gradient`, to the `grad` of every leaf that requires one.
  ///
  /// Without `gradient` this tensor must hold one element. The graph is freed on the way unless
  /// `retainGraph`.
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
    // Check the whole graph first, so that a failure leaves all gradients unchanged. It fails if two losses
    // share a freed part, or if a saved value was modified in place.
    let order = Self.order(from: root)
    for node in order { try node.check() }
    var first = [Tensor?](repeating: nil, count: root.outputs.count)
    first[index] = seed
    incoming[ObjectIdentifier(root)] = first
    for node in order {
      guard let gradients = incoming.removeValue(forKey: ObjectIdentifier(node)) else { continue }
      node.lendAccumulators()
      do {
        defer { node.takeAccumulatorsBack() }
        var results: [Tensor?]
        do {
          results = try Parallel.cutting { try node.backward(gradients) }
        } catch {
          // An operation that was cut may have added a part of a gradient.
          if Interrupt.isPending { node.dropAccumulators() }
          throw error
        }
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
  /// Lends the operation the gradient of each leaf that nothing else refers to.
  fileprivate func lendAccumulators() {
    context.accumulators = [Tensor?](repeating: nil, count: inputs.count)
    for (i, input) in inputs.enumerated() {
      guard let input, input.isLeaf, input.requiresGrad, var gradient = input.grad.take() else { continue }
      // Taken out of the leaf, a gradient that nothing else refers to has one owner, `gradient`.
      if context.accumulators[i] == nil && gradient.isSoleOwner() {
        context.accumulators[i] = gradient
      } else {
        input.grad = gradient
      }
    }
  }

  /// Throws away the gradients that were lent.
  fileprivate func dropAccumulators() {
    for i in inputs.indices { context.accumulators[i] = nil }
  }

  fileprivate func takeAccumulatorsBack() {
    for (i, input) in inputs.enumerated() {
      if let gradient = context.accumulators[i].take() { input?.grad = gradient }
    }
    context.accumulators = []
  }

  /// Adds to a leaf's gradient. The first gradient is stored without a copy if nothing else refers to it: an
  /// operation may return the same tensor, or an expanded view, for several inputs.
  fileprivate func accumulate(_ gradient: consuming Tensor, _ leaf: Variable) throws {
    // A leaf that occurs twice among the inputs has lent its gradient at the first.
    let shared = inputs.indices.first { inputs[$0] === leaf && context.accumulators[$0] != nil }
    if var sum = shared.flatMap({ context.accumulators[$0].take() }) ?? leaf.grad.take() {
      defer { leaf.grad = sum }
      try sum.add(gradient)
    } else {
      let isWhole = gradient.isContiguous && gradient.offset == 0
      leaf.grad = isWhole && gradient.isSoleOwner() ? gradient : try gradient.copied()
    }
  }
}
