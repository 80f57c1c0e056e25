/// Low-rank adapters of a linear map: W x + s B A x, in which A and B are trained and W is not.
///
/// Hu et al. 2021, arXiv:2106.09685, sec. 4.1, eq. 3.
import Autograd
import Base
import Tensors
import Weights

/// The adapter of one module of a model file, such as `q_proj`: of some outputs of a linear map, for this program
/// keeps the weights of several modules in one map.
public struct LowRank {
  /// The module as files name it: `model.layers.0.self_attn.q_proj`.
  public let module: String
  /// The outputs of the map that are the module's.
  public let outputs: Range<Int>
  /// [rank, inputs]
  public let a: Variable
  /// [outputs of the module, rank]
  public let b: Variable
  /// s: alpha / rank, or alpha / sqrt(rank) with `use_rslora`.
  public let scale: Double

  public var rank: Int { a.value.shape[0] }

  /// What A and B are called after their module.
  static let parts = [".lora_A", ".lora_B"]
  /// The endings of the names of A and B.
  static let suffixes = parts.map { $0 + ".weight" }

  /// The endings of the names of all that trains beside frozen weights: A, B, and copies of modules.
  static let addedSuffixes =
    suffixes + [WeightKind.weight, .bias].map { SavedModule.part + "." + $0.rawValue }

  /// Whether a parameter of this name is of an adapter, or a copy of a module.
  static func isName(_ name: String) -> Bool { addedSuffixes.contains(where: name.hasSuffix) }
}

extension Affine {
  /// `y`, which is the map of `x`, plus the adapters' part. `input` is the norm or activation before the map.
  func adapted(
    _ y: Variable, _ x: Variable, _ input: Op.LinearInput, _ precision: Precision
  ) throws -> Variable {
    if adapters.isEmpty { return y }
    let (a, b) = try joined()
    let inner = try Op.linear(x, .variable(a), input: input, precision: precision)
    return try Op.linear(inner, .variable(b), residual: y, precision: precision)
  }

  /// The same map without adapters: its weight is W + s B A.
  func merged() throws -> Affine {
    if adapters.isEmpty { return self }
    return try Tape.withoutRecording {
      let (a, b) = try joined()
      let sum = try weight.asVariable().detached().plus(try b.matrixTimes(a))
      return Affine(weight: .variable(sum), bias: bias)
    }
  }

  /// The A of all adapters, one below the other, and their s B side by side, with zeros at the outputs of others.
  private func joined() throws -> (a: Variable, b: Variable) {
    let total = adapters.reduce(0) { $0 + $1.rank }
    var (rows, before, done): ([Variable], Int, Int) = ([], 0, 0)
    func zeros(_ count: Int, _ width: Int) throws -> Variable {
      Variable(try Tensor(zeros: [count, width], .f32))
    }
    for adapter in adapters {
      let (count, after) = (adapter.outputs.count, total - before - adapter.rank)
      if adapter.outputs.lowerBound > done {
        rows.append(try zeros(adapter.outputs.lowerBound - done, total))
      }
      let own = try adapter.b.times(adapter.scale)
      rows.append(
        total == adapter.rank
          ? own : try Variable.concatenated([try zeros(count, before), own, try zeros(count, after)], 1))
      (before, done) = (before + adapter.rank, adapter.outputs.upperBound)
    }
    let outputs = weight.shape[0]
    if done < outputs { rows.append(try zeros(outputs - done, total)) }
    return (try Variable.concatenated(adapters.map(\.a), 0), try Variable.concatenated(rows, 0))
  }
}
