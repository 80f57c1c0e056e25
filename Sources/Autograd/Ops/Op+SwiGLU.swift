/// The gated activation of Llama's feed-forward layer.
import Base
import Tensors

extension Op {
  public static let swiglu = Op(
    "swiglu", group: "models",
    summary: "SiLU of the first half of each row, times the second half.",
    formula: "y = silu(a) * b with self = [a, b]",
    shapes: "self [..., 2 H]; the result is [..., H]",
    source: "Shazeer 2020, arXiv:2002.05202, eq. 6",
    parameters: [Parameter("self", .tensor, "gate and value side by side")],
    example: Example("print(T{{0, 5}}:swiglu())", prints: "[[0]]\n[Tensor f32 1x1]"),
    forward: { context in
      let plan = try GatePlan(context[0])
      let x = try context[0].contiguous()
      let y = try Tensor(uninitialized: plan.output, .f32)
      let (from, to, half) = (x.pointer(Float.self), y.pointer(Float.self), plan.half)
      Parallel.ranges(plan.rows, grain: plan.grain) { range in
        for row in range {
          ActivationKernels.gate(from + 2 * row * half, from + (2 * row + 1) * half, to + row * half, half)
        }
      }
      context.saved = [x]
      return [y]
    },
    backward: { context, _, gradients in
      guard let g = try gradients[0]?.contiguous() else { return [nil] }
      let plan = try GatePlan(context[0])
      let x = context.saved[0]
      let dx = try Tensor(uninitialized: x.shape, .f32)
      let (from, up, to, half) = (
        x.pointer(Float.self), g.pointer(Float.self), dx.pointer(Float.self), plan.half
      )
      Parallel.ranges(plan.rows, grain: plan.grain) { range in
        for row in range {
          let (a, b, dy) = (from + 2 * row * half, from + (2 * row + 1) * half, up + row * half)
          let (da, db) = (to + 2 * row * half, to + (2 * row + 1) * half)
          ActivationKernels.gateBoth(a, b, dy, da, da, db, half)
        }
      }
      return [withExtendedLifetime(g) { dx }]
    },
    compose: { inputs, _ in
      guard let x = inputs[0] else { return [] }
      let plan = try GatePlan(x.value)
      let last = x.value.rank - 1
      let gate = try x.narrowed(last, from: 0, length: plan.half)
      let value = try x.narrowed(last, from: plan.half, length: plan.half)
      return [try gate.times(try gate.sigmoid()).times(value)]
    },
    samples: { random in
      [
        Sample([try random.normal([3, 14])]), Sample([try random.normal([2, 2, 16], scale: 3)]),
        Sample([try random.normal([0, 4])]), Sample([try random.normal([2])]),
      ]
    },
    refusals: { [Refusal([try Tensor(zeros: [2, 3], .f32)], words: "even")] })
}

private struct GatePlan {
  let half: Int
  let rows: Int
  let output: Shape
  var grain: Int { max(1, ActivationKernels.grain / max(half, 1)) }

  init(_ x: Tensor) throws {
    try Op.checkFloats([x])
    guard let last = x.shape.last, last % 2 == 0 else {
      throw Failure(.shape, "expected rows of an even size, got a tensor of \(x.shape)", argument: 1)
    }
    half = last / 2
    rows = last == 0 ? 0 : x.elementCount / last
    var shape = x.shape
    shape[x.rank - 1] = half
    output = shape
  }
}
