/// Tensors made from Lua values, constants and ranges.
///
///     T{1, 2, 3}                       f32
///     T({1, 2}, "i64")                 another element type
///     T.zeros(2, 3)  T.zeros({2, 3}, {dtype = "f64"})
///     T.arange(1, 5)                   1 2 3 4 5: both ends
import Autograd
import Base
import LuaEngine
import Tensors

/// The last argument of every function that creates a tensor: a type name, or options.
struct CreationOptions {
  static let declared = [
    Option("dtype", optional: DType.self, "element type", otherwise: "\"f32\", or that of the argument"),
    Option("requires_grad", false, "whether gradients are computed for the tensor"),
  ]
  let options: OptionTable
  let dtype: DType?
  private let call: Call

  /// Reads argument `place`, if it is there.
  init(_ call: Call, _ place: Int, _ declared: [Option] = Self.declared) throws {
    self.call = call
    if call.kind(place) == .string {
      let word = try call.string(place)
      guard let dtype = DType(rawValue: word) else { throw call.bad(place, DType.refusal(word)) }
      self.dtype = dtype
      options = try OptionTable(call, call.count + 1, declared)
    } else if call.isNil(place) {
      dtype = nil
      options = try OptionTable(call, call.count + 1, declared)
    } else {
      options = try OptionTable(call, place, declared)
      dtype = try options.choice(ifGiven: "dtype")
    }
    if call.count > max(place, 0) && !call.isNil(place + 1) { throw call.bad(place + 1, "no such argument") }
  }

  func push(_ tensor: Tensor) throws -> Int {
    let variable = Variable(tensor)
    if try options.flag("requires_grad") { try variable.setRequiresGrad(true) }
    try call.pushObject(variable)
    return 1
  }
}

extension Bindings {
  static func addCreation(_ module: inout NativeModule) {
    module.function(
      "tensor",
      Page(
        "T(value, dtype or options)",
        "A tensor of nested lists, a number or a boolean; T.tensor is the same function. Numbers become f32 and booleans bool unless a dtype is given.",
        options: CreationOptions.declared,
        shapes: "n nested levels -> n dimensions; a number -> []",
        errors: "rows differ in length; an element is no number or boolean",
        example: "print(T{{1, 2}, {3, 4}}, T({1, 2}, 'i64'))",
        prints: """
          [[1, 2],
           [3, 4]]
          [Tensor f32 2x2]\t[1, 2]
          [Tensor i64 2]
          """)
    ) { call in
      let options = try CreationOptions(call, 2)
      return try options.push(fromLua(call, options.dtype))
    }
    module.function(
      "from_list",
      Page(
        "T.from_list(list, dtype or options)", "T(list), for a list only.",
        options: CreationOptions.declared,
        errors: "the argument is no list",
        example: "print(T.from_list({true, false}))",
        prints: """
          [true, false]
          [Tensor bool 2]
          """)
    ) { call in
      let options = try CreationOptions(call, 2)
      if call.kind(1) != .table { throw call.bad(1, "table expected, got \(call.typeName(1))") }
      return try options.push(fromLua(call, options.dtype))
    }
    for (name, value) in [("zeros", 0.0), ("ones", 1.0)] {
      module.function(
        name,
        Page(
          "T.\(name)(sizes, dtype or options)",
          "A tensor filled with \(Int(value)). Sizes are numbers or a list.",
          options: CreationOptions.declared, errors: "a size is negative or no whole number",
          example: "print(T.\(name)(3), T.\(name)({1, 2}, 'i64'))",
          prints: (value == 0 ? "[0, 0, 0]\n[Tensor f32 3]\t[[0, 0]]" : "[1, 1, 1]\n[Tensor f32 3]\t[[1, 1]]")
            + "\n[Tensor i64 1x2]")
      ) { call in
        let (shape, next) = try sizes(call, from: 1)
        let options = try CreationOptions(call, next)
        return try options.push(Tensor.full(shape, value, options.dtype ?? .f32))
      }
      module.function(
        name + "_like",
        Page(
          "T.\(name)_like(x, dtype or options)",
          "A tensor filled with \(Int(value)), of the shape of x; its dtype is that of x unless one is given.",
          options: CreationOptions.declared, example: "print(T.\(name)_like(T({5, 6}, 'i64')))",
          prints: (value == 0 ? "[0, 0]" : "[1, 1]") + "\n[Tensor i64 2]")
      ) { call in
        let x: Variable = try call.object(1)
        let options = try CreationOptions(call, 2)
        return try options.push(Tensor.full(x.value.shape, value, options.dtype ?? x.value.dtype))
      }
    }
    module.function(
      "full",
      Page(
        "T.full(sizes, value, dtype or options)", "A tensor filled with a value. Sizes are a list.",
        options: CreationOptions.declared,
        errors: "a size is negative or no whole number; value is no number or boolean",
        example: "print(T.full({2}, 7))",
        prints: """
          [7, 7]
          [Tensor f32 2]
          """)
    ) { call in
      let shape = try sizeList(call, 1)
      let options = try CreationOptions(call, 3)
      return try options.push(filled(call, 2, shape, options.dtype ?? .f32))
    }
    module.function(
      "full_like",
      Page(
        "T.full_like(x, value, dtype or options)",
        "A tensor filled with a value, of the shape of x; its dtype is that of x unless one is given.",
        options: CreationOptions.declared,
        example: "print(T.full_like(T{5, 6}, 2))",
        prints: """
          [2, 2]
          [Tensor f32 2]
          """)
    ) { call in
      let x: Variable = try call.object(1)
      let options = try CreationOptions(call, 3)
      return try options.push(filled(call, 2, x.value.shape, options.dtype ?? x.value.dtype))
    }
    module.function(
      "eye",
      Page(
        "T.eye(rows, columns = rows, dtype or options)",
        "The identity matrix: 1 on the diagonal, 0 elsewhere.",
        options: CreationOptions.declared,
        shapes: "rows, columns -> [rows, columns]",
        example: "print(T.eye(2))",
        prints: """
          [[1, 0],
           [0, 1]]
          [Tensor f32 2x2]
          """)
    ) { call in
      let rows = try call.integer(1)
      let hasColumns = call.kind(2) == .integer
      let options = try CreationOptions(call, hasColumns ? 3 : 2)
      return try options.push(Tensor.eye(rows, hasColumns ? call.integer(2) : nil, options.dtype ?? .f32))
    }
    addRanges(&module)
  }

  private static func addRanges(_ module: inout NativeModule) {
    module.function(
      "arange",
      Page(
        "T.arange(first = 1, last, step = 1, dtype or options)",
        "The numbers first, first + step, ... up to last, inclusive, as torch.range; T.arange(n) is 1, ..., n. The count is "
          + "exact for whole numbers into i64; else (last - first) / step is rounded: T.arange(0, 0.7, 0.1) has 7 numbers, "
          + "since 0.7 / 0.1 is less than 7 in floating point.",
        options: CreationOptions.declared,
        shapes: "-> [floor((last - first) / step) + 1], or [0] where step leads away from last",
        errors: "step is 0",
        example: "print(T.arange(4), T.arange(0, 1, 0.5))",
        prints: """
          [1, 2, 3, 4]
          [Tensor f32 4]\t[0.0, 0.5, 1.0]
          [Tensor f32 3]
          """)
    ) { call in
      var numbers: [Double] = []
      while numbers.count < 3, [.integer, .number].contains(call.kind(numbers.count + 1)) {
        numbers.append(try call.number(numbers.count + 1))
      }
      if numbers.isEmpty { throw call.bad(1, "number expected, got \(call.typeName(1))") }
      let options = try CreationOptions(call, numbers.count + 1)
      if options.dtype == .i64, let whole = try wholeNumbers(call, numbers.count) {
        let (first, last) = whole.count == 1 ? (1, whole[0]) : (whole[0], whole[1])
        return try options.push(Tensor.arange(first, through: last, step: whole.count == 3 ? whole[2] : 1))
      }
      let (first, last) = numbers.count == 1 ? (1, numbers[0]) : (numbers[0], numbers[1])
      let step = numbers.count == 3 ? numbers[2] : 1
      if (last - first) * step < 0 { return try options.push(Tensor(zeros: [0], options.dtype ?? .f32)) }
      return try options.push(Tensor.arange(first, last, step: step, including: true, options.dtype ?? .f32))
    }
    module.function(
      "linspace",
      Page(
        "T.linspace(first, last, count, dtype or options)",
        "count evenly spaced numbers from first to last, inclusive.",
        options: CreationOptions.declared,
        shapes: "-> [count]",
        example: "print(T.linspace(0, 1, 3))",
        prints: """
          [0.0, 0.5, 1.0]
          [Tensor f32 3]
          """)
    ) { call in
      let options = try CreationOptions(call, 4)
      if options.dtype == .i64, let ends = try wholeNumbers(call, 2) {
        return try options.push(Tensor.linspace(ends[0], ends[1], call.integer(3)))
      }
      let (first, last) = (try call.number(1), try call.number(2))
      return try options.push(Tensor.linspace(first, last, call.integer(3), options.dtype ?? .f32))
    }
  }

  /// The first `count` arguments if all of them are whole numbers.
  private static func wholeNumbers(_ call: Call, _ count: Int) throws -> [Int64]? {
    var found: [Int64] = []
    for i in 1...count {
      guard let whole = try call.value(i).asInteger else { return nil }
      found.append(Int64(whole))
    }
    return found
  }

  private static func fromLua(_ call: Call, _ dtype: DType?) throws -> Tensor {
    switch call.kind(1) {
    case .table:
      do { return try TensorValue.tensor(of: call.table(1), dtype) } catch let failure as Failure {
        throw Failure(failure.kind, failure.message, argument: 1)
      }
    case .integer, .number:
      if dtype == .i64 { return try Tensor([Int64(call.integer(1))], shape: []) }
      return try Tensor(scalar: call.number(1), dtype ?? .f32)
    case .boolean: return try Tensor([call.boolean(1)], shape: []).cast(to: dtype ?? .bool)
    case .object where call.objectIfAny(1) is Variable:
      throw call.bad(1, "a Tensor already: use clone() for a copy, to() for another type")
    default: throw call.bad(1, "table, number or boolean expected, got \(call.typeName(1))")
    }
  }

  private static func filled(_ call: Call, _ i: Int, _ shape: Shape, _ dtype: DType) throws -> Tensor {
    if call.kind(i) == .boolean { return try Tensor.full(shape, call.boolean(i) ? 1 : 0, dtype) }
    if dtype == .i64 {
      let result = try Tensor(uninitialized: shape, .i64)
      result.pointer(Int64.self).update(repeating: Int64(try call.integer(i)), count: result.elementCount)
      return withExtendedLifetime(result) { result }
    }
    return try Tensor.full(shape, call.number(i), dtype)
  }

  // MARK: Sizes

  /// Sizes as a table or as numbers, starting at argument `from`; and the position after them.
  static func sizes(_ call: Call, from: Int) throws -> (Shape, next: Int) {
    if call.kind(from) == .table, try call.table(from).rawCount > 0 || isEmptyTable(call, from) {
      return (try sizeList(call, from), from + 1)
    }
    var sizes: [Int] = []
    while call.kind(from + sizes.count) == .integer || call.kind(from + sizes.count) == .number {
      sizes.append(try call.integer(from + sizes.count))
    }
    if sizes.isEmpty { throw call.bad(from, "sizes expected, got \(call.typeName(from))") }
    return (try checkedShape(sizes, from), from + sizes.count)
  }

  static func sizeList(_ call: Call, _ i: Int) throws -> Shape {
    if call.kind(i) == .integer { return try checkedShape([call.integer(i)], i) }
    let table = try call.table(i)
    do { return try checkedShape(table.integers(), i) } catch let failure as Failure {
      throw Failure(failure.kind, failure.message, argument: i)
    }
  }

  private static func isEmptyTable(_ call: Call, _ i: Int) throws -> Bool {
    try call.table(i).entries().isEmpty
  }

  private static func checkedShape(_ sizes: [Int], _ argument: Int) throws -> Shape {
    do { return try Shape(checked: sizes) } catch let failure as Failure {
      throw Failure(failure.kind, failure.message, argument: argument)
    }
  }
}
