/// The operations that Swift composes formulas of, as methods with labelled arguments.
///
///     let margin = try chosen.minus(rejected)
///     let loss = try margin.times(beta).apply(.logSigmoid).negated().mean()
import Base
import Tensors

extension Variable {
  /// The result of an operation on this variable, and on another.
  public func apply(_ op: Op) throws -> Variable { try op(self) }
  public func apply(_ op: Op, _ other: Variable) throws -> Variable { try op(self, other) }

  /// The first result of an operation whose first argument is this variable.
  public func apply(_ op: Op, _ others: Variable?..., attributes: [Attribute] = []) throws -> Variable {
    try op([self] + others, attributes)[0]
  }

  /// A number in this variable's type, without dimensions.
  public func constant(_ x: Double) throws -> Variable {
    Variable(try Tensor(scalar: x, value.dtype.isFloating ? value.dtype : .f32))
  }

  public func plus(_ other: Variable) throws -> Variable { try apply(.add, other) }
  public func minus(_ other: Variable) throws -> Variable { try apply(.sub, other) }
  public func times(_ other: Variable) throws -> Variable { try apply(.mul, other) }
  public func dividedBy(_ other: Variable) throws -> Variable { try apply(.div, other) }
  public func plus(_ x: Double) throws -> Variable { try plus(constant(x)) }
  public func minus(_ x: Double) throws -> Variable { try minus(constant(x)) }
  public func times(_ x: Double) throws -> Variable { try times(constant(x)) }
  public func dividedBy(_ x: Double) throws -> Variable { try dividedBy(constant(x)) }
  public func negated() throws -> Variable { try apply(.neg) }
  public func exp() throws -> Variable { try apply(.exp) }
  public func log() throws -> Variable { try apply(.log) }
  public func sqrt() throws -> Variable { try apply(.sqrt) }
  public func square() throws -> Variable { try apply(.square) }
  public func sigmoid() throws -> Variable { try apply(.sigmoid) }
  public func logSigmoid() throws -> Variable { try apply(.logSigmoid) }
  public func tanh() throws -> Variable { try apply(.tanh) }
  public func softmax(_ dimension: Int) throws -> Variable {
    try apply(.softmax, attributes: [.integer(dimension)])
  }
  public func logSoftmax(_ dimension: Int) throws -> Variable {
    try apply(.logSoftmax, attributes: [.integer(dimension)])
  }
  public func maskedFill(_ mask: Variable, _ x: Double) throws -> Variable {
    try apply(.maskedFill, mask, attributes: [.number(x)])
  }
  public func maskedSelected(_ mask: Variable) throws -> Variable { try apply(.maskedSelect, mask) }
  public func maximum(_ other: Variable) throws -> Variable { try apply(.maximum, other) }
  public func minimum(_ other: Variable) throws -> Variable { try apply(.minimum, other) }
  public func gelu(tanh: Bool) throws -> Variable {
    try apply(.gelu, attributes: [.text(tanh ? "tanh" : "none")])
  }
  public func cast(to dtype: DType) throws -> Variable { try apply(.to, attributes: [.dtype(dtype)]) }

  /// Over all elements.
  public func sum() throws -> Variable { try apply(.sum, attributes: [.integers([])]) }
  public func mean() throws -> Variable { try apply(.mean, attributes: [.integers([])]) }
  /// Over one dimension, which is kept with size 1 if `keeping`.
  public func sum(_ dimension: Int, keeping: Bool = true) throws -> Variable {
    try apply(.sum, attributes: [.integers([dimension]), .flag(keeping)])
  }
  public func mean(_ dimension: Int, keeping: Bool = true) throws -> Variable {
    try apply(.mean, attributes: [.integers([dimension]), .flag(keeping)])
  }

  public func logSumExp(_ dimension: Int, keeping: Bool = true) throws -> Variable {
    try apply(.logsumexp, attributes: [.integers([dimension]), .flag(keeping)])
  }

  public func matrixTimes(_ other: Variable) throws -> Variable { try apply(.matmul, other) }
  public func transposed(_ a: Int, _ b: Int) throws -> Variable {
    try apply(.transpose, attributes: [.integer(a), .integer(b)])
  }
  public func narrowed(_ dimension: Int, from start: Int, length: Int) throws -> Variable {
    try apply(.narrow, attributes: [.integer(dimension), .integer(start), .integer(length)])
  }
  public func selected(_ dimension: Int, _ position: Int) throws -> Variable {
    let isValid = value.shape.indices.contains(dimension) && (0..<value.shape[dimension]).contains(position)
    if isValid && Op.select.isPlain(self) { return Variable(try value.selected(dimension, position)) }
    return try apply(.select, attributes: [.integer(dimension), .integer(position)])
  }
  /// `positions` count from 1, as in Lua.
  public func indexSelected(_ dimension: Int, _ positions: Variable) throws -> Variable {
    try apply(.indexSelect, positions, attributes: [.integer(dimension)])
  }
  public func unsqueezed(_ dimension: Int) throws -> Variable {
    try apply(.unsqueeze, attributes: [.integer(dimension)])
  }
  public func reshaped(_ sizes: [Int]) throws -> Variable {
    try apply(.reshape, attributes: [.integers(sizes)])
  }
  /// For each id, counted from 0, its element of the last dimension.
  public func gatheredIds(_ ids: Variable) throws -> Variable { try apply(.gatherId, ids) }
  public static func concatenated(_ parts: [Variable], _ dimension: Int) throws -> Variable {
    try Op.cat(parts, [.integer(dimension)])[0]
  }
}
