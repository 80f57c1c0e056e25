/// The affine map, with the residual added and the activation applied in the same pass.
import Autograd
import Base
import Tensors

extension Op {
  public static let linear = Op(
    "linear", group: "models",
    summary: "An affine map of each row, optionally followed by GELU, optionally added to a residual.",
    formula: "y = residual + activation(self weight^T + bias)",
    shapes: "self [..., I], weight [O, I], bias [O] or nil, residual [..., O] or nil; the result is [..., O]",
    source: "GELU in its tanh form: Hendrycks and Gimpel 2016, arXiv:1606.08415, sec. 2",
    parameters: [
      Parameter("self", .tensor, "rows of I elements"),
      Parameter("weight", .tensor, "a row of I weights for each output"),
      Parameter("bias", .optionalTensor, "added to each output"),
      Parameter("residual", .optionalTensor, "added to the result"),
      Parameter("activation", .choice(["none", "gelu"], default: "none"), "applied before the residual"),
    ],
    example: Example("print(T{{1, 2}}:linear(T{{3, 4}}, T{0.5}))", prints: "[[11.5]]\n[Tensor f32 1x1]"),
    forward: { call in
      let plan = try LinearPlan(call.inputs)
      let (x, w) = (try call[0].contiguous(), try call[1].contiguous())
      let bias = try call.inputs[2]?.contiguous()
      let residual = try call.inputs[3]?.contiguous()
      let gelu = call.text(0) == "gelu"
      let y = try Tensor(uninitialized: plan.output, .f32)
      let out = y.pointer(Float.self)
      LinearKernels.startRows(out, bias: bias, residual: gelu ? nil : residual, rows: plan.rows, width: plan.outputs)
      Gemm.run(
        false, true, plan.rows, plan.outputs, plan.inputs, 1, x.pointer(Float.self), plan.inputs,
        w.pointer(Float.self), plan.inputs, 1, out, plan.outputs)
      call.saved = [x, w]
      if !gelu { return [y] }
      let activated = try Tensor(uninitialized: plan.output, .f32)
      LinearKernels.gelu(out, residual, activated.pointer(Float.self), plan.rows * plan.outputs)
      call.saved.append(y)
      return [activated]
    },
    backward: { call, _, gradients in
      guard let incoming = try gradients[0]?.contiguous() else { return [nil, nil, nil, nil] }
      let plan = try LinearPlan(call.inputs)
      let (x, w) = (call.saved[0], call.saved[1])
      var dy = incoming
      if call.saved.count == 3 {
        dy = try Tensor(uninitialized: plan.output, .f32)
        LinearKernels.geluGradient(
          call.saved[2].pointer(Float.self), incoming.pointer(Float.self), dy.pointer(Float.self),
          plan.rows * plan.outputs)
      }
      let g = dy.pointer(Float.self)
      var dx: Tensor?
      if call.needs[0] {
        let made = try Tensor(uninitialized: call[0].shape, .f32)
        Gemm.run(
          false, false, plan.rows, plan.inputs, plan.outputs, 1, g, plan.outputs, w.pointer(Float.self), plan.inputs,
          0, made.pointer(Float.self), plan.inputs)
        dx = made
      }
      var dw: Tensor?
      if call.needs[1] {
        let made = try Tensor(uninitialized: call[1].shape, .f32)
        Gemm.run(
          true, false, plan.outputs, plan.inputs, plan.rows, 1, g, plan.outputs, x.pointer(Float.self), plan.inputs,
          0, made.pointer(Float.self), plan.inputs)
        dw = made
      }
      let db = call.needs[2] ? try LinearKernels.columnSums(g, rows: plan.rows, width: plan.outputs) : nil
      return withExtendedLifetime(dy) { [dx, dw, db, call.needs[3] ? incoming : nil] }
    },
    compose: { inputs, attributes in
      _ = try LinearPlan(inputs.map { $0?.value })
      guard let x = inputs[0], let w = inputs[1] else { return [] }
      var y = try x.matrixTimes(try w.transposed(0, 1))
      if let bias = inputs[2] { y = try y.plus(bias) }
      if attributes[0] == .text("gelu") { y = try Op.gelu([y], [.text("tanh")])[0] }
      if let residual = inputs[3] { y = try y.plus(residual) }
      return [y]
    },
    samples: { random in
      let x = try random.normal([2, 3, 5])
      let w = try random.normal([4, 5])
      let b = try random.normal([4])
      let r = try random.normal([2, 3, 4])
      return [
        Sample([x, w, nil, nil], [.text("none")]), Sample([x, w, b, r], [.text("gelu")]),
        Sample([x, w, b, nil], [.text("gelu")]), Sample([x, w, nil, r], [.text("none")]),
        Sample([try random.normal([0, 5]), w, b, nil], [.text("none")]),
      ]
    },
    refusals: {
      let x = try Tensor(zeros: [2, 3], .f32)
      return [
        Refusal([x, try Tensor(zeros: [4, 5], .f32), nil, nil], [.text("none")], words: "inner sizes differ: 2x3 x 4x5"),
        Refusal(
          [x, try Tensor(zeros: [4, 3], .f32), try Tensor(zeros: [3], .f32), nil], [.text("none")],
          words: "bias of 3 for 4 outputs"),
      ]
    })
}

/// The sizes of a linear map, checked.
private struct LinearPlan {
  let rows: Int
  let inputs: Int
  let outputs: Int
  let output: Shape

  init(_ tensors: [Tensor?]) throws {
    guard let x = tensors[0], let w = tensors[1] else { throw Failure(.argument, "linear needs two tensors") }
    try Op.checkFloats(tensors)
    guard let last = x.shape.last, w.rank == 2, w.shape[1] == last else {
      throw Failure(.shape, "inner sizes differ: \(x.shape) x \(w.shape) transposed", argument: 2)
    }
    inputs = last
    outputs = w.shape[0]
    rows = last == 0 ? x.shape.dropLast().reduce(1, *) : x.elementCount / last
    var shape = x.shape
    shape[x.rank - 1] = outputs
    output = shape
    _ = try output.checkedElementCount()
    if let bias = tensors[2], bias.shape != [outputs] {
      throw Failure(.shape, "bias of \(bias.shape) for \(outputs) outputs", argument: 3)
    }
    if let residual = tensors[3], residual.shape != output {
      throw Failure(.shape, "residual of \(residual.shape) for a result of \(output)", argument: 4)
    }
  }
}
