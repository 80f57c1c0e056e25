/// Gradients in Lua: leaves that require them, the backward pass, and no_grad.
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

  static func addGradients(_ tensor: inout NativeClass<Variable>) {
    tensor.method(
      "requires_grad",
      Page(
        "x:requires_grad()", "Whether operations on x are recorded for a gradient.",
        example: "print(T{1}:requires_grad())",
        prints: "false")
    ) { call, x in
      try call.pushBoolean(x.requiresGrad)
      return 1
    }
    tensor.method(
      "requires_grad_",
      Page(
        "x:requires_grad_(wanted = true)", "Sets whether x requires a gradient. Returns x.",
        errors: "x is not floating-point, or is computed from tensors that require a gradient",
        example: "print(T{1}:requires_grad_():requires_grad())",
        prints: "true")
    ) { call, x in
      try x.setRequiresGrad(call.isNil(2) ? true : call.boolean(2))
      try call.pushArgument(1)
      return 1
    }
    tensor.method(
      "is_leaf",
      Page(
        "x:is_leaf()",
        "Whether x was created directly rather than computed from tensors that require a gradient.",
        example: "print((T({1}, {requires_grad = true}) * 2):is_leaf())",
        prints: "false")
    ) { call, x in
      try call.pushBoolean(x.isLeaf)
      return 1
    }
    tensor.method(
      "grad",
      Page(
        "x:grad()",
        "The gradient accumulated by backward passes, or nil. A tensor returned earlier is not changed by later passes.",
        example: "print(T{1}:grad())",
        prints: "nil")
    ) { call, x in
      if let grad = x.grad { try call.pushObject(Variable(grad)) } else { try call.pushNil() }
      return 1
    }
    tensor.method(
      "zero_grad",
      Page(
        "x:zero_grad()", "Discards the gradient. Returns x.",
        example: "print(T{1}:zero_grad():grad())",
        prints: "nil")
    ) { call, x in
      x.grad = nil
      try call.pushArgument(1)
      return 1
    }
    tensor.method(
      "backward",
      Page(
        "x:backward(gradient, retain_graph = false) or x:backward{options}",
        "Adds the gradient of x to every leaf that requires one. The graph is freed afterwards unless retain_graph is set.",
        options: backwardOptions,
        shapes: "gradient has the shape of x",
        errors:
          "x has more than one element and no gradient is given; the graph was freed; a saved value was modified in place",
        example: """
          w = T({2, 3}, {requires_grad = true})
          loss = (w * w):sum()
          loss:backward()
          print(w:grad())
          """,
        prints: """
          [4, 6]
          [Tensor f32 2]
          """)
    ) { call, x in
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
    tensor.method(
      "detach",
      Page(
        "x:detach()", "A tensor that shares the elements of x and records no operations.",
        example: "print(T({1}, {requires_grad = true}):detach():requires_grad())",
        prints: "false")
    ) { call, x in
      try call.pushObject(x.detached())
      return 1
    }
  }

  static func addModes(_ module: inout NativeModule) {
    module.function(
      "no_grad",
      Page(
        "T.no_grad(f, ...)", "The results of f(...), run without recording operations.",
        example: """
          w = T({2}, {requires_grad = true})
          T.no_grad(function() w:mul_(3) end)
          print(w)
          """,
        prints: """
          [6]
          [Tensor f32 1]
          """)
    ) { call in try withTape(false, call) }
    module.function(
      "enable_grad",
      Page(
        "T.enable_grad(f, ...)", "The results of f(...), with operations recorded even inside T.no_grad.",
        example: "T.no_grad(function() print(T.enable_grad(T.is_grad_enabled)) end)",
        prints: "true")
    ) { call in try withTape(true, call) }
    module.function(
      "gradient_checkpointing",
      Page(
        "T.gradient_checkpointing(f, ...)",
        "The results of f(...), run with activation checkpointing: each layer of a model keeps only its input, and is "
          + "computed again in the backward pass. Losses and gradients have the same bits; a step takes about a third "
          + "longer. The option gradient_checkpointing of the trainers does this for every step.",
        source: "Chen et al. 2016, arXiv:1604.06174, sec. 4",
        example: """
          model = require 'perilune.models'.transformer{vocab = 11, dim = 8, layers = 1, heads = 2, max_length = 16}
          function loss() return -model:logps({{1}}, {{2, 3}}):sum() end
          print(T.gradient_checkpointing(loss):item() == loss():item())
          """,
        prints: "true")
    ) { call in
      let function = try call.function(1)
      return try push(try Tape.checkpointing(true) { try function.call(try arguments(call)) }, call)
    }
    module.function(
      "is_grad_enabled",
      Page(
        "T.is_grad_enabled()", "Whether operations are recorded.",
        example: "print(T.is_grad_enabled())",
        prints: "true")
    ) { call in
      try call.pushBoolean(Tape.isRecording)
      return 1
    }
  }

  private static func withTape(_ on: Bool, _ call: Call) throws -> Int {
    let function = try call.function(1)
    return try push(try Tape.recording(on) { try function.call(try arguments(call)) }, call)
  }

  /// What follows the function among the arguments.
  private static func arguments(_ call: Call) throws -> [LuaValue] {
    try (2..<max(call.count + 1, 2)).map(call.value)
  }

  private static func push(_ results: [LuaValue], _ call: Call) throws -> Int {
    for result in results { try call.push(result) }
    return results.count
  }
}
