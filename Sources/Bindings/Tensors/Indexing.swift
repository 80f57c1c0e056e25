/// `t[key]` and `t[key] = value`.
///
///     t[2]                 the second slice of dimension 1; negatives count from the end
///     t[{1, 3}]            one position for each dimension
///     t[{ {2, 3}, {} }]    inclusive ranges; {} takes all
///     t[ids]               a tensor of positions, along dimension 1 (or inside a list, along that dimension)
///     t[mask]              the elements where a tensor of bool is true; the slices for a mask of leading dimensions
///
/// Reading goes through operations, so gradients flow. A position in a 1-d tensor gives a scalar tensor:
/// `t[i]:item()` is the Lua number. Reading a range gives a view; a tensor of positions or a mask gives a
/// copy.
import Autograd
import Base
import LuaEngine
import Tensors

/// One part of an index, for one dimension.
enum IndexPart {
  case position(Int)
  case range(start: Int, length: Int)
  case all
  case positions(Variable)
}

enum Indexing {
  /// The parts for the leading dimensions of `shape`, checked against their sizes.
  static func parts(_ key: LuaValue, _ shape: Shape) throws -> [IndexPart] {
    guard case .table(let list) = key else { return [try part(key, 0, shape)] }
    let elements = try list.list()
    if elements.count > shape.count {
      throw Failure(.index, "\(elements.count) indices for \(Indexing.described(shape.count))")
    }
    return try elements.enumerated().map { i, element in try part(element, i, shape) }
  }

  /// The part that a number names; nil for a key of another type.
  private static func single(_ key: LuaValue, _ shape: Shape) throws -> IndexPart? {
    switch key {
    case .integer, .number: return try part(key, 0, shape)
    default: return nil
    }
  }

  private static func part(_ key: LuaValue, _ dimension: Int, _ shape: Shape) throws -> IndexPart {
    if dimension >= shape.count { throw Failure(.index, "a scalar cannot be indexed: use item()") }
    let size = shape[dimension]
    switch key {
    case .integer, .number:
      guard let given = key.asInteger else { throw Failure(.index, "number has no integer representation") }
      return .position(try position(given, size, dimension))
    case .table(let table):
      let ends = try table.integers()
      switch ends.count {
      case 0: return .all
      case 1, 2: return try range(ends[0], ends[ends.count - 1], size, dimension)
      default: throw Failure(.index, "a range has two ends, got \(ends.count) numbers")
      }
    case .object(let object):
      guard let variable = object as? Variable else { break }
      if variable.value.dtype == .bool {
        throw Failure(.index, "a mask must be the only index: t[mask]")
      }
      return .positions(variable)
    default: break
    }
    throw Failure(
      .index, "expected a position, a range {first, last}, {} or a Tensor as index, got a \(key.typeName)")
  }

  /// A position 1..size or -size..-1 as 0..<size.
  static func position(_ given: Int, _ size: Int, _ dimension: Int) throws -> Int {
    if given == 0 { throw Failure(.index, "index 0: positions start at 1") }
    if given > size || given < -size {
      let expected = size == 0 ? "it is empty" : "expected 1..\(size) or -\(size)..-1"
      throw Failure(
        .index, "index \(given) is out of range for dimension \(dimension + 1) of size \(size) (\(expected))")
    }
    return given > 0 ? given - 1 : given + size
  }

  /// Both ends inclusive. An end one before the start is an empty range, as in Lua's `for`.
  private static func range(_ first: Int, _ last: Int, _ size: Int, _ dimension: Int) throws -> IndexPart {
    if first > 0 && last == first - 1 && last <= size { return .range(start: first - 1, length: 0) }
    let start = try position(first, size, dimension)
    let end = try position(last, size, dimension)
    if end < start {
      throw Failure(.index, "range {\(first), \(last)} of dimension \(dimension + 1) goes backwards")
    }
    return .range(start: start, length: end - start + 1)
  }

  /// A dimension 1..rank or -rank..-1 as 0..<rank.
  static func dimension(_ given: Int, rank: Int, argument: Int) throws -> Int {
    if given == 0 { throw Failure(.index, "dimension 0: positions start at 1", argument: argument) }
    if given > rank || given < -rank {
      let expected = rank == 0 ? "" : " (expected 1..\(rank) or -\(rank)..-1)"
      throw Failure(
        .index, "dimension \(given) is out of range for \(described(rank))\(expected)", argument: argument)
    }
    return given > 0 ? given - 1 : given + rank
  }

  static func described(_ rank: Int) -> String { rank == 0 ? "a scalar" : "a \(rank)-d tensor" }

  // MARK: Reading

  /// The indexed part, by recorded operations.
  static func read(_ x: Variable, _ key: LuaValue) throws -> Variable {
    if case .position(let position)? = try single(key, x.value.shape) { return try x.selected(0, position) }
    if let mask = mask(key) { return try masked(x, mask) }
    var result = x
    var dimension = 0
    for part in try parts(key, x.value.shape) {
      switch part {
      case .position(let position):
        result = try result.selected(dimension, position)
        dimension -= 1
      case .range(let start, let length):
        result = try result.narrowed(dimension, from: start, length: length)
      case .positions(let positions):
        result = try result.indexSelected(dimension, positions)
      case .all: break
      }
      dimension += 1
    }
    return result
  }

  /// The elements under a mask of x's shape, or the slices under a mask of x's leading dimensions, as NumPy
  /// and PyTorch select them.
  private static func masked(_ x: Variable, _ mask: Variable) throws -> Variable {
    let rest = try sliceShape(x.value.shape, mask.value.shape)
    if mask.value.rank == x.value.rank { return try x.maskedSelected(mask) }
    let flags = try mask.value.elements(Bool.self)
    let positions = flags.indices.filter { flags[$0] }.map { Int64($0 + 1) }
    return try x.reshaped([flags.count] + Array(rest)).indexSelected(
      0, Variable(try Tensor(positions, shape: [positions.count])))
  }

  /// The dimensions after those of a mask, which must be the leading ones.
  static func sliceShape(_ shape: Shape, _ mask: Shape) throws -> Shape {
    if Array(shape.prefix(mask.count)) != Array(mask) {
      throw Failure(
        .shape, "a mask of \(mask) does not fit a tensor of \(shape): expected its leading dimensions")
    }
    return Shape(known: shape.dropFirst(mask.count))
  }

  static func mask(_ key: LuaValue) -> Variable? {
    guard case .object(let object) = key, let variable = object as? Variable, variable.value.dtype == .bool
    else {
      return nil
    }
    return variable
  }
}
