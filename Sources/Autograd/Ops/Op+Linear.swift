/// A linear map of transformed rows: norm or activation, matrix product, bias and residual in one operation.
///
/// The transformed rows are computed in pieces just before the product reads them, and again in the backward
/// pass: only the input is saved between the two, which the model needs anyway.
import Base
import Tensors

extension Op {
  public static let linear = Op(
    "linear", group: "models",
    summary:
      "A linear map of each row, after an optional norm or activation, with optional bias and residual.",
    formula: "y = residual + f(self) weight^T + bias; f: none, gelu, swiglu, geglu, layer_norm or rms_norm",
    shapes:
      "self [..., I] (swiglu, geglu: [..., 2 I]), weight [O, I], bias [O] or nil, residual [..., O] or nil, norm_weight and "
      + "norm_bias [I]; the result is [..., O]",
    source:
      "GELU in its tanh form: Hendrycks and Gimpel 2016, arXiv:1606.08415, sec. 2; geglu = gelu(a) b of rows [a, b]: "
      + "Shazeer 2020, arXiv:2002.05202, eq. 6; the others as in swiglu, layer_norm and rms_norm",
    parameters: [
      Parameter("self", .tensor, "rows of I elements"),
      Parameter("weight", .tensor, "a row of I weights for each output"),
      Parameter("bias", .optionalTensor, "added to each output"),
      Parameter("residual", .optionalTensor, "added to the result"),
      Parameter("norm_weight", .optionalTensor, "scale of the normalised elements"),
      Parameter("norm_bias", .optionalTensor, "added to the normalised elements; layer_norm only"),
      Parameter(
        "input", .choice(RowTransform.Kind.allCases.map(\.rawValue), default: "none"),
        "the norm or activation of each row before the product"),
      Parameter("eps", .number(default: 1e-5), "of the norms: added to the variance or mean square"),
    ],
    example: Example("print(T{{1, 2}}:linear(T{{3, 4}}, T{0.5}))", prints: "[[11.5]]\n[Tensor f32 1x1]"),
    forward: { context in [try LinearPlan(context).forward(context)] },
    backward: { context, _, gradients in try LinearPlan(context).backward(context, gradients[0]) },
    compose: { inputs, attributes in
      let plan = try LinearPlan(inputs.map { $0?.value }, attributes)
      guard let x = inputs[0], let w = inputs[1] else { return [] }
      var y = try plan.composedMap(x, inputs[4], inputs[5]).matrixTimes(try w.transposed(0, 1))
      if let bias = inputs[2] { y = try y.plus(bias) }
      if let residual = inputs[3] { y = try y.plus(residual) }
      return [y]
    },
    samples: { random in
      let x = try random.normal([2, 3, 5])
      let w = try random.normal([4, 5])
      let b = try random.normal([4])
      let r = try random.normal([2, 3, 4])
      let (scale, shift) = (try random.normal([5]), try random.normal([5]))
      func with(_ map: String) -> [Attribute] { [.text(map), .number(1e-5)] }
      return [
        Sample([x, w, nil, nil, nil, nil], with("none")), Sample([x, w, b, r, nil, nil], with("gelu")),
        Sample([x, w, b, nil, nil, nil], with("gelu")), Sample([x, w, nil, r, nil, nil], with("none")),
        Sample([try random.normal([2, 3, 10]), w, b, r, nil, nil], with("swiglu")),
        Sample([try random.normal([2, 3, 10]), w, b, nil, nil, nil], with("geglu")),
        Sample([x, w, b, r, scale, shift], with("layer_norm")),
        Sample([x, w, nil, nil, scale, nil], with("rms_norm")),
        Sample([try random.normal([0, 5]), w, b, nil, nil, nil], with("none")),
        Sample([try random.normal([0, 5]), w, b, nil, scale, shift], with("layer_norm")),
        Sample(
          [try random.normal([150, 40]), try random.normal([64, 20]), nil, nil, nil, nil], with("swiglu"),
          checksGradient: false),
        Sample(
          [
            try random.normal([150, 33]), try random.normal([70, 33]), try random.normal([70]), nil,
            try random.normal([33]),
            try random.normal([33]),
          ], with("layer_norm"), checksGradient: false),
      ]
    },
    refusals: {
      let x = try Tensor(zeros: [2, 3], .f32)
      let w = try Tensor(zeros: [4, 3], .f32)
      func with(_ map: String) -> [Attribute] { [.text(map), .number(1e-5)] }
      return [
        Refusal(
          [x, try Tensor(zeros: [4, 5], .f32), nil, nil, nil, nil], with("none"),
          words: "inner sizes differ: 2x3 x 4x5"),
        Refusal(
          [x, w, try Tensor(zeros: [3], .f32), nil, nil, nil], with("none"), words: "bias of 3 for 4 outputs"),
        Refusal([x, w, nil, nil, nil, nil], with("swiglu"), words: "rows of 3, expected 6"),
        Refusal([x, w, nil, nil, nil, nil], with("rms_norm"), words: "rms_norm needs norm_weight"),
        Refusal(
          [x, w, nil, nil, try Tensor(zeros: [3], .f32), nil], with("gelu"),
          words: "norm_weight is not for gelu"),
        Refusal(
          [x, w, nil, nil, try Tensor(zeros: [2], .f32), nil], with("rms_norm"),
          words: "norm_weight of 2 for rows of 3"),
      ]
    })

  /// `linear` with products of bf16, which has no composed form.
  static let linearOfBFloat16 = linear(of: nil, .bf16)

  /// `linear` with products of a precision, of weights that are stored: no tensor is given for them, and they get no
  /// gradient.
  static func linear(of stored: StoredMatrix?, _ precision: Precision) -> Op {
    linear.computed(
      forward: { context in [try LinearPlan(context, stored, precision).forward(context)] },
      backward: { context, _, gradients in
        try LinearPlan(context, stored, precision).backward(context, gradients[0])
      })
  }
}
