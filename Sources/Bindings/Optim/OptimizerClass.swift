/// The class `Optimizer` of Lua: steps, and the state that a saved run needs.
import Autograd
import Base
import LuaEngine
import Models
import Optim
import Tensors
import Weights

enum OptimizerClass {
  static func declaration() -> NativeClass<Optimizer> {
    var optimizer = NativeClass<Optimizer>("Optimizer", group: "optim")
    optimizer.method(
      "step",
      Page(
        "optimizer:step{options}",
        "Updates each parameter that has a gradient. Gradients are not reset: see optimizer:zero_grad().",
        options: stepOptions,
        errors:
          "a gradient is NaN or infinite (nothing changes); a parameter is NaN or infinite after the step",
        example: start + "w:sum():backward()\nadam:step{lr = 1}\nprint(('%.2f'):format(w[2]:item()))",
        prints: "1.00"), optionsAt: 2
    ) { _, optimizer, options in
      let lr = try options.number(ifGiven: "lr")
      try Op.observed("\(optimizer.name) step") { try optimizer.update(lr: lr) }
      return 0
    }
    optimizer.method(
      "zero_grad",
      Page(
        "optimizer:zero_grad()", "Discards the gradients of the parameters.",
        example: start + "w:sum():backward()\nadam:zero_grad()\nprint(w:grad())", prints: "nil")
    ) { _, optimizer in
      optimizer.zeroGrad()
      return 0
    }
    optimizer.method(
      "steps",
      Page(
        "optimizer:steps()", "The number of steps taken.",
        example: start + "adam:step()\nprint(adam:steps())", prints: "1")
    ) { call, optimizer in
      try call.pushInteger(optimizer.step)
      return 1
    }
    optimizer.method(
      "name",
      Page(
        "optimizer:name()", "The name of the update rule.", example: start + "print(adam:name())",
        prints: "adamw")
    ) { call, optimizer in
      try call.pushString(optimizer.name)
      return 1
    }
    optimizer.method(
      "parameters",
      Page(
        "optimizer:parameters() -> list of Tensors",
        "The tensors that the optimizer trains, in the order given, without frozen and repeated ones.",
        example: start + "print(#adam:parameters(), adam:parameters()[1] == w)", prints: "1\ttrue")
    ) { call, optimizer in
      try call.push(.list(optimizer.parameters.map { .object($0) }))
      return 1
    }
    optimizer.method(
      "exception",
      Page(
        "optimizer:exception()",
        "The first parameter that holds NaN or infinity, in words: its number, name and shape, and the place of the element. Nil "
          + "where all are finite.",
        example: start
          + "print(adam:exception(), optim.adamw {T({1, 0 / 0}, {requires_grad = true})}:exception())",
        prints: "nil\tparameter 1 (2) is nan at [2] (1 of 2 elements)")
    ) { call, optimizer in
      try call.push(try optimizer.exception().map { .string($0) } ?? .nil)
      return 1
    }
    optimizer.method(
      "state",
      Page(
        "optimizer:state() -> {optimizer, steps, tensors}",
        "A copy of the state: the name of the update rule, the number of steps and the tensors by their "
          + "names in PyTorch; \"exp_avg.1\" belongs to parameter 1.",
        example: start
          + "w:sum():backward()\nadam:step()\nprint(adam:state().steps, adam:state().tensors['exp_avg.1'])",
        prints: "1\t[0.1, 0.1]\n[Tensor f32 2]"), state)
    optimizer.method(
      "restore",
      Page(
        "optimizer:restore(state)",
        "Sets the state to one returned by optimizer:state(). From equal weights and gradients the same "
          + "steps follow, bit for bit.",
        errors: "the state belongs to another update rule or to parameters of other shapes (nothing changes)",
        example: start + "state = adam:state()\nadam:step()\nadam:restore(state)\nprint(adam:steps())",
        prints: "0"), restore)
    optimizer.method(
      "save",
      Page(
        "optimizer:save(path, model = nil)",
        "Writes the state as a safetensors file for optimizer:load; with a model, also the parameters that "
          + "are not the model's. The file is written atomically.", errors: "the file cannot be written",
        example: start
          + "path = os.tmpname()\nadam:step()\nadam:save(path)\nother = optim.adamw {w}\nother:load(path)\n"
          + "print(other:steps())\nos.remove(path)", prints: "1"), save)
    optimizer.method(
      "load",
      Page(
        "optimizer:load(path)",
        "Sets the state, and the parameters in the file, to those written by optimizer:save.",
        errors:
          "the file cannot be read or is damaged; the state belongs to another update rule or to other shapes",
        example: start + "print((pcall(adam.load, adam, '/no/such/file')))", prints: "false"), load)
    optimizer.metamethod("__tostring") { call in
      let optimizer = try call.object(1, as: Optimizer.self)
      let counts = "\(optimizer.parameters.count) parameters, \(optimizer.step) steps"
      try call.pushString("[Optimizer \(optimizer.name): \(counts)]")
      return 1
    }
    return optimizer
  }

  private static func state(_ call: Call, _ optimizer: Optimizer) throws -> Int {
    let tensors = try optimizer.state.map { ($0.name, LuaValue.object(Variable(try $0.values.copied()))) }
    try call.push(
      .record([
        ("optimizer", .string(optimizer.name)), ("steps", .int(optimizer.step)),
        ("tensors", .record(tensors)),
      ]))
    return 1
  }

  private static func restore(_ call: Call, _ optimizer: Optimizer) throws -> Int {
    let table = try call.table(2)
    try checkName(try table.get("optimizer").asString ?? "nothing", optimizer)
    guard let steps = try table.get("steps").asInteger else {
      throw call.bad(2, "the state has no whole number 'steps'")
    }
    guard let tensors = try table.get("tensors").asTable else {
      throw call.bad(2, "the state has no table 'tensors'")
    }
    let named = try tensors.tensorsByName { call.bad(2, "the state's tensors must be \($0)") }
    try optimizer.restore(step: steps, state: named)
    return 0
  }

  private static let format = "perilune-optimizer-1"

  private static func save(_ call: Call, _ optimizer: Optimizer) throws -> Int {
    let state = optimizer.state
    var tensors = state.compactMap { name, values -> (name: String, tensor: Tensor)? in
      if case .full(let tensor) = values { (name, tensor) } else { nil }
    }
    let halves = state.compactMap { name, values -> (name: String, values: BFloat16Tensor)? in
      if case .half(let half) = values { (name, half) } else { nil }
    }
    if !call.isNil(3) {
      let model = try call.object(3, as: Transformer.self)
      let saved = Set(model.parameters.map { ObjectIdentifier($0.value) })
      for (i, parameter) in optimizer.parameters.enumerated()
      where !saved.contains(ObjectIdentifier(parameter)) {
        tensors.append((parameterName(i), parameter.value))
      }
    }
    // Of the numbers that reading gives: those of bfloat16 as f32.
    let hash = try ContentHash.of(names: tensors.map(\.name) + halves.map(\.name)) { place in
      place < tensors.count ? tensors[place].tensor : try halves[place - tensors.count].values.widened()
    }
    let metadata = [
      "format": format, "optimizer": optimizer.name, "steps": "\(optimizer.step)", "hash": hash,
    ]
    try Safetensors(tensors, halves: halves, metadata: metadata).write(to: try call.string(2))
    return 0
  }

  private static func parameterName(_ i: Int) -> String { "parameter.\(i + 1)" }

  private static func load(_ call: Call, _ optimizer: Optimizer) throws -> Int {
    let path = try call.string(2)
    let file = try Safetensors.read(path)
    if file.metadata["format"] != format {
      throw Failure(.format, "\(path): not the state of an optimizer saved by this version (\(format))")
    }
    if try ContentHash.of(tensors: file.tensors.map { ($0.name, $0.tensor) }) != file.metadata["hash"] {
      throw Failure(
        .format, "\(path): the file is damaged: its tensors do not have the hash written with them")
    }
    guard let steps = file.metadata["steps"].flatMap({ Int($0) }) else {
      throw Failure(.format, "\(path): no whole number 'steps' in the metadata")
    }
    try checkName(file.metadata["optimizer"] ?? "nothing", optimizer)
    let weights = try optimizer.parameters.enumerated().compactMap { i, parameter -> (Tensor, Tensor)? in
      guard let saved = file[parameterName(i)] else { return nil }
      let to = parameter.value
      if saved.shape != to.shape || saved.dtype != to.dtype {
        throw Failure(
          .state,
          "\(path): \(parameterName(i)) is \(saved.dtype.rawValue) \(saved.shape), expected "
            + "\(to.dtype.rawValue) \(to.shape)")
      }
      return (saved, to)
    }
    let state = file.tensors.filter { !$0.name.hasPrefix("parameter.") }
    try optimizer.restore(step: steps, state: state.map { ($0.name, $0.tensor) })
    for (from, to) in weights {
      try Strided.copy(from: from, to: to)
      to.storage.markWritten()
    }
    return 0
  }

  private static func checkName(_ name: String, _ optimizer: Optimizer) throws {
    if name != optimizer.name {
      throw Failure(.state, "a state of \(name) cannot restore an optimizer of kind \(optimizer.name)")
    }
  }
}

extension OptimizerClass {
  private static let stepOptions = [
    Option("lr", optional: .number, "learning rate of this step", otherwise: "the optimizer's", least: 0)
  ]

  private static let start =
    "optim, w = require 'perilune.optim', T({1, 2}, {requires_grad = true})\nadam = optim.adamw({w}, {lr = "
    + "0.5})\n"
}
