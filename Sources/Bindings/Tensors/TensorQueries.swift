/// What a tensor is and holds: sizes, element type, layout, and its elements as Lua values.
import Autograd
import Base
import LuaEngine
import Tensors

extension Bindings {
  static func addQueries(_ tensor: inout LuaClass<Variable>) {
    // x:size() -> {2, 3}; x:size(1) -> 2
    tensor.method("size") { call, x in
      if call.isNil(2) {
        try call.pushIntegers(Array(x.value.shape))
      } else {
        try call.pushInteger(
          x.value.shape[try Indexing.dimension(call.integer(2), rank: x.value.rank, argument: 2)])
      }
      return 1
    }
    tensor.method("dim") { call, x in
      try call.pushInteger(x.value.rank)
      return 1
    }
    tensor.method("numel") { call, x in
      try call.pushInteger(x.value.elementCount)
      return 1
    }
    tensor.method("dtype") { call, x in
      try call.pushString(x.value.dtype.rawValue)
      return 1
    }
    tensor.method("stride") { call, x in
      try call.pushIntegers(Array(x.value.strides))
      return 1
    }
    tensor.method("is_contiguous") { call, x in
      try call.pushBoolean(x.value.isContiguous)
      return 1
    }
    tensor.method("storage_bytes") { call, x in
      try call.pushInteger(x.value.storage.byteCount)
      return 1
    }
    tensor.metamethod("__len") { call in
      let x: Variable = try call.object(1)
      if x.value.rank == 0 { throw Failure(.shape, "a scalar has no length") }
      try call.pushInteger(x.value.shape[0])
      return 1
    }
    tensor.metamethod("__tostring") { call in
      let x: Variable = try call.object(1)
      try call.pushString(TensorPrinter.current.text(x.value))
      return 1
    }
  }

  static func addConversions(_ tensor: inout LuaClass<Variable>) {
    // The one element as a Lua number or boolean.
    tensor.method("item") { call, x in
      if x.value.elementCount != 1 {
        throw Failure(.shape, "item: expected one element, got a tensor of \(x.value.shape)")
      }
      try call.push(x.value.elementsAsLua()[0])
      return 1
    }
    // Nested lists, or one value for a scalar.
    tensor.method("totable") { call, x in
      try pushTable(call, x.value)
      return 1
    }
    // Short for to("f32") and so on.
    for (name, dtype) in [("float", DType.f32), ("double", .f64), ("long", .i64)] {
      tensor.method(name) { call, x in
        if x.value.dtype == dtype {
          try call.pushArgument(1)
        } else {
          try call.pushObject(try Op.to([x], [.dtype(dtype)])[0])
        }
        return 1
      }
    }
  }

  private static func pushTable(_ call: Call, _ x: Tensor) throws {
    switch (x.rank, x.dtype) {
    case (0, _): try call.push(x.elementsAsLua()[0])
    case (1, .i64): try call.pushIntegers(x.elements(Int64.self).map(Int.init))
    case (1, .f32), (1, .f64): try call.pushNumbers(x.doubles())
    default: try call.push(nested(x))
    }
  }

  private static func nested(_ x: Tensor) throws -> LuaValue {
    if x.rank <= 1 { return .list(try x.elementsAsLua()) }
    return .list(try (0..<x.shape[0]).map { try nested(x.selected(0, $0)) })
  }
}

extension Tensor {
  /// Floating point as numbers, whole numbers as integers, truth values as booleans; in row-major order.
  func elementsAsLua() throws -> [LuaValue] {
    switch dtype {
    case .f32: return try elements(Float.self).map { .number(Double($0)) }
    case .f64: return try elements(Double.self).map { .number($0) }
    case .i64: return try elements(Int64.self).map { .integer($0) }
    case .bool: return try elements(Bool.self).map { .boolean($0) }
    }
  }
}
