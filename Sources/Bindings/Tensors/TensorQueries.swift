/// Sizes, element type and layout of a tensor, and its elements as Lua values.
import Autograd
import Base
import LuaEngine
import Tensors

extension Bindings {
  static func addQueries(_ tensor: inout NativeClass<Variable>) {
    tensor.method(
      "size",
      Page(
        "x:size(dim)", "The size of one dimension, or the list of all sizes.",
        errors: "x has no such dimension",
        example: "print(T.zeros(2, 3):size(-1), #T.zeros(2, 3):size())",
        prints: "3\t2")
    ) { call, x in
      if call.isNil(2) {
        try call.pushIntegers(Array(x.value.shape))
      } else {
        try call.pushInteger(
          x.value.shape[try Indexing.dimension(call.integer(2), rank: x.value.rank, argument: 2)])
      }
      return 1
    }
    tensor.method(
      "dim",
      Page(
        "x:dim()", "The number of dimensions.",
        example: "print(T.zeros(2, 3):dim())",
        prints: "2")
    ) { call, x in
      try call.pushInteger(x.value.rank)
      return 1
    }
    tensor.method(
      "numel",
      Page(
        "x:numel()", "The number of elements.",
        example: "print(T.zeros(2, 3):numel())",
        prints: "6")
    ) { call, x in
      try call.pushInteger(x.value.elementCount)
      return 1
    }
    tensor.method(
      "dtype",
      Page(
        "x:dtype()", "The element type: 'f32', 'f64', 'i64' or 'bool'.",
        example: "print(T{1}:dtype())",
        prints: "f32")
    ) { call, x in
      try call.pushString(x.value.dtype.rawValue)
      return 1
    }
    tensor.method(
      "stride",
      Page(
        "x:stride()", "For each dimension, the distance in elements between neighbouring positions.",
        example: "print(table.concat(T.zeros(2, 3):stride(), ' '))",
        prints: "3 1")
    ) { call, x in
      try call.pushIntegers(Array(x.value.strides))
      return 1
    }
    tensor.method(
      "is_contiguous",
      Page(
        "x:is_contiguous()", "Whether the elements are stored in row-major order without gaps.",
        example: "print(T.zeros(2, 3):t():is_contiguous())",
        prints: "false")
    ) { call, x in
      try call.pushBoolean(x.value.isContiguous)
      return 1
    }
    tensor.method(
      "storage_bytes",
      Page(
        "x:storage_bytes()", "Size in bytes of the storage of x, which all views of it share.",
        example: "print(T.zeros(10):storage_bytes())",
        prints: "40")
    ) { call, x in
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

  static func addConversions(_ tensor: inout NativeClass<Variable>) {
    tensor.method(
      "item",
      Page(
        "x:item()", "The only element, as a Lua float (f32, f64), integer (i64) or boolean (bool).",
        errors: "x does not have exactly one element",
        example: "print(T{2.5}:item(), T(3, 'i64'):item())",
        prints: "2.5\t3")
    ) { call, x in
      if x.value.elementCount != 1 {
        throw Failure(.shape, "item: expected one element, got a tensor of \(x.value.shape)")
      }
      try call.push(x.value.firstAsLua())
      return 1
    }
    tensor.method(
      "totable",
      Page(
        "x:totable()", "The elements as nested lists; for a scalar tensor, the element.",
        example: "print(T{{1, 2}, {3, 4}}:totable()[2][1])",
        prints: "3.0")
    ) { call, x in
      try pushTable(call, x.value)
      return 1
    }
    for (name, dtype) in [("float", DType.f32), ("double", .f64), ("long", .i64)] {
      tensor.method(
        name,
        Page(
          "x:\(name)()",
          "x:to('\(dtype.rawValue)'): x itself if it has this dtype, otherwise a converted copy.",
          example: "print(T.zeros(1, 'bool'):\(name)():dtype())", prints: dtype.rawValue)
      ) { call, x in
        if x.value.dtype == dtype {
          try call.pushArgument(1)
        } else {
          try call.pushObject(try x.cast(to: dtype))
        }
        return 1
      }
    }
  }

  private static func pushTable(_ call: Call, _ x: Tensor) throws {
    if x.rank == 0 { return try call.push(x.elementsAsLua()[0]) }
    try call.build { try pushList($0, x) }
  }

  private static func pushList(_ builder: LuaBuilder, _ x: Tensor) throws {
    let count = x.shape[0]
    try builder.pushTable(positions: count)
    if x.rank > 1 {
      for i in 0..<count {
        try pushList(builder, try x.selected(0, i))
        builder.store(at: i + 1)
      }
      return
    }
    let packed = try x.contiguous()
    func fill<T: TensorScalar>(_ type: T.Type, _ push: (T) throws -> Void) throws {
      let from = packed.pointer(T.self)
      for i in 0..<count {
        if i & 0x3FFF == 0 { try Interrupt.check() }
        try push(from[i])
        builder.store(at: i + 1)
      }
    }
    try withExtendedLifetime(packed) {
      switch x.dtype {
      case .f32: try fill(Float.self) { try builder.push(Double($0)) }
      case .f64: try fill(Double.self) { try builder.push($0) }
      case .i64: try fill(Int64.self) { try builder.push(Int($0)) }
      case .bool: try fill(Bool.self) { try builder.push($0) }
      }
    }
  }
}

extension Tensor {
  /// The first element as a number, an integer or a boolean; there must be one.
  func firstAsLua() -> LuaValue {
    switch dtype {
    case .f32: return .number(Double(pointer(Float.self)[0]))
    case .f64: return .number(pointer(Double.self)[0])
    case .i64: return .integer(pointer(Int64.self)[0])
    case .bool: return .boolean(pointer(Bool.self)[0])
    }
  }

  /// Floating point as numbers, i64 as integers, bool as booleans; in row-major order.
  func elementsAsLua() throws -> [LuaValue] {
    switch dtype {
    case .f32: return try elements(Float.self).map { .number(Double($0)) }
    case .f64: return try elements(Double.self).map { .number($0) }
    case .i64: return try elements(Int64.self).map { .integer($0) }
    case .bool: return try elements(Bool.self).map { .boolean($0) }
    }
  }
}
