/// Gradients from Lua: marking leaves, the backward pass, and switching the tape off.
import Autograd
import Base
import LuaEngine
import Tensors

extension Bindings {
  private static let backwardOptions = [
    Option(
      "gradient", optional: .any("a Tensor"), "gradient with respect to x", otherwise: "1, for one element"),
    Option("retain_graph", false, "whether a second backward pass through the graph is allowed"),
  ]

  static func addGradients(_ tensor: inout LuaClass<Variable>) {
    tensor.method("requires_grad") { call, x in
      try call.pushBoolean(x.requiresGrad)
      return 1
    }
    // x:requires_grad_() or x:requires_grad_(false); gives x.
    tensor.method("requires_grad_") { call, x in
      try x.setRequiresGrad(call.isNil(2) ? true : call.boolean(2))
      try call.pushArgument(1)
      return 1
    }
    tensor.method("is_leaf") { call, x in
      try call.pushBoolean(x.isLeaf)
      return 1
    }
    // The gradient that backward passes left, or nil. It shares its elements with the stored one.
    tensor.method("grad") { call, x in
      if let grad = x.grad { try call.pushObject(Variable(grad)) } else { try call.pushNil() }
      return 1
    }
    tensor.method("zero_grad") { call, x in
      x.grad = nil
      try call.pushArgument(1)
      return 1
    }
    // loss:backward(), y:backward(gradient), y:backward{gradient = g, retain_graph = true}
    tensor.method("backward") { call, x in
      var gradient: Variable?
      var retainGraph = false
      if call.kind(2) == .table {
        let options = try OptionTable(call, 2, backwardOptions)
        gradient = try options.tensor("gradient")
        retainGraph = try options.flag("retain_graph")
      } else if !call.isNil(2) {
        gradient = try call.object(2)
        retainGraph = call.isNil(3) ? false : try call.boolean(3)
      }
      try x.backward(gradient?.value, retainGraph: retainGraph)
      return 0
    }
    // The same elements without history.
    tensor.method("detach") { call, x in
      try call.pushObject(x.detached())
      return 1
    }
  }

  static func addModes(_ module: inout LuaModule) {
    // T.no_grad(f, ...): the results of f(...), with nothing recorded.
    module.function("no_grad") { call in try withTape(false, call) }
    module.function("enable_grad") { call in try withTape(true, call) }
    module.function("is_grad_enabled") { call in
      try call.pushBoolean(Tape.isRecording)
      return 1
    }
  }

  private static func withTape(_ on: Bool, _ call: Call) throws -> Int {
    let function = try call.function(1)
    let arguments = try (2..<max(call.count + 1, 2)).map(call.value)
    let results = try Tape.recording(on) { try function.call(arguments) }
    for result in results { try call.push(result) }
    return results.count
  }
}
