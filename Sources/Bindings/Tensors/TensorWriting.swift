/// Changing a tensor in place: `name_` forms of operations, `fill_`, `copy_`, and what assignment by index
/// uses.
///
/// Every change goes through `Variable.mutate`, which refuses to change what the tape needs and counts the
/// write, so that a backward pass notices a saved value that has changed.
import Autograd
import Base
import LuaEngine
import Tensors

extension Bindings {
  static func addInPlaceForm(of op: Op, _ tensor: inout NativeClass<Variable>) {
    tensor.chained(op.name + "_", Page(op), titled: op.name) { call, target in
      let arguments = try OpArguments(op, call)
      let (inputs, attributes) = try arguments.read()
      try target.write(op.name + "_", from: Array(inputs.dropFirst())) {
        let results = try arguments.naming { try op(inputs, attributes) }
        guard results.count == 1 else {
          throw Failure(
            .state, "\(op.name)_: an operation of \(results.count) results has no form in place")
        }
        if results[0].value.shape != target.value.shape {
          throw Failure(
            .shape,
            "\(op.name)_: a result of \(results[0].value.shape) does not fit into \(target.value.shape)")
        }
        return results[0].value
      }
    }
  }

  static func addWriting(_ tensor: inout NativeClass<Variable>) {
    tensor.method(
      "fill_",
      Page(
        "x:fill_(value)", "Sets every element to value. Returns x.",
        errors: "value has more than one element or does not fit the dtype of x",
        example: "print(T{1, 2}:fill_(5))",
        prints: """
          [5, 5]
          [Tensor f32 2]
          """)
    ) { call, x in
      let value = try TensorValue.read(call, 2, like: x.value.dtype)
      if value.value.elementCount != 1 {
        throw call.bad(2, "one number expected, got a tensor of \(value.value.shape)")
      }
      try x.write("fill_", from: [value]) { try value.value.reshaped([]) }
      try call.pushArgument(1)
      return 1
    }
    tensor.method(
      "zero_",
      Page(
        "x:zero_()", "Sets every element to 0. Returns x.",
        example: "print(T{1, 2}:zero_())",
        prints: """
          [0, 0]
          [Tensor f32 2]
          """)
    ) { call, x in
      try x.write("zero_", from: []) { try Tensor(scalar: 0, x.value.dtype) }
      try call.pushArgument(1)
      return 1
    }
    tensor.method(
      "copy_",
      Page(
        "x:copy_(other)",
        "Copies the elements of other into x, with broadcasting and conversion between floating types. Returns x.",
        shapes: "other broadcasts to the shape of x",
        errors: "other does not broadcast to x, or has a dtype that x cannot hold",
        example: "print(T.zeros(2, 2):copy_(T{1, 2}))",
        prints: """
          [[1, 2],
           [1, 2]]
          [Tensor f32 2x2]
          """)
    ) { call, x in
      let other: Variable = try call.object(2)
      try x.write("copy_", from: [other]) { other.value }
      try call.pushArgument(1)
      return 1
    }
    tensor.method(
      "free",
      Page(
        "x:free()",
        "Releases the memory of x now, unless another tensor or a recorded operation uses it. x cannot be used afterwards; `local x <close>` does the same at the end of a block.",
        example: """
          x = T.zeros(1000)
          x:free()
          print((pcall(x.sum, x)))
          """,
        prints: "false")
    ) { call, _ in
      call.closeObject(1)
      return 0
    }
  }
}

extension Variable {
  /// Replaces all elements by the result of `make`. `sources` are the tensors it is computed from. The write
  /// is not recorded, so none of them may require a gradient.
  func write(_ name: String, from sources: [Variable?], _ make: () throws -> Tensor) throws {
    try Self.refuseLostGradient(name, sources)
    try mutate(name) { target in try target.store(try Tape.withoutRecording(make), name) }
  }

  static func refuseLostGradient(_ name: String, _ sources: [Variable?]) throws {
    if Tape.isRecording && sources.contains(where: { $0?.requiresGrad ?? false }) {
      throw Failure(
        .state, "\(name) does not record the gradient of what it writes: detach the value, or use no_grad")
    }
  }
}

extension Tensor {
  /// Copies `source` here; it may broadcast, and is converted if this type can represent it.
  func store(_ source: Tensor, _ name: String) throws {
    if DType.promote(source.dtype, dtype) != dtype && !(source.dtype.isFloating && dtype.isFloating) {
      throw Failure(
        .dtype, "\(name): a tensor of \(dtype.rawValue) cannot hold a result of \(source.dtype.rawValue)")
    }
    for i in 0..<rank where strides[i] == 0 && shape[i] > 1 {
      throw Failure(
        .state, "\(name): dimension \(i + 1) of \(shape) is stretched, so its positions share one element")
    }
    let ready: Tensor
    do {
      ready = try source.cast(to: dtype).expanded(to: shape)
    } catch is Failure {
      throw Failure(.shape, "\(name): a value of \(source.shape) does not fit into \(shape)")
    }
    try Strided.copy(from: ready.overlaps(self) ? try ready.copied() : ready, to: self)
  }
}
