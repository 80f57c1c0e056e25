/// `perilune.native.optim`: optimizers, gradient clipping and learning rates for Lua.
import Autograd
import Base
import LuaEngine
import Models
import Optim
import Tensors

enum OptimModule {
  static func install(_ library: Library) throws {
    try library.add(
      NativeModule("optim", group: "optim") { module in
        module.function(
          "adamw",
          Page(
            "optim.adamw(parameters, {options}) -> Optimizer",
            "Adam with decoupled weight decay. parameters is a Model, or a list of Models and Tensors; those "
              + "that do not require a gradient are skipped.", options: adamwOptions,
            errors: parametersErrors,
            source:
              "Loshchilov & Hutter 2019, arXiv:1711.05101, alg. 2; Kingma & Ba 2015, arXiv:1412.6980, alg. 1",
            example: start + "adam = optim.adamw({w}, {lr = 0.5})\nw:square():sum():backward()\nadam:step()\n"
              + "print(('%.2f'):format(w[2]:item()))", prints: "1.50"), optionsAt: 2, adamw)
        module.function(
          "sgd",
          Page(
            "optim.sgd(parameters, {options}) -> Optimizer",
            "Stochastic gradient descent with momentum. parameters as for optim.adamw.",
            options: sgdOptions, errors: parametersErrors + "; nesterov without momentum",
            source: "Sutskever et al. 2013, PMLR 28(3):1139-1147, as PyTorch's SGD",
            example: start
              + "sgd = optim.sgd({w}, {lr = 0.25})\nw:square():sum():backward()\nsgd:step()\nprint(w)",
            prints: "[0.5, 1.0]\n[Tensor f32 2]"), optionsAt: 2, sgd)
        module.function(
          "lion",
          Page(
            "optim.lion(parameters, {options}) -> Optimizer",
            "Lion: a step subtracts lr times the sign of the momentum. parameters as for optim.adamw; lr is "
              + "3 to 10 times smaller than for AdamW.", options: lionOptions, errors: parametersErrors,
            source: "Chen et al. 2023, arXiv:2302.06675, alg. 2",
            example: start
              + "lion = optim.lion({w}, {lr = 0.25})\nw:square():sum():backward()\nlion:step()\nprint(w)",
            prints: "[0.75, 1.75]\n[Tensor f32 2]"), optionsAt: 2, lion)
        module.function(
          "adafactor",
          Page(
            "optim.adafactor(parameters, {options}) -> Optimizer",
            "Adafactor: the second moments of an r x c matrix are a product of row and column means, r + c "
              + "numbers. The step is relative to the root mean square of the parameter. parameters as for "
              + "optim.adamw.",
            options: adafactorOptions, errors: parametersErrors,
            source: "Shazeer & Stern 2018, arXiv:1804.04235, alg. 4, 5 and 7",
            example: start
              + "factor = optim.adafactor({w}, {lr = 0.5})\nw:square():sum():backward()\nfactor:step()\n"
              + "print(('%.4f'):format(w[1]:item()))", prints: "0.2094"), optionsAt: 2, adafactor)
        module.function(
          "clip_grad_norm",
          Page(
            "optim.clip_grad_norm(parameters, max_norm = nil) -> norm",
            "The Euclidean norm of all gradients before clipping. With max_norm, scales the gradients to a "
              + "norm of at most max_norm; a norm that is not finite scales nothing. parameters is an "
              + "Optimizer, a Model, or a list of Models and Tensors.",
            errors: "max_norm is not positive", source: "Pascanu et al. 2013, arXiv:1211.5063, alg. 1",
            example:
              "optim, w = require 'perilune.optim', T({3, 4}, {requires_grad = true})\nloss = (w * w / "
              + "2):sum()\nloss:backward()\n"
              + "print(optim.clip_grad_norm({w}, 1), optim.clip_grad_norm({w}) <= 1)", prints: "5.0\ttrue"),
          clip)
        module.function(
          "is_finite",
          Page(
            "optim.is_finite(parameters)",
            "Whether every element of the parameters is finite. parameters as for optim.clip_grad_norm.",
            example:
              "is_finite = require 'perilune.optim'.is_finite\n"
              + "print(is_finite {T{1, 2}}, is_finite {T{1 / 0}})",
            prints: "true\tfalse"), isFinite)
        module.function(
          "schedule",
          Page(
            "optim.schedule{options} -> function(step) -> rate",
            "The learning rate of a step, counted from 1: linear warm-up, then the decay. Without warm-up, "
              + "step k of N has the fraction (N - k + 1) / N of a linear decay.", options: scheduleOptions,
            errors: "steps is missing and decay is not \"constant\"",
            source:
              "cosine: Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5; the steps as in transformers 4",
            example: "schedule = require 'perilune.optim'.schedule\n"
              + "print(schedule{lr = 1, warmup = 2}(1), schedule{lr = 1, steps = 10, decay = 'linear'}(6))",
            prints: "0.5\t0.5"), optionsAt: 1, schedule)
      })
    try library.add(OptimizerClass.declaration())
  }

  private static func adamw(_ call: Call, _ table: OptionTable) throws -> Int {
    var rule = AdamW()
    rule.lr = try table.number("lr")
    rule.beta1 = try table.number("beta1")
    rule.beta2 = try table.number("beta2")
    rule.eps = try table.number("eps")
    rule.weightDecay = try table.number("weight_decay")
    rule.moments = try table.choice("moments", Moments.self)
    return try push(rule, call)
  }

  private static func sgd(_ call: Call, _ table: OptionTable) throws -> Int {
    var rule = SGD()
    rule.lr = try table.number("lr")
    rule.momentum = try table.number("momentum")
    rule.nesterov = try table.flag("nesterov")
    rule.weightDecay = try table.number("weight_decay")
    return try push(rule, call)
  }

  private static func lion(_ call: Call, _ table: OptionTable) throws -> Int {
    var rule = Lion()
    rule.lr = try table.number("lr")
    rule.beta1 = try table.number("beta1")
    rule.beta2 = try table.number("beta2")
    rule.weightDecay = try table.number("weight_decay")
    return try push(rule, call)
  }

  private static func adafactor(_ call: Call, _ table: OptionTable) throws -> Int {
    var rule = Adafactor()
    rule.lr = try table.number("lr")
    rule.beta2Decay = try table.number("beta2_decay")
    rule.eps1 = try table.number("eps1")
    rule.eps2 = try table.number("eps2")
    rule.clip = try table.number("clip")
    rule.weightDecay = try table.number("weight_decay")
    return try push(rule, call)
  }

  private static func push(_ rule: any UpdateRule, _ call: Call) throws -> Int {
    try call.pushObject(try Optimizer(try parameters(call, 1), rule, names: try names(call, 1)))
    return 1
  }

  /// The names of the parameters of the models in argument `i`.
  private static func names(_ call: Call, _ i: Int) throws -> [ObjectIdentifier: String] {
    let objects =
      try call.objectIfAny(i).map { [$0] }
      ?? call.table(i).list().compactMap { value -> AnyObject? in
        if case .object(let object) = value { return object }
        return nil
      }
    let named = objects.compactMap { $0 as? Transformer }.flatMap(\.parameters)
    return Dictionary(
      named.map { (ObjectIdentifier($0.value), $0.name) }, uniquingKeysWith: { first, _ in first })
  }

  /// Argument `i`: a Model, an Optimizer, or a list of Models and Tensors.
  private static func parameters(_ call: Call, _ i: Int) throws -> [Variable] {
    if let object = call.objectIfAny(i) {
      if let found = try parameters(of: object), !(object is Variable) { return found }
      throw call.bad(i, "expected a Model or a list of Models and Tensors, got a \(call.typeName(i))")
    }
    guard call.kind(i) == .table else {
      throw call.bad(i, "expected a Model or a list of Models and Tensors, got \(call.typeName(i))")
    }
    return try call.table(i).list().enumerated().flatMap { position, value -> [Variable] in
      if case .object(let object) = value, let found = try parameters(of: object) { return found }
      throw call.bad(i, "element \(position + 1) is a \(value.typeName), expected a Tensor or a Model")
    }
  }

  private static func parameters(of object: AnyObject) throws -> [Variable]? {
    switch object {
    case let model as Transformer: return try model.trained()
    case let optimizer as Optimizer: return optimizer.parameters
    case let tensor as Variable: return [tensor]
    default: return nil
    }
  }

  private static func clip(_ call: Call) throws -> Int {
    let all = try parameters(call, 1)
    let norm = try Op.observed("clip_grad_norm") {
      call.isNil(2) ? try GradientNorm.of(all) : try GradientNorm.clip(all, to: try call.number(2))
    }
    try call.pushNumber(norm)
    return 1
  }

  private static func isFinite(_ call: Call) throws -> Int {
    try call.pushBoolean(try parameters(call, 1).allSatisfy { try Finite.holds($0.value) })
    return 1
  }

  private static func schedule(_ call: Call, _ table: OptionTable) throws -> Int {
    let decay = try table.choice("decay", Schedule.Decay.self)
    let steps = try table.integer(ifGiven: "steps")
    if decay != .constant && steps == nil {
      throw table.refusal("option 'steps' is missing; a \(decay.rawValue) decay ends at step 'steps'")
    }
    let schedule = try Schedule(
      lr: try table.number("lr"), steps: steps ?? 0, warmup: try table.integer("warmup"), decay: decay,
      floor: try table.number("floor"))
    try call.push(
      .function(
        try call.lua.function("schedule") { call in
          try call.pushNumber(schedule.rate(at: try call.integer(1)))
          return 1
        }))
    return 1
  }
}

extension OptimModule {
  private static let usual = (adamw: AdamW(), sgd: SGD(), lion: Lion(), adafactor: Adafactor())
  private static let rate = "learning rate of steps that are not given one"
  private static let decoupled = "a step subtracts lr * weight_decay * weight from each weight"

  private static let adamwOptions = [
    Option("lr", usual.adamw.lr, rate, least: 0),
    Option("beta1", usual.adamw.beta1, "decay rate of the first moment", least: 0, below: 1),
    Option("beta2", usual.adamw.beta2, "decay rate of the second moment", least: 0, below: 1),
    Option("eps", usual.adamw.eps, "added to the square root of the second moment", least: 0),
    Option("weight_decay", usual.adamw.weightDecay, decoupled, least: 0),
    Option(
      "moments", usual.adamw.moments,
      "what both moments of f32 parameters are stored in; to \"bf16\", half the memory, they are rounded at random "
        + "without bias, by a function of step, parameter and element. Gupta et al. 2015, arXiv:1502.02551"),
  ]
  private static let sgdOptions = [
    Option("lr", usual.sgd.lr, rate, least: 0),
    Option("momentum", usual.sgd.momentum, "decay rate of the sum of gradients", least: 0),
    Option("nesterov", usual.sgd.nesterov, "whether to use Nesterov momentum"),
    Option("weight_decay", usual.sgd.weightDecay, "weight_decay * weight is added to the gradient", least: 0),
  ]
  private static let lionOptions = [
    Option("lr", usual.lion.lr, rate, least: 0),
    Option("beta1", usual.lion.beta1, "weight of the momentum in the update", least: 0, below: 1),
    Option("beta2", usual.lion.beta2, "decay rate of the momentum", least: 0, below: 1),
    Option("weight_decay", usual.lion.weightDecay, decoupled, least: 0),
  ]
  private static let adafactorOptions = [
    Option("lr", usual.adafactor.lr, "upper limit of the relative step size min(lr, 1 / sqrt t)", least: 0),
    Option(
      "beta2_decay", usual.adafactor.beta2Decay, "exponent of t in the decay of second moments", most: 0),
    Option("eps1", usual.adafactor.eps1, "added to squared gradients", above: 0),
    Option(
      "eps2", usual.adafactor.eps2, "lower limit of the root mean square of a parameter that scales its step",
      least: 0),
    Option("clip", usual.adafactor.clip, "upper limit of the root mean square of an update", above: 0),
    Option("weight_decay", usual.adafactor.weightDecay, decoupled, least: 0),
  ]
  private static let scheduleOptions = [
    Option("lr", required: .number, "highest rate", least: 0),
    Option(
      "steps", optional: .integer, "number of steps of the run; required unless decay is \"constant\"",
      least: 0),
    Option("warmup", 0, "steps of linear warm-up, starting at lr / warmup", least: 0),
    Option("decay", Schedule.Decay.constant, "shape of the decay after warm-up"),
    Option("floor", 0.0, "rate at the end of the decay, as a fraction of lr", least: 0, most: 1),
  ]

  private static let parametersErrors =
    "an element of the list is no Tensor or Model; a tensor is computed from others; no tensor requires a "
    + "gradient"
  private static let start =
    "optim, w = require 'perilune.optim', T({1, 2}, {requires_grad = true})\n"
}
