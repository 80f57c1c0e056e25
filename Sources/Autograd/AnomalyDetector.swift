/// The operation that NaN comes from: each is checked as it ends, forward and backward.
///
///     try AnomalyDetector.watch { try loss().backward() }
///     // Failure: "log gave nan at [2] (1 of 3 elements)"
///
/// NaN that an operation was given and passes on is named as its argument: it came from no operation. An infinity is
/// no error, since a mask may be one; the first that was made of finite numbers is remembered. NaN within an operation
/// that is made of others is none where their result has it not. A checkpoint is no operation: those of its part are.
import Base
import Tensors

public final class AnomalyDetector: OpObserver {
  private struct Running {
    let name: String
    let isBackward: Bool
    /// An argument that is NaN, in words.
    let argument: String?
    /// Whether all arguments are finite, numbers among them.
    let isFinite: Bool
    /// Whether it is an operation, and no other work that has a name.
    let isOperation: Bool
    /// The gradients that it may add to, by argument, that are not finite before.
    let lent: [(tensor: Tensor, found: Finite.Exception)?]
  }

  private var running: [Running] = []
  /// The first infinity that was made of finite numbers, in words.
  private var infinity: String?
  /// The first NaN within the operation that runs, in words.
  private var inner: String?

  /// Runs `body`. Throws at the first operation whose result is NaN; with `infinities`, at the end also where an
  /// operation made an infinity of finite numbers.
  public static func watch<R>(infinities: Bool = false, _ body: () throws -> R) throws -> R {
    let detector = AnomalyDetector()
    let result = try Op.observed(by: detector, body)
    if infinities, let found = detector.infinity { throw Failure(.numeric, found) }
    return result
  }

  public func begin(
    _ name: String, _ inputs: [Tensor?], _ attributes: [Attribute], lent: [Tensor?], isBackward: Bool
  ) {
    var argument: String?
    var isFinite = attributes.allSatisfy { $0.isFinite }
    for (i, input) in inputs.enumerated() {
      // Without memory for the check the argument is not named, and the check of the result fails.
      guard let input, let found = (try? Finite.exception(in: input)) ?? nil else { continue }
      isFinite = false
      let what =
        isBackward ? "the gradient that \(name) is given" : "argument \(i + 1) of \(name)"
      if found.isNaN { argument = argument ?? "\(what) is \(found)" }
    }
    running.append(
      Running(
        name: name, isBackward: isBackward, argument: argument, isFinite: isFinite,
        isOperation: name != Op.checkpoint.name && !(inputs.isEmpty && attributes.isEmpty),
        lent: lent.map { tensor in
          guard let tensor, let found = (try? Finite.exception(in: tensor)) ?? nil else { return nil }
          return (tensor, found)
        }))
  }

  public func end(_ results: [Tensor?]) throws {
    guard let own = running.last else { return }
    defer { leave() }
    for (i, result) in results.enumerated() {
      guard let result, let found = try Finite.exception(in: result) else { continue }
      let made = "\(said(own, i)) \(found)"
      let before = before(own, i, result)
      if found.isNaN {
        let given =
          own.argument
          ?? before.flatMap { $0.isNaN ? "the gradient that \(own.name) adds to is \($0)" : nil }
        inner = inner ?? given ?? made + (infinity.map { "; before it, \($0)" } ?? "")
        if running.dropLast().contains(where: \.isOperation) { return }
        throw Failure(.numeric, given ?? inner ?? made)
      }
      if own.isFinite && before == nil && infinity == nil { infinity = made }
    }
  }

  public func leave() {
    _ = running.popLast()
    if !running.contains(where: \.isOperation) { inner = nil }
  }

  /// What was not finite in a gradient before the operation added to it; nil of a result that is a tensor of its own.
  private func before(_ own: Running, _ i: Int, _ result: Tensor) -> Finite.Exception? {
    guard own.lent.indices.contains(i), let lent = own.lent[i], lent.tensor.storage === result.storage
    else { return nil }
    return lent.found
  }

  /// "log gave"; "log_softmax, in its sub, gave"; "the gradient of argument 1 of sqrt is".
  private func said(_ own: Running, _ i: Int) -> String {
    if own.isBackward { return "the gradient of argument \(i + 1) of \(own.name) is" }
    guard let outer = running.first, !outer.isBackward, outer.name != own.name else {
      return "\(own.name) gave"
    }
    return "\(outer.name), in its \(own.name), gave"
  }
}
