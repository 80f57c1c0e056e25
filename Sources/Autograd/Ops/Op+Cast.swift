/// Conversion between element types, with the gradient converted back.
import Base
import Tensors

extension Op {
  static let casting: [Op] = [to]

  public static let to = Op(
    "to", group: "views",
    summary: "The same values as another element type; self if the type is the same.",
    formula: "result = self, rounded to the type; fractions are cut off for i64, and what is not 0 is true",
    shapes: "self [...]; the result has the shape of self",
    parameters: [
      Parameter("self", .tensor, "the tensor"),
      Parameter("dtype", .dtype(default: nil), "the element type wanted"),
    ],
    example: Example("print(T{1.5, -2}:to(\"i64\"))", prints: "[1, -2]\n[Tensor i64 2]"),
    forward: { context in
      guard let dtype = context.dtype("dtype") else {
        throw Failure(.dtype, "expected the name of an element type", argument: 2)
      }
      return [try context[0].cast(to: dtype)]
    },
    backward: { context, _, gradients in [try gradients[0]?.cast(to: context[0].dtype)] },
    samples: { random in
      [
        Sample([try random.normal([2, 3])], [.dtype(.f64)]),
        Sample([try random.normal([2, 3])], [.dtype(.f32)], checksGradient: false),
        Sample([try random.integers([3], -2..<3)], [.dtype(.f32)]),
        Sample([try random.normal([3])], [.dtype(.bool)], checksGradient: false),
        Sample([try random.normal([0])], [.dtype(.f64)]),
      ]
    },
    refusals: {
      [
        Refusal([try Tensor([Float.nan], shape: [1])], [.dtype(.i64)], words: "no integer representation"),
        Refusal([try Tensor(zeros: [1], .f32)], [.none], words: "expected the name of an element type"),
      ]
    })
}
