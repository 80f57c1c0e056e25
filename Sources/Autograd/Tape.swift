/// Reverse-mode differentiation: the record of operations and the backward pass over it.
import Base
import Tensors

public enum Tape {
  /// False inside `withoutRecording`. The interpreter runs on one thread; kernels' worker threads never record.
  public private(set) nonisolated(unsafe) static var isRecording = true

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

/// One recorded operation. It holds its inputs, so a graph lives as long as its result.
final class Node {
  let call: Invocation
  private(set) var inputs: [Variable?]
  private(set) var outputs: [Tensor]
  private let versions: [Int]
  private(set) var isSpent = false

  init(_ call: Invocation, _ inputs: [Variable?], _ outputs: [Tensor]) {
    self.call = call
    self.inputs = inputs
    self.outputs = outputs
    versions = Node.versions(call, outputs)
  }

  private static func versions(_ call: Invocation, _ outputs: [Tensor]) -> [Int] {
    call.inputs.map { $0?.storage.version ?? 0 } + outputs.map { $0.storage.version }
  }

  /// Refuses where the values that the backward pass needs are gone or are no longer those that were computed with.
  func check() throws {
    if isSpent {
      throw Failure(
        .state, "backward through '\(call.op.name)' a second time: its values were freed; pass retain_graph")
    }
    if versions != Node.versions(call, outputs) {
      throw Failure(
        .state, "a tensor that backward of '\(call.op.name)' needs was changed in place after it was computed"
      )
    }
  }

  /// The gradients of the inputs, given those of the outputs.
  func backward(_ gradients: [Tensor?]) throws -> [Tensor?] {
    guard let backward = call.op.backward else { return inputs.map { _ in nil } }
    guard let observer = Op.observer else { return try backward(call, outputs, gradients) }
    observer.begin(call.op.name, isBackward: true)
    var bytes = 0
    defer { observer.end(bytes: bytes) }
    let results = try backward(call, outputs, gradients)
    bytes = results.reduce(0) { $0 + ($1.map { $0.elementCount * $0.dtype.byteCount } ?? 0) }
    return results
  }

  /// Lets go of the values once the pass is over them.
  func release() {
    isSpent = true
    call.saved = []
    outputs = []
    inputs = []
  }

  /// A chain of a million nodes would otherwise be freed by a recursion as deep.
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
