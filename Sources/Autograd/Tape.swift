/// Reverse-mode differentiation: the record of operations and the backward pass over it.
import Base
import Tensors

public enum Tape {
  /// False inside `withoutRecording`. The interpreter runs on one thread; kernels' worker threads never
  /// record.
  @exclusivity(unchecked) public private(set) nonisolated(unsafe) static var isRecording = true

  /// Runs `body` without recording (PyTorch's `no_grad`).
  public static func withoutRecording<R>(_ body: () throws -> R) rethrows -> R {
    try recording(false, body)
  }

  public static func recording<R>(_ on: Bool, _ body: () throws -> R) rethrows -> R {
    let before = isRecording
    isRecording = on
    defer { isRecording = before }
    return try body()
  }
}

/// One recorded operation. It refers to its inputs, so a graph lives as long as its result.
final class Node {
  let context: OpContext
  private(set) var inputs: [Variable?]
  private(set) var outputs: [Tensor]
  private let versions: [Int]
  private(set) var isSpent = false

  init(_ context: OpContext, _ inputs: [Variable?], _ outputs: [Tensor]) {
    self.context = context
    self.inputs = inputs
    self.outputs = outputs
    versions = Node.versions(context, outputs)
  }

  private static func versions(_ context: OpContext, _ outputs: [Tensor]) -> [Int] {
    var versions: [Int] = []
    versions.reserveCapacity(context.inputs.count + outputs.count)
    for input in context.inputs { versions.append(input?.storage.version ?? 0) }
    for output in outputs { versions.append(output.storage.version) }
    return versions
  }

  /// Throws if values that the backward pass needs were freed, or were changed after the forward pass.
  func check() throws {
    if isSpent {
      throw Failure(
        .state,
        "backward through '\(context.op.name)' a second time: its values were freed; pass retain_graph")
    }
    if versions != Node.versions(context, outputs) {
      throw Failure(
        .state,
        "a tensor that backward of '\(context.op.name)' needs was changed in place after it was computed"
      )
    }
  }

  /// The gradients of the inputs, given those of the outputs.
  func backward(_ gradients: [Tensor?]) throws -> [Tensor?] {
    guard let backward = context.op.backward else { return inputs.map { _ in nil } }
    guard let observer = Op.observer else { return try backward(context, outputs, gradients) }
    // What an operation adds to a gradient that was lent is among its results.
    return try Op.report(
      context.op.name, to: observer, gradients, [], lent: context.accumulators, isBackward: true,
      { zip($0, context.accumulators).map { $0 ?? $1 } }
    ) { try backward(context, outputs, gradients) }
  }

  /// Frees the values after the backward pass.
  func release() {
    isSpent = true
    context.inputs = []
    context.saved = []
    context.rerun = nil
    outputs = []
    inputs = []
  }

  /// Without recursion: a chain of a million nodes would overflow the stack.
  deinit {
    var pending = inputs
    inputs = []
    while !pending.isEmpty {
      guard var variable = pending.removeLast(), isKnownUniquelyReferenced(&variable),
        var node = variable.takeNode(),
        isKnownUniquelyReferenced(&node)
      else { continue }
      pending.append(contentsOf: node.inputs)
      node.inputs = []
    }
  }
}
