/// Reads the numbers that PyTorch gives, and compares an operation with them.
///
/// A file is {"torch": version, "cases": [...]}, made by scripts/golden. One case:
///
///     op     the operation's name
///     in     inputs: null, or {s: shape, d: "f64" "i64" "bool", v: values, view: none, "transpose" or "gap"};
///            values are in logical order, and the view says only how they lie in memory
///     at     attributes as Swift passes them: null, true or false, "text", [integers], {i: integer}, {n: number},
///            {d: dtype}
///     out    outputs {s, d, v} in f64; absent where PyTorch refuses, and then a Failure is expected
///     g      the gradient of each output, or null
///     gin    the gradient of each input, or null
///     out32  the values of each output when floating-point inputs are f32
///     tol    the tolerance in f64 of an operation that computes a part in f32; 1e-10 where absent
///
/// Numbers are JSON numbers or "inf", "-inf", "nan".
import Autograd
import Base
import Foundation
import Tensors
import Testing

struct Golden: Decodable {
  let torch: String
  let cases: [Case]

  struct Case: Decodable {
    let op: String
    let `in`: [Values?]
    let at: [Setting]
    let out: [Values]?
    let g: [[Number]?]?
    let gin: [[Number]?]?
    let out32: [[Number]]?
    let tol: Double?
  }

  struct Values: Decodable {
    let s: [Int]
    let d: String
    let v: [Number]
    let view: String?
  }

  struct Number: Decodable {
    let value: Double

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let number = try? container.decode(Double.self) {
        value = number
        return
      }
      switch try container.decode(String.self) {
      case "inf": value = .infinity
      case "-inf": value = -.infinity
      default: value = .nan
      }
    }
  }

  struct Setting: Decodable {
    let attribute: Attribute

    private struct Tagged: Decodable {
      let i: Int?
      let n: Number?
      let d: String?
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if container.decodeNil() {
        attribute = .none
      } else if let flag = try? container.decode(Bool.self) {
        attribute = .flag(flag)
      } else if let text = try? container.decode(String.self) {
        attribute = .text(text)
      } else if let integers = try? container.decode([Int].self) {
        attribute = .integers(integers)
      } else {
        let tagged = try container.decode(Tagged.self)
        if let i = tagged.i {
          attribute = .integer(i)
        } else if let n = tagged.n {
          attribute = .number(n.value)
        } else {
          attribute = .dtype(DType(rawValue: tagged.d ?? "") ?? .f32)
        }
      }
    }
  }

  /// The file of that name in Tests/Golden.
  static func read(_ name: String) throws -> Golden {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let data = try Data(contentsOf: folder.appendingPathComponent("Golden").appendingPathComponent(name))
    return try JSONDecoder().decode(Golden.self, from: data)
  }
}

extension Golden.Values {
  /// The input as a tensor; floating point as `floating`.
  func tensor(_ floating: DType) throws -> Tensor {
    let shape = Shape(known: s)
    let dtype = d == "f64" ? floating : DType(rawValue: d) ?? floating
    let packed: Tensor
    switch dtype {
    case .f32: packed = try Tensor(v.map { Float($0.value) }, shape: shape)
    case .f64: packed = try Tensor(v.map(\.value), shape: shape)
    case .i64: packed = try Tensor(v.map { Int64(exactly: $0.value) ?? 0 }, shape: shape)
    case .bool: packed = try Tensor(v.map { $0.value != 0 }, shape: shape)
    }
    let last = packed.rank - 1
    switch view {
    case "transpose": return try packed.transposed(0, last).copied().transposed(0, last)
    case "gap":
      var wide = shape
      wide.append(2)
      return try packed.unsqueezed(last + 1).expanded(to: wide).copied().selected(last + 1, 0)
    default: return packed
    }
  }
}

extension Golden {
  /// Runs every case, and records an issue for each that differs: values and gradients in f64 by 1e-10, in f32 by 1e-5,
  /// relative to max(1, |expected|).
  func check() throws {
    var failures: [String: Int] = [:]
    for (number, c) in cases.enumerated() {
      guard let op = Op.catalogue.first(where: { $0.name == c.op }) else {
        Issue.record("no operation is called \(c.op)")
        continue
      }
      for problem in try c.problems(op) {
        // A few of each operation say enough.
        failures[c.op, default: 0] += 1
        if failures[c.op, default: 0] <= 3 {
          Issue.record("\(c.op), case \(number) (torch \(torch)): \(problem)")
        }
      }
    }
  }
}

extension Golden.Case {
  func problems(_ op: Op) throws -> [String] {
    let attributes = at.map(\.attribute)
    let inputs = try `in`.map { try $0.map { Variable(try $0.tensor(.f64), requiresGrad: false) } }
    guard let out else {
      do {
        _ = try op(inputs, attributes)
        return ["expected a refusal"]
      } catch is Failure { return [] }
    }
    do {
      return try values(op, inputs, attributes, out) + gradients(op, attributes, .f64, tol ?? 1e-10)
        + single(op, attributes) + (out32 == nil ? [] : gradients(op, attributes, .f32, 1e-5))
    } catch let failure as Failure { return ["refused: \(failure.message)"] }
  }

  private func values(_ op: Op, _ inputs: [Variable?], _ attributes: [Attribute], _ out: [Golden.Values])
    throws
    -> [String]
  {
    let results = try op(inputs, attributes)
    if results.count != out.count { return ["\(results.count) outputs, expected \(out.count)"] }
    var problems: [String] = []
    for (result, expected) in zip(results, out) {
      if Array(result.value.shape) != expected.s || result.value.dtype.rawValue != expected.d {
        problems.append(
          "\(result.value.dtype.rawValue) \(result.value.shape), expected \(expected.d) \(Shape(known: expected.s))"
        )
      } else if let difference = Self.difference(try result.value.doubles(), expected.v, tol ?? 1e-10) {
        problems.append("value \(difference)")
      }
    }
    return problems
  }

  /// In f32, whose inputs are rounded, against the same exact gradients.
  private func gradients(_ op: Op, _ attributes: [Attribute], _ floating: DType, _ tolerance: Double) throws
    -> [String]
  {
    guard let g, let gin else { return [] }
    // A number among the inputs has no gradient.
    let inputs = try zip(`in`, gin).map { input, expected in
      try input.map { Variable(try $0.tensor(floating), requiresGrad: $0.d == "f64" && expected != nil) }
    }
    for (output, gradient) in zip(try op(inputs, attributes), g) {
      guard let gradient, output.requiresGrad else { continue }
      let weights = try Tensor(gradient.map(\.value), shape: output.value.shape).cast(to: output.value.dtype)
      try output.backward(weights, retainGraph: true)
    }
    var problems: [String] = []
    for (i, expected) in gin.enumerated() {
      guard let expected else { continue }
      let found = try inputs[i]?.grad?.doubles() ?? [Double](repeating: 0, count: expected.count)
      if let difference = Self.difference(found, expected, tolerance) {
        problems.append("\(floating.rawValue) gradient of input \(i + 1) \(difference)")
      }
    }
    return problems
  }

  private func single(_ op: Op, _ attributes: [Attribute]) throws -> [String] {
    guard let out32 else { return [] }
    let inputs = try `in`.map { try $0.map { Variable(try $0.tensor(.f32)) } }
    return try zip(op(inputs, attributes), out32).compactMap { result, expected in
      Self.difference(try result.value.doubles(), expected, 1e-5).map { "f32 value \($0)" }
    }
  }

  private static func difference(_ found: [Double], _ expected: [Golden.Number], _ tolerance: Double)
    -> String?
  {
    if found.count != expected.count { return "has \(found.count) elements, expected \(expected.count)" }
    for (i, (x, y)) in zip(found, expected.map(\.value)).enumerated() {
      if x == y || (x.isNaN && y.isNaN) || abs(x - y) <= tolerance * max(1, abs(y)) { continue }
      return "\(i) is \(x), expected \(y)"
    }
    return nil
  }
}
