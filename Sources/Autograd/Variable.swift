/// A tensor with the record of how it was computed, for gradients.
///
/// This is the `Tensor` that Lua sees. A class, because the tape and the user hold the same one.
///
///     let x = Variable(try Tensor([3.0], shape: [1]), requiresGrad: true)
///     try x.times(x).sum().backward()
///     x.grad          // [6]
import Base
import Tensors

public final class Variable {
  @exclusivity(unchecked) public internal(set) var value: Tensor
  /// True for parameters and for everything computed from them while the tape records.
  @exclusivity(unchecked) public private(set) var requiresGrad: Bool
  /// In an object of its own: most variables have no gradient, and are half as large without room for one.
  private var gradient: Gradient?
  private(set) var node: Node?
  let index: Int

  private final class Gradient {
    var value: Tensor
    init(_ value: Tensor) { self.value = value }
  }

  public init(_ value: Tensor, requiresGrad: Bool = false) {
    self.value = value
    self.requiresGrad = requiresGrad
    node = nil
    index = 0
  }

  init(_ value: Tensor, node: Node, index: Int) {
    self.value = value
    requiresGrad = true
    self.node = node
    self.index = index
  }

  public var isLeaf: Bool { node == nil }

  /// The accumulated gradient of a leaf; nil before the first backward pass.
  public var grad: Tensor? {
    get { gradient?.value }
    set { gradient = newValue.map { Gradient($0) } }
  }

  /// Takes the node out of a variable that is about to be freed; see `Node.deinit`.
  func takeNode() -> Node? {
    defer { node = nil }
    return node
  }

  /// Sets whether a leaf requires a gradient.
  public func setRequiresGrad(_ wanted: Bool) throws {
    if !isLeaf {
      throw Failure(
        .state, "requires_grad can be set on leaves only: this tensor was computed; detach it first")
    }
    if wanted && !value.dtype.isFloating {
      throw Failure(.dtype, "only f32 and f64 tensors can require a gradient, got \(value.dtype.rawValue)")
    }
    requiresGrad = wanted
  }

  /// The same values without history.
  public func detached() -> Variable { Variable(value) }

  /// Changes the elements in place by `write`; throws if the tape needs the old ones.
  public func mutate(_ name: String, _ write: (Tensor) throws -> Void) throws {
    if Tape.isRecording && requiresGrad {
      let what = isLeaf ? "a leaf that requires a gradient" : "a tensor with recorded history"
      throw Failure(.state, "\(name) would change \(what) in place: use the form without _, or no_grad")
    }
    try write(value)
    value.storage.markWritten()
  }
}
