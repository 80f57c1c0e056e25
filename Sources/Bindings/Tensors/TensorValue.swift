/// A Lua value as a tensor: a number, a boolean, nested lists of either, or a tensor itself.
///
/// Numbers, whole ones too, become f32 unless a type is named: parameters and data are the common case, and
/// indices are made with `"i64"`. Lists of booleans become bool.
import Autograd
import Base
import LuaEngine
import Tensors

enum TensorValue {
  /// Argument `i` as a tensor; a bare number takes the type `dtype` if it can hold it.
  static func read(_ call: Call, _ i: Int, like dtype: DType) throws -> Variable {
    if let variable = call.objectIfAny(i) as? Variable { return variable }
    switch call.kind(i) {
    case .integer, .number:
      if dtype == .i64 { return Variable(try Tensor([Int64(call.integer(i))], shape: [])) }
      return Variable(try Tensor(scalar: call.number(i), dtype))
    case .boolean: return Variable(try Tensor([call.boolean(i)], shape: []))
    case .table:
      do { return Variable(try tensor(of: call.table(i), dtype)) } catch let failure as Failure {
        throw Failure(failure.kind, failure.message, argument: i)
      }
    default: throw call.bad(i, "number, boolean, table or Tensor expected, got \(call.typeName(i))")
    }
  }

  /// Nested lists: all lists of one depth have one length.
  static func tensor(of table: LuaTable, _ dtype: DType?) throws -> Tensor {
    try Parallel.cutting { try nested(table, dtype) }
  }

  private static func nested(_ table: LuaTable, _ dtype: DType?) throws -> Tensor {
    var shape: [Int] = []
    var probe = table
    while true {
      let count = try probe.rawCount
      if count == 0 { throw Failure(.shape, "an empty table has no shape: use T.zeros(0)") }
      shape.append(count)
      if shape.count > Limits.dimensionsMax {
        throw Failure(
          .shape,
          "lists nested deeper than \(Limits.dimensionsMax): a tensor has at most that many dimensions")
      }
      let first = try probe.get(1)
      guard case .table(let inner) = first else {
        if case .boolean = first { return try booleans(table, try Shape(checked: shape), dtype ?? .bool) }
        return try numbers(table, try Shape(checked: shape), dtype ?? .f32)
      }
      probe = inner
    }
  }

  private static func numbers(_ table: LuaTable, _ shape: Shape, _ dtype: DType) throws -> Tensor {
    if dtype == .i64 {
      var values: [Int64] = []
      values.reserveCapacity(shape.elementCount)
      try leaves(table, shape, 0, "") { row in
        let whole = try row.integers()
        try Parallel.inOrder(whole.count) { for i in $0 { values.append(Int64(whole[i])) } }
      }
      return try Tensor(values, shape: shape)
    }
    var values: [Double] = []
    values.reserveCapacity(shape.elementCount)
    try leaves(table, shape, 0, "") { values += try $0.numbers() }
    return try Tensor(values, shape: shape).cast(to: dtype)
  }

  private static func booleans(_ table: LuaTable, _ shape: Shape, _ dtype: DType) throws -> Tensor {
    var values: [Bool] = []
    try leaves(table, shape, 0, "") { row in
      for (i, value) in try row.list().enumerated() {
        if i & 0xFFFF == 0xFFFF { try Parallel.checkIfCut() }
        guard case .boolean(let flag) = value else {
          throw Failure(.value, "element [\(i + 1)] is a \(value.typeName), expected a boolean")
        }
        values.append(flag)
      }
    }
    return try Tensor(values, shape: shape).cast(to: dtype)
  }

  /// Calls `read` with each innermost list, in order; errors name the position of what does not fit.
  private static func leaves(
    _ table: LuaTable, _ shape: Shape, _ depth: Int, _ path: String, _ read: (LuaTable) throws -> Void
  ) throws {
    let count = try table.rawCount
    if count != shape[depth] {
      let place = path.isEmpty ? "the list" : "element \(path)"
      throw Failure(
        .shape, "\(place) has \(count) elements, expected \(shape[depth]): all rows must be as long")
    }
    if depth == shape.count - 1 {
      do { try read(table) } catch let failure as Failure {
        throw Failure(failure.kind, failure.message.replacingFirst("element ", by: "element \(path)"))
      }
      return
    }
    for i in 1...shape[depth] {
      if i & 0xFF == 0 { try Parallel.checkIfCut() }
      let value = try table.get(i)
      guard case .table(let inner) = value else {
        throw Failure(
          .shape,
          "element \(path)[\(i)] is a \(value.typeName), expected a list of \(shape[depth + 1]) elements")
      }
      try leaves(inner, shape, depth + 1, "\(path)[\(i)]", read)
    }
  }
}

extension String {
  fileprivate func replacingFirst(_ prefix: String, by other: String) -> String {
    hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
  }
}
