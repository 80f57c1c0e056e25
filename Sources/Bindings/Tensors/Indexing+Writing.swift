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
      try write(value.value, into: target, parts[...], 0)
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
    // Slices of `value` go with positions where it has that dimension; else each slice gets all of it.
    let taken = rest.reduce(0) { if case .position = $1 { return $0 + 1 } else { return $0 } }
    let own = dimension - (target.rank - taken) + value.rank
    let isSliced = own >= 0 && own < value.rank && value.shape[own] != 1
    if isSliced && value.shape[own] != places.count {
      throw Failure(.shape, "assignment: \(value.shape[own]) slices for \(places.count) positions")
    }
    for (i, place) in places.enumerated() {
      // Kept as a dimension of size 1, so that the parts that follow count the same dimensions.
      let slice = try target.narrowed(dimension, from: place, length: 1)
      let source = isSliced ? try value.narrowed(own, from: i, length: 1) : value
      try write(source, into: slice, rest, dimension + 1)
    }
  }

  /// The elements of `target` with those under the mask replaced: by one number, or in order by as many as there are.
  private static func masked(_ target: Tensor, _ mask: Tensor, _ value: Tensor) throws -> Tensor {
    if mask.shape != target.shape {
      throw Failure(.shape, "a mask of \(mask.shape) does not fit a tensor of \(target.shape)")
    }
    let flags = try mask.elements(Bool.self)
    let count = flags.reduce(0) { $1 ? $0 + 1 : $0 }
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
        if name.hasPrefix("_") { return 0 }  // what printers and libraries probe for
        if let method = pytorchAttributes[name] {
          throw Failure(.index, "a Tensor has no field '\(name)'; use the method \(method)")
        }
        throw Failure(.index, "a Tensor has no field '\(name)'\(Nearest.hint(name, in: methods))")
      }
      try call.pushObject(try Indexing.read(x, call.value(2)))
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

  /// Attributes of PyTorch's tensors that are methods under another name here.
  private static let pytorchAttributes = [
    "shape": "size()", "ndim": "dim()", "T": "t()", "mT": "transpose(-2, -1)", "data": "detach()",
    "nbytes": "storage_bytes()",
  ]

  private static func fieldName(_ call: Call) throws -> String? {
    call.kind(2) == .string ? String(decoding: try call.bytes(2), as: UTF8.self) : nil
  }
}
