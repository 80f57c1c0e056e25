/// The operators of Lua on tensors: `+ - * / // % ^` and unary minus.
import Autograd
import Base
import LuaEngine
import Tensors

extension Bindings {
  static func addOperators(_ tensor: inout NativeClass<Variable>) {
    for op in Op.catalogue {
      guard let metamethod = op.metamethod else { continue }
      if op.parameters.count == 1 {
        tensor.metamethod(metamethod) { call in
          // Lua passes the operand of a unary operator twice.
          try call.pushObject(try op(try call.object(1, as: Variable.self)))
          return 1
        }
      } else {
        tensor.metamethod(metamethod) { call in try OpArguments.run(op, call) }
      }
    }
    // Lua converts the result of a comparison to one boolean.
    for (metamethod, hint) in [
      ("__lt", "lt(y) for x < y, gt(y) for x > y"), ("__le", "le(y) for x <= y, ge(y) for x >= y"),
    ] {
      tensor.metamethod(metamethod) { _ in
        throw Failure(.dtype, "tensors are compared by methods, which give a tensor of booleans: x:\(hint)")
      }
    }
  }
}
