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
      try accumulate(seed)
      return
    }
    var incoming: [ObjectIdentifier: [Tensor?]] = [:]
    // Before anything is added: a part of the graph may be spent, where two losses share it.
    let order = Self.order(from: root)
    for node in order { try node.checkUnspent() }
    var first = [Tensor?](repeating: nil, count: root.outputs.count)
    first[index] = seed
    incoming[ObjectIdentifier(root)] = first
    for node in order {
      guard let gradients = incoming.removeValue(forKey: ObjectIdentifier(node)) else { continue }
      let results = try node.backward(gradients)
      for (input, result) in zip(node.inputs, results) {
        guard let input, let result, input.requiresGrad else { continue }
        guard let source = input.node else {
          try input.accumulate(result)
          continue
        }
        let key = ObjectIdentifier(source)
        if incoming[key] == nil {
          incoming[key] = [Tensor?](repeating: nil, count: source.outputs.count)
        }
        let before = incoming[key]?[input.index]
        incoming[key]?[input.index] = try before.map { try $0.adding(result) } ?? result
      }
      if !retainGraph { node.release() }
    }
  }

  private func accumulate(_ gradient: Tensor) throws {
    // A copy, because an operation may hand the same tensor, or a stretched view, to several inputs.
    grad = try grad.map { try $0.adding(gradient) } ?? gradient.copied()
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
