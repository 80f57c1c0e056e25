/// Assignment by index: `t[key] = value`, in place.
import Autograd
import Base
import LuaEngine
import Tensors

extension Indexing {
  /// Writes `value` to the part of `x` that `key` names; it may broadcast.
  static func write(_ x: Variable, _ key: LuaValue, _ value: Variable) throws {
    try Variable.refuseLostGradient("assignment", [value])
    try x.mutate("assignment") { target in
      if let mask = mask(key) {
        return try target.store(try masked(target, mask.value, value.value), "assignment")
      }
      let parts = try parts(key, target.shape)
      // The parts are written one after another, so a value that shares elements with the target is copied
      // first.
      let source = try value.value.overlaps(target) ? value.value.copied() : value.value
      try write(source, into: target, parts[...], 0)
    }
  }

  /// Narrows `target` part by part; a tensor of positions writes slice by slice, in order.
  private static func write(
    _ value: Tensor, into target: Tensor, _ parts: ArraySlice<IndexPart>, _ dimension: Int
  ) throws {
    guard let part = parts.first else { return try target.store(value, "assignment") }
    let rest = parts.dropFirst()
    switch part {
    case .all: try write(value, into: target, rest, dimension + 1)
    case .position(let position):
      try write(value, into: try target.selected(dimension, position), rest, dimension)
    case .range(let start, let length):
      try write(value, into: try target.narrowed(dimension, from: start, length: length), rest, dimension + 1)
    case .positions(let positions):
      if !rest.allSatisfy({ if case .positions = $0 { return false } else { return true } }) {
        throw Failure(.index, "assignment takes one tensor of positions, got two")
      }
      try write(value, into: target, at: positions.value, rest, dimension)
    }
  }

  private static func write(
    _ value: Tensor, into target: Tensor, at positions: Tensor, _ rest: ArraySlice<IndexPart>,
    _ dimension: Int
  ) throws {
    if positions.rank > 1 {
      throw Failure(.index, "expected a 1-d tensor of positions, got \(positions.shape)")
    }
    let given = try positions.wholeNumbers()
    let places = try given.map { try position($0, target.shape[dimension], dimension) }
    // If `value` has that dimension, each position gets one of its slices; else each gets all of it.
    let taken = rest.reduce(0) { if case .position = $1 { return $0 + 1 } else { return $0 } }
    let own = dimension - (target.rank - taken) + value.rank
    let isSliced = own >= 0 && own < value.rank && value.shape[own] != 1
    if isSliced && value.shape[own] != places.count {
      throw Failure(.shape, "assignment: \(value.shape[own]) slices for \(places.count) positions")
    }
    for (i, place) in places.enumerated() {
      // A dimension of size 1 remains, so that the later parts count the same dimensions.
      let slice = try target.narrowed(dimension, from: place, length: 1)
      let source = isSliced ? try value.narrowed(own, from: i, length: 1) : value
      try write(source, into: slice, rest, dimension + 1)
    }
  }

  /// A copy of `target` with the elements under the mask replaced: by one number, or in order by as many
  /// values as there are. A mask of the leading dimensions selects whole slices, and `value` broadcasts to
  /// them.
  private static func masked(_ target: Tensor, _ mask: Tensor, _ value: Tensor) throws -> Tensor {
    let rest = try sliceShape(target.shape, mask.shape)
    let slice = rest.elementCount
    let flags = try mask.elements(Bool.self).flatMap { repeatElement($0, count: slice) }
    let count = flags.reduce(0) { $1 ? $0 + 1 : $0 }
    var value = value
    if mask.rank < target.rank && value.elementCount != 1 {
      let shape = Shape(known: [slice == 0 ? 0 : count / slice] + Array(rest))
      do { value = try value.expanded(to: shape) } catch is Failure {
        throw Failure(.shape, "assignment: a value of \(value.shape) does not fit into \(shape)")
      }
    }
    if value.elementCount != 1 && value.elementCount != count {
      throw Failure(.shape, "assignment: \(value.elementCount) values for \(count) true elements of the mask")
    }
    let dtype = DType.promote(value.dtype, target.dtype)
    if dtype != target.dtype && !(value.dtype.isFloating && target.dtype.isFloating) {
      throw Failure(
        .dtype, "assignment: a tensor of \(target.dtype.rawValue) cannot hold \(value.dtype.rawValue)")
    }
    let result = try target.copied()
    let source = try value.cast(to: target.dtype).contiguous()
    switch target.dtype {
    case .f32: put(source.pointer(Float.self), source.elementCount, flags, result.pointer(Float.self))
    case .f64: put(source.pointer(Double.self), source.elementCount, flags, result.pointer(Double.self))
    case .i64: put(source.pointer(Int64.self), source.elementCount, flags, result.pointer(Int64.self))
    case .bool: put(source.pointer(Bool.self), source.elementCount, flags, result.pointer(Bool.self))
    }
    return withExtendedLifetime(source) { result }
  }

  private static func put<T>(
    _ from: UnsafeMutablePointer<T>, _ count: Int, _ flags: [Bool], _ to: UnsafeMutablePointer<T>
  ) {
    var next = 0
    for (i, flag) in flags.enumerated() where flag {
      to[i] = from[count == 1 ? 0 : next]
      next += 1
    }
  }
}

extension Tensor {
  /// The elements as integers; numbers with a fraction are refused.
  func wholeNumbers() throws -> [Int] {
    if dtype == .i64 { return try elements(Int64.self).map(Int.init) }
    if dtype == .bool { throw Failure(.dtype, "expected whole numbers, got a tensor of bool") }
    return try doubles().map { number in
      guard let whole = Int(exactly: number) else {
        throw Failure(.value, "number \(number) has no integer representation")
      }
      return whole
    }
  }
}

extension Bindings {
  /// After the methods, which a misspelt name is compared with.
  static func addIndexing(_ tensor: inout NativeClass<Variable>) {
    let methods = tensor.pages.map(\.member)
    tensor.index { call, x in
      if let name = try fieldName(call) {
        if name.hasPrefix("_") { return 0 }  // printers and libraries probe for such names
        if let method = pytorchAttributes[name] {
          throw Failure(.index, "a Tensor has no field '\(name)'; use the method \(method)")
        }
        if let op = Op.catalogue.first(where: { $0.isMethod && $0.aliases.contains(name) }) {
          throw Failure(.index, "a Tensor has no field '\(name)'; use \(Page.signature(op))")
        }
        throw Failure(.index, "a Tensor has no field '\(name)'\(Nearest.hint(name, in: methods))")
      }
      let key = try call.value(2)
      // `ipairs` ends at nil. Lua code that indexes beyond the end gets an error.
      if case .integer(let i) = key, let size = x.value.shape.first, i == Int64(size) + 1, call.isFromC {
        return 0
      }
      try call.pushObject(try Indexing.read(x, key))
      return 1
    }
    tensor.newindex { call, x in
      if let name = try fieldName(call) {
        throw Failure(.index, "a Tensor has no field '\(name)' to assign to")
      }
      try Indexing.write(x, call.value(2), try TensorValue.read(call, 3, like: x.value.dtype))
      return 0
    }
  }

  /// Attributes of PyTorch's tensors, and the methods that they are here.
  private static let pytorchAttributes = [
    "shape": "size()", "ndim": "dim()", "T": "t()", "mT": "transpose(-2, -1)", "data": "detach()",
    "nbytes": "storage_bytes()",
  ]

  private static func fieldName(_ call: Call) throws -> String? {
    call.kind(2) == .string ? String(decoding: try call.bytes(2), as: UTF8.self) : nil
  }
}
