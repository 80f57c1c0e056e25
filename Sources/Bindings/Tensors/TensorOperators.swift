/// The operators of Lua on tensors: `+ - * / // % ^` and unary minus.
import Autograd
import Base
import LuaEngine
import Tensors

extension Bindings {
  /// Metamethod and operation, under the first of the names that the catalogue has.
  private static let operators: [(metamethod: String, names: [String])] = [
    ("__add", ["add"]), ("__sub", ["sub"]), ("__mul", ["mul"]), ("__div", ["div"]),
    ("__idiv", ["floor_divide", "floor_div", "floordiv", "idiv"]), ("__mod", ["remainder", "mod"]),
    ("__pow", ["pow"]),
  ]

  static func addOperators(_ tensor: inout NativeClass<Variable>) {
    for (metamethod, names) in operators {
      guard let op = names.lazy.compactMap({ Op.byName[$0] }).first else { continue }
      tensor.metamethod(metamethod) { call in try OpCall.run(op, call) }
    }
    // Lua would turn what these give into one boolean.
    for (metamethod, hint) in [
      ("__lt", "lt(y) for x < y, gt(y) for x > y"), ("__le", "le(y) for x <= y, ge(y) for x >= y"),
    ] {
      tensor.metamethod(metamethod) { _ in
        throw Failure(.dtype, "tensors are compared by methods, which give a tensor of booleans: x:\(hint)")
      }
    }
    if let neg = Op.byName["neg"] {
      tensor.metamethod("__unm") { call in
        // Lua passes the operand twice.
        try call.pushObject(try neg([try call.object(1, as: Variable.self)])[0])
        return 1
      }
    }
  }
}
