/// The weights of a linear map or a table: f32 that may train, or stored blocks that no gradient changes.
import Base
import Tensors

public enum Weight {
  case variable(Variable)
  case stored(StoredMatrix)

  public var shape: Shape {
    switch self {
    case .variable(let variable): return variable.value.shape
    case .stored(let matrix): return matrix.shape
    }
  }

  public var elementCount: Int { shape.elementCount }

  /// The variable itself, or the blocks decoded: then f32 of its own, which takes the time and memory of the whole.
  public func asVariable() throws -> Variable {
    switch self {
    case .variable(let variable): return variable
    case .stored(let matrix): return Variable(try matrix.decoded())
    }
  }

  /// For products of a precision; valid while this weight is alive.
  public func linear(_ precision: Precision) -> LinearWeights {
    switch self {
    case .variable(let variable):
      let (place, shape) = (Floats(variable.value.pointer(Float.self)), variable.value.shape)
      let inputs = shape.count > 1 ? shape[1] : 1
      return LinearWeights(.floats(place, outputs: shape[0], inputs: inputs), precision)
    case .stored(let matrix): return LinearWeights(.stored(matrix), precision)
    }
  }

  /// The same values without history.
  public func detached() -> Weight {
    if case .variable(let variable) = self { return .variable(variable.detached()) }
    return self
  }
}

extension Op {
  /// residual + f(x) weight^T + bias, with f given by `input`; see `linear` of variables. Through stored weights the
  /// gradient goes on to `x`. With `precision` bf16 the operands of the product, and of those of the backward pass, are
  /// rounded to bf16; sums, bias and residual are f32.
  public static func linear(
    _ x: Variable, _ weight: Weight, bias: Variable? = nil, residual: Variable? = nil,
    input: LinearInput = .plain, precision: Precision = .f32
  ) throws -> Variable {
    let (op, own): (Op, Variable?)
    switch weight {
    case .variable(let variable): (op, own) = (precision == .f32 ? linear : linearOfBFloat16, variable)
    case .stored(let matrix): (op, own) = (linear(of: matrix, precision), nil)
    }
    func run(
      _ map: RowTransform.Kind, _ scale: Variable? = nil, _ shift: Variable? = nil, _ epsilon: Double = 0
    ) throws -> Variable {
      try op([x, own, bias, residual, scale, shift], [.text(map.rawValue), .number(epsilon)])[0]
    }
    switch input {
    case .plain: return try run(.none)
    case .gelu: return try run(.gelu)
    case .swiglu: return try run(.swiglu)
    case .geglu: return try run(.geglu)
    case .layerNorm(let weight, let bias, let epsilon): return try run(.layerNorm, weight, bias, epsilon)
    case .rmsNorm(let weight, let epsilon): return try run(.rmsNorm, weight, nil, epsilon)
    }
  }

  /// The rows of `weight` at `ids`, which count from 0.
  public static func embedding(_ weight: Weight, ids: Variable) throws -> Variable {
    switch weight {
    case .variable(let variable): return try embedding(variable, ids: ids)
    case .stored(let matrix):
      let places = try ids.value.checkedIds("id", count: matrix.outputs, argument: 2).contiguous()
      return Variable(
        try matrix.rows(places).reshaped(try Shape(checked: Array(ids.value.shape) + [matrix.inputs])))
    }
  }

  /// The log-probability of each row's id under the softmax of hidden weight^T / temperature; products as in `linear`.
  public static func tokenLogps(
    _ hidden: Variable, weight: Weight, ids: Variable, temperature: Double = 1, softcap: Double = 0,
    precision: Precision = .f32
  ) throws -> Variable {
    let attributes: [Attribute] = [.number(temperature), .number(softcap)]
    switch weight {
    case .variable(let variable):
      let op = precision == .f32 ? tokenLogps : tokenLogpsOfBFloat16
      return try op([hidden, variable, ids], attributes)[0]
    case .stored(let matrix):
      return try tokenLogps(of: matrix, precision)([hidden, nil, ids], attributes)[0]
    }
  }
}
