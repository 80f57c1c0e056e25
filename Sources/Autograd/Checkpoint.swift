/// Activation checkpointing: a part of a computation keeps its input alone and is run again in the backward pass.
///
/// Chen et al. 2016, arXiv:1604.06174, sec. 4. The second run does what the first did, so loss and gradients have the
/// same bits as without; a layer costs one forward pass more.
import Base
import Tensors

extension Tape {
  /// Whether models keep only the input of each layer; see `checkpointing`.
  public private(set) nonisolated(unsafe) static var isCheckpointing = false

  /// Runs `body` with `isCheckpointing` set to `on`.
  public static func checkpointing<R>(_ on: Bool, _ body: () throws -> R) rethrows -> R {
    let before = isCheckpointing
    isCheckpointing = on
    defer { isCheckpointing = before }
    return try body()
  }

  /// The result of `body(x)`, which is run without recording now and with it in the backward pass. `leaves` are the
  /// parameters that it reads; it must compute the same each time.
  ///
  ///     let y = try Tape.checkpointed(x, [w]) { try $0.times(w).exp() }
  public static func checkpointed(
    _ x: Variable, _ leaves: [Variable], _ body: @escaping (Variable) throws -> Variable
  ) throws -> Variable {
    if !isRecording || !x.requiresGrad && !leaves.contains(where: \.requiresGrad) { return try body(x) }
    let y = try withoutRecording { try body(x.detached()).value }
    // The leaves among the inputs of the context: one that is changed before the second run is refused.
    let inputs = [x.value] + leaves.map { $0.value }
    let context = OpContext(.checkpoint, inputs, [], needs: inputs.map { _ in false })
    context.needs[0] = x.requiresGrad
    context.rerun = body
    return Variable(y, node: Node(context, [x], [y]), index: 0)
  }
}

extension Op {
  /// What records a checkpointed part: it has no parameters of its own, and no name in Lua.
  static let checkpoint = Op(
    "checkpoint", group: "models", summary: "A part that is run again in the backward pass.",
    formula: "y = f(x)",
    shapes: "those of the part", parameters: [], example: Example("", prints: ""),
    forward: { context in [context[0]] },
    backward: { context, _, gradients in
      guard let body = context.rerun, let gradient = gradients[0] else { return [nil] }
      let x = Variable(context[0], requiresGrad: context.needs[0])
      // The leaves of the part get their gradients here, in the order in which they would without a checkpoint.
      let y = try Tape.recording(true) { try body(x) }
      if y.requiresGrad { try y.backward(gradient) }
      return [x.grad.take()]
    }, samples: { _ in [] })
}
