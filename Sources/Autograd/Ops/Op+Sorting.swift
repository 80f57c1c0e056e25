/// Order: sorting, the largest elements, distinct values and counts.
import Base
import Tensors

extension Op {
  static let sorting: [Op] = [sort, argsort, topk, unique, searchsorted, bincount, histc]

  private static let line = Parameter(
    "dim", .dimension(default: -1, optional: false), "the dimension along which to sort; the last by default")
  private static let descending = Parameter("descending", .flag(default: false), "largest first")

  /// Positions from 0 as positions from 1.
  private static func fromOne(_ positions: Tensor) throws -> Tensor {
    let result = try Tensor(uninitialized: positions.shape, .i64)
    try Strided.map(positions, result) { (x: Int64) in x + 1 }
    return result
  }

  /// A scalar is sorted as a line of one element.
  private static func lines(_ context: OpContext) throws -> (Tensor, Int) {
    let own = context[0].rank == 0 ? try context[0].reshaped([1]) : context[0]
    return (own, try context.dimension("dim", rank: own.rank))
  }

  private static func ranked(_ context: OpContext, keeping count: Int?, descending: Bool)
    throws
    -> [Tensor]
  {
    let (own, dimension) = try lines(context)
    let (values, positions) = try own.ranked(
      dimension, keeping: count ?? own.shape[dimension], descending: descending)
    if context.needs[0] { context.saved = [positions] }
    let shape = context[0].rank == 0 && values.elementCount == 1 ? Shape() : values.shape
    return [try values.reshaped(shape), try fromOne(positions).reshaped(shape)]
  }

  /// The gradient of each value, at its original position.
  private static func unranked(_ context: OpContext, _ gradient: Tensor?) throws -> [Tensor?] {
    guard let gradient, context.needs[0] else { return [nil] }
    let (own, dimension) = try lines(context)
    let result = try Tensor(zeros: own.shape, gradient.dtype)
    let positions = context.saved[0]
    try result.scatter(dimension, positions, from: try gradient.reshaped(positions.shape))
    return [try result.reshaped(context[0].shape)]
  }

  public static let sort = Op(
    "sort", group: "sorting",
    summary: "The values of each line in order, and their positions. Stable; NaN is greater than everything.",
    formula: "values[i] = self[positions[i]], values[1] ≤ values[2] ≤ ...",
    shapes: "self [..., d, ...]; values and positions (i64, from 1) have the same shape",
    parameters: [own, line, descending],
    example: Example("print((T{3, 1, 2}:sort()))", prints: "[1, 2, 3]\n[Tensor f32 3]"),
    forward: { context in try ranked(context, keeping: nil, descending: context.flag("descending")) },
    backward: { context, _, gradients in try unranked(context, gradients[0]) },
    samples: { random in
      [
        Sample([try random.distinct([3, 5])], [.integer(-1), .flag(false)]),
        Sample([try random.distinct([60, 2])], [.integer(0), .flag(true)]),
        Sample([try random.distinct([4, 3]).transposed(0, 1)], [.integer(1), .flag(true)]),
        Sample([try random.distinct([0, 2])], [.integer(0), .flag(false)]),
        Sample([try random.distinct([])], [.integer(-1), .flag(false)]),
        Sample([try random.integers([3, 4], 0..<3)], [.integer(-1), .flag(false)]),
        Sample([try random.flags([5])], [.integer(-1), .flag(true)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2], .f32)], [.integer(1), .flag(false)], words: "dimension 2 is out of range")
      ]
    })

  public static let argsort = Op(
    "argsort", group: "sorting",
    summary: "The positions that sort each line. Stable; NaN is greater than everything.",
    formula: "self[result[1]] ≤ self[result[2]] ≤ ...",
    shapes: "self [..., d, ...]; the result (i64, from 1) has the same shape",
    parameters: [own, line, descending],
    example: Example("print(T{3, 1, 2}:argsort())", prints: "[2, 3, 1]\n[Tensor i64 3]"),
    forward: { context in [try ranked(context, keeping: nil, descending: context.flag("descending"))[1]] },
    samples: { random in
      [
        Sample([try random.distinct([3, 5])], [.integer(-1), .flag(false)]),
        Sample([try random.integers([4, 3], 0..<3).transposed(0, 1)], [.integer(1), .flag(true)]),
        Sample([try random.distinct([0])], [.integer(0), .flag(false)]),
        Sample([try random.distinct([1])], [.integer(0), .flag(false)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2], .f32)], [.integer(1), .flag(false)], words: "dimension 2 is out of range")
      ]
    })

  public static let topk = Op(
    "topk", group: "sorting",
    summary:
      "The k largest (or smallest) values of each line, in order, and their positions. Ties are in order of position.",
    formula: "values[1] ≥ values[2] ≥ ... ≥ values[k] ≥ all others",
    shapes: "self [..., d, ...]; values and positions (i64, from 1) are [..., k, ...]",
    parameters: [
      own, Parameter("k", .integer(default: nil), "how many, at most the size of the dimension"), line,
      Parameter("largest", .flag(default: true), "false means the smallest"),
    ],
    example: Example("print((T{3, 1, 2}:topk(2)))", prints: "[3, 2]\n[Tensor f32 2]"),
    forward: { context in
      let (own, dimension) = try lines(context)
      let k = try context.required("k")
      if k < 0 || k > own.shape[dimension] {
        throw Failure(
          .value, "k = \(k) is out of range for a dimension of size \(own.shape[dimension])", argument: 2)
      }
      return try ranked(context, keeping: k, descending: context.flag("largest"))
    },
    backward: { context, _, gradients in try unranked(context, gradients[0]) },
    samples: { random in
      [
        Sample([try random.distinct([3, 5])], [.integer(2), .integer(-1), .flag(true)]),
        Sample([try random.distinct([50, 2])], [.integer(3), .integer(0), .flag(false)]),
        Sample([try random.distinct([4, 3]).transposed(0, 1)], [.integer(4), .integer(1), .flag(true)]),
        Sample([try random.distinct([3])], [.integer(0), .integer(0), .flag(true)]),
        Sample([try random.distinct([])], [.integer(1), .integer(0), .flag(true)]),
        Sample([try random.distinct([0, 3])], [.integer(1), .integer(1), .flag(true)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [3], .f32)], [.integer(4), .integer(-1), .flag(true)],
          words: "k = 4 is out of range for a dimension of size 3"),
        Refusal(
          [try Tensor(zeros: [3], .f32)], [.integer(-1), .integer(-1), .flag(true)],
          words: "k = -1 is out of range"),
      ]
    })

  public static let unique = Op(
    "unique", group: "sorting",
    summary:
      "The distinct values in ascending order, the position of each element among them, and their counts.",
    formula: "self[i] = values[inverse[i]]; counts[v] = number of i with inverse[i] = v",
    shapes:
      "self [...]; values and counts (i64) are [number of distinct values], inverse (i64, from 1) has self's shape",
    parameters: [own],
    example: Example("print((T{3, 1, 3}:unique()))", prints: "[1, 3]\n[Tensor f32 2]"),
    forward: { context in
      let count = context[0].elementCount
      let (sorted, positions) = try context[0].reshaped([count]).sorted(0, descending: false)
      let places = positions.pointer(Int64.self)
      let fresh = try Tensor(uninitialized: [count], .bool)
      let starts = fresh.pointer(Bool.self)
      try markFirsts(sorted, starts)
      let firsts = try fresh.placesOfTrue()
      let inverse = try Tensor(uninitialized: [count], .i64)
      let counts = try Tensor(zeros: firsts.shape, .i64)
      let (to, tally) = (inverse.pointer(Int64.self), counts.pointer(Int64.self))
      try withExtendedLifetime((positions, fresh, inverse, counts)) {
        var value = 0
        try Parallel.inOrder(count) {
          for i in $0 {
            if starts[i] { value += 1 }
            to[Int(places[i])] = Int64(value)
            tally[value - 1] += 1
          }
        }
      }
      return [try sorted.slices(0, firsts), try inverse.reshaped(context[0].shape), counts]
    },
    samples: { random in
      [
        Sample([try random.integers([3, 4], 0..<5)]),
        Sample([try random.integers([4, 3], -2..<2).cast(to: .f64).transposed(0, 1)]),
        Sample([try random.flags([5])]), Sample([try random.normal([0])]), Sample([try random.normal([])]),
      ]
    })

  /// True where a sorted value differs from the previous one. Every NaN is a separate value, as it equals
  /// none.
  private static func markFirsts(_ sorted: Tensor, _ starts: UnsafeMutablePointer<Bool>) throws {
    func mark<T: TensorScalar & Equatable>(_ type: T.Type) throws {
      let values = sorted.pointer(T.self)
      try Parallel.inOrder(sorted.elementCount) {
        for i in $0 { starts[i] = i == 0 || values[i] != values[i - 1] }
      }
    }
    switch sorted.dtype {
    case .f32: try mark(Float.self)
    case .f64: try mark(Double.self)
    case .i64: try mark(Int64.self)
    case .bool: try mark(Bool.self)
    }
  }

  public static let searchsorted = Op(
    "searchsorted", group: "sorting",
    summary: "The position at which each value can be inserted into a sorted line, by bisection.",
    formula: "result = 1 + number of elements of self less than the value (or equal to it, where right)",
    shapes:
      "self [d] with values [...], or self [..., d] with values [..., n]; the result (i64, from 1) has values' shape",
    parameters: [
      Parameter("self", .tensor, "sorted in ascending order along the last dimension"),
      Parameter("values", .operand, "what to look up"),
      Parameter("right", .flag(default: false), "insert after equal elements"),
    ],
    example: Example("print(T{1, 3, 5}:searchsorted(T{3, 4, 9}))", prints: "[2, 3, 4]\n[Tensor i64 3]"),
    forward: { context in
      let (own, values) = (context[0], context[1])
      if own.rank == 0 { throw Failure(.shape, "expected at least one dimension, got a scalar", argument: 1) }
      if own.rank > 1
        && (values.rank != own.rank || Array(own.shape.dropLast()) != Array(values.shape.dropLast()))
      {
        throw Failure(.shape, "values of \(values.shape) do not fit lines of \(own.shape)", argument: 2)
      }
      return [try fromOne(try own.insertionPlaces(values, right: context.flag("right")))]
    },
    samples: { random in
      [
        Sample(
          [try random.distinct([6]).sorted(0, descending: false).values, try random.normal([2, 3])],
          [.flag(false)]),
        Sample(
          [
            try random.integers([2, 4], 0..<4).sorted(1, descending: false).values,
            try random.integers([3, 2], 0..<5).transposed(0, 1),
          ], [.flag(true)]),
        Sample([try random.normal([0]), try random.normal([2])], [.flag(false)]),
        Sample([try random.normal([1]), try random.normal([])], [.flag(false)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 3], .f32), try Tensor(zeros: [3], .f32)], [.flag(false)],
          words: "values of 3 do not fit lines of 2x3"),
        Refusal(
          [try Tensor(zeros: [], .f32), try Tensor(zeros: [3], .f32)], [.flag(false)], words: "got a scalar"),
      ]
    })

  public static let bincount = Op(
    "bincount", group: "sorting",
    summary: "How often each id, counted from 0, occurs, or the sum of its weights.",
    formula: "result[id + 1] = number of i with self[i] = id, or Σ weights[i] over them",
    shapes:
      "self [n] of ids, weights [n]; the result is [max(largest id + 1, minlength)] of i64, or f64 with weights",
    parameters: [
      Parameter("self", .tensor, "ids from 0"), Parameter("weights", .optionalTensor, "one for each id"),
      Parameter("minlength", .integer(default: 0), "the least length of the result"),
    ],
    example: Example("print(T{0, 2, 2}:bincount())", prints: "[1, 0, 2]\n[Tensor i64 3]"),
    forward: { context in
      if context[0].rank != 1 {
        throw Failure(.shape, "expected one dimension, got \(context[0].shape)", argument: 1)
      }
      let least = try context.required("minlength")
      if least < 0 { throw Failure(.value, "negative minlength \(least)", argument: 3) }
      let ids = try context[0].checkedIds("class", count: Int.max, argument: 1)
      let from = ids.pointer(Int64.self)
      var size = least
      try Parallel.inOrder(ids.elementCount) {
        for i in $0 { size = max(size, try Checked.plus(Int(from[i]), 1, "counts")) }
      }
      let shape = try Shape(checked: [size])
      guard let weights = context.inputs[1] else {
        let result = try Tensor(zeros: shape, .i64)
        let to = result.pointer(Int64.self)
        try withExtendedLifetime(ids) {
          try Parallel.inOrder(ids.elementCount) { for i in $0 { to[Int(from[i])] += 1 } }
        }
        return [result]
      }
      if weights.shape != ids.shape {
        throw Failure(.shape, "expected weights of \(ids.shape), got \(weights.shape)", argument: 2)
      }
      let result = try Tensor(zeros: shape, .f64)
      try result.scatterAdd(0, ids, from: try weights.cast(to: .f64))
      return [result]
    },
    samples: { random in
      [
        Sample([try random.integers([7], 0..<4), nil], [.integer(0)]),
        Sample([try random.integers([7], 0..<4), try random.normal([7])], [.integer(6)]),
        Sample([try random.integers([3, 2], 0..<4).selected(1, 0), nil], [.integer(0)]),
        Sample([try random.integers([0], 0..<4), nil], [.integer(2)]),
      ]
    },
    refusals: {
      [
        Refusal([try positions([-1]), nil], [.integer(0)], words: "class -1 at [1] is not a class id"),
        Refusal([try positions([1]), nil], [.integer(-1)], words: "negative minlength -1"),
        Refusal([try positions([1 << 60]), nil], [.integer(0)], words: "limit"),
        Refusal(
          [try positions([1]), try Tensor(zeros: [2], .f32)], [.integer(0)],
          words: "expected weights of 1, got 2"),
      ]
    })

  public static let histc = Op(
    "histc", group: "sorting",
    summary:
      "The number of elements in each of equal intervals; the last includes its end, elements outside are ignored.",
    formula:
      "result[b] = number of i with e[b] ≤ self[i] < e[b + 1] (≤ for the last b), e[b] = min + (b − 1) (max − min) / bins",
    shapes: "self [...]; the result is [bins] of self's type",
    parameters: [
      own, Parameter("bins", .integer(default: 100), "the number of intervals"),
      Parameter("min", .number(default: 0), "the start of the first interval"),
      Parameter(
        "max", .number(default: 0), "the end of the last interval; min = max means the range of the data"),
    ],
    example: Example("print(T{1, 2, 2, 3}:histc(2, 1, 3))", prints: "[1, 3]\n[Tensor f32 2]"),
    forward: { context in
      let bins = try context.required("bins")
      var (low, high) = (context.number("min") ?? 0, context.number("max") ?? 0)
      if bins < 1 { throw Failure(.value, "expected at least 1 bin, got \(bins)", argument: 2) }
      if !context[0].dtype.isFloating {
        throw Failure(.dtype, "expected f32 or f64, got \(context[0].dtype.rawValue)", argument: 1)
      }
      let shape = try Shape(checked: [bins])
      let packed = try context[0].cast(to: .f64).contiguous()
      let values = UnsafeBufferPointer(start: packed.pointer(Double.self), count: packed.elementCount)
      if low == high, let least = values.min(), let most = values.max() { (low, high) = (least, most) }
      if !low.isFinite || !high.isFinite || low > high {
        throw Failure(.value, "no intervals from \(low) to \(high)", argument: 3)
      }
      if low == high {
        let spread = 1 + low.magnitude * 0x1p-20
        (low, high) = (low - spread, high + spread)
      }
      if !(high - low).isFinite {
        throw Failure(.value, "intervals from \(low) to \(high) are too wide", argument: 3)
      }
      let result = try Tensor(zeros: shape, .f64)
      let to = result.pointer(Double.self)
      let edges = Intervals(low, high, count: bins, rounded: context[0].dtype)
      try Parallel.inOrder(values.count) {
        for i in $0 { if let bin = edges.index(of: values[i]) { to[bin] += 1 } }
      }
      withExtendedLifetime(packed) {}
      return [try result.cast(to: context[0].dtype)]
    },
    samples: { random in
      [
        Sample([try random.normal([3, 5])], [.integer(4), .number(-1), .number(1)]),
        Sample([try random.normal([5, 3]).transposed(0, 1)], [.integer(3), .number(0), .number(0)]),
        Sample([try random.normal([0])], [.integer(2), .number(0), .number(0)]),
        Sample([try random.normal([1])], [.integer(2), .number(0), .number(0)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2], .f32)], [.integer(0), .number(0), .number(1)],
          words: "at least 1 bin, got 0"),
        Refusal(
          [try Tensor(zeros: [2], .f32)], [.integer(2), .number(1), .number(0)],
          words: "no intervals from 1.0 to 0.0"),
        Refusal(
          [try positions([1])], [.integer(2), .number(0), .number(1)], words: "expected f32 or f64, got i64"),
      ]
    })
}
