/// The values of an operation's parameters that are not tensors, read by the parameter's name.
///
///     attributes.integer("dim")      // nil where the parameter was left out
import Base
import Tensors

public struct Attributes {
  private let op: Op
  private let values: [Attribute]

  /// `values` are in the order of the operation's parameters; values left out at the end are the defaults.
  init(_ op: Op, _ values: [Attribute]) {
    (self.op, self.values) = (op, values)
  }

  /// A linear search: an operation has at most eight names, each at most 15 bytes, which Swift compares
  /// without a call.
  public subscript(_ name: String) -> Attribute {
    let names = op.attributeNames
    for i in names.indices where names[i] == name { return i < values.count ? values[i] : standard(name) }
    preconditionFailure("no parameter is called \(name)")
  }

  private func standard(_ name: String) -> Attribute {
    op.parameters.first { $0.name == name }?.standard ?? .none
  }

  public func integer(_ name: String) -> Int? {
    if case .integer(let value) = self[name] { return value }
    return nil
  }

  public func integers(_ name: String) -> [Int]? {
    if case .integers(let value) = self[name] { return value }
    return nil
  }

  public func numbers(_ name: String) -> [Double]? {
    if case .numbers(let value) = self[name] { return value }
    return nil
  }

  public func number(_ name: String) -> Double? {
    switch self[name] {
    case .number(let value): return value
    case .integer(let value): return Double(value)
    default: return nil
    }
  }

  /// A number as a 64-bit integer, without rounding; nil for a fraction, NaN or a number beyond 64 bits.
  public func whole(_ name: String) -> Int64? {
    switch self[name] {
    case .integer(let value): return Int64(value)
    case .number(let value): return Int64(exactly: value)
    default: return nil
    }
  }

  public func flag(_ name: String) -> Bool {
    if case .flag(let value) = self[name] { return value }
    return false
  }

  public func text(_ name: String) -> String? {
    if case .text(let value) = self[name] { return value }
    return nil
  }

  public func dtype(_ name: String) -> DType? {
    if case .dtype(let value) = self[name] { return value }
    return nil
  }

  // MARK: Checked against a tensor

  /// A whole number that has no default.
  public func required(_ name: String) throws -> Int {
    guard let given = integer(name) else {
      throw Failure(.argument, "expected a whole number", argument: argument(name))
    }
    return given
  }

  /// A dimension of a tensor of `rank`; negatives count from the end.
  func dimension(_ name: String, rank: Int, default fallback: Int? = nil) throws -> Int {
    guard let given = integer(name) ?? fallback else {
      throw Failure(.argument, "expected a dimension", argument: argument(name))
    }
    return try checked(given, name, rank)
  }

  /// A list of different dimensions of a tensor of `rank`.
  func dimensions(_ name: String, rank: Int) throws -> [Int] {
    let found = try (integers(name) ?? []).map { try checked($0, name, rank) }
    if Set(found).count != found.count {
      throw Failure(.argument, "a dimension comes twice", argument: argument(name))
    }
    return found
  }

  private func checked(_ given: Int, _ name: String, _ rank: Int) throws -> Int {
    if given >= rank || given < -rank {
      throw Failure(
        .index,
        "dimension \(given < 0 ? given : given &+ 1) is out of range for a tensor of \(rank) dimensions",
        argument: argument(name))
    }
    return given < 0 ? given + rank : given
  }

  /// A position along a dimension of `size`; negatives count from the end.
  func position(_ name: String, size: Int) throws -> Int {
    guard let given = integer(name) else {
      throw Failure(.argument, "expected a position", argument: argument(name))
    }
    if given >= size || given < -size {
      throw Failure(
        .index, "position \(given < 0 ? given : given &+ 1) is out of range for a dimension of size \(size)",
        argument: argument(name))
    }
    return given < 0 ? given + size : given
  }

  /// Sizes of `count` elements in all, one of which may be -1 and is inferred.
  func sizes(_ name: String, filling count: Int) throws -> Shape {
    let given = integers(name) ?? []
    if given.filter({ $0 == -1 }).count > 1 {
      throw Failure(.shape, "only one size can be -1", argument: argument(name))
    }
    guard let inferred = given.firstIndex(of: -1) else { return try Shape(checked: given) }
    var known = given
    known[inferred] = 1
    let rest = try Shape(checked: known).elementCount
    if rest == 0 || count % rest != 0 {
      let text = given.map(String.init).joined(separator: "x")
      throw Failure(.shape, "cannot reshape \(count) elements to \(text)", argument: argument(name))
    }
    known[inferred] = count / rest
    return try Shape(checked: known)
  }

  /// The position of a parameter among all arguments, from 1, for error messages.
  func argument(_ name: String) -> Int {
    (op.parameters.firstIndex { $0.name == name } ?? op.parameters.count - 1) + 1
  }
}
