/// AdamW, gradient clipping and learning rates for Lua.
import Autograd
import Base
import LuaEngine
import Models
import Optim
import Tensors

enum OptimizerClass {
  static func declaration() -> LuaClass<AdamW> {
    var optimizer = LuaClass<AdamW>("AdamW")
    optimizer.method("step") { call, optimizer in
      let options = try OptionTable(call, 2, stepOptions)
      let lr = try options.number(ifGiven: "lr")
      try Op.observed("adamw step") { try optimizer.update(lr: lr) }
      return 0
    }
    optimizer.method("zero_grad") { _, optimizer in
      for parameter in optimizer.parameters { parameter.grad = nil }
      return 0
    }
    optimizer.method("steps") { call, optimizer in
      try call.pushInteger(optimizer.step)
      return 1
    }
    optimizer.metamethod("__tostring") { call in
      let optimizer = try call.object(1, as: AdamW.self)
      try call.pushString("[AdamW \(optimizer.parameters.count) parameters, \(optimizer.step) steps]")
      return 1
    }
    return optimizer
  }

  private static func parameters(_ call: Call, _ i: Int) throws -> [Variable] {
    if let model = call.objectIfAny(i) as? Transformer { return model.parameters.map(\.value) }
    return try call.table(i).list().enumerated().map { position, value in
      guard case .object(let object) = value, let variable = object as? Variable else {
        throw call.bad(i, "element \(position + 1) is a \(value.typeName), expected a Tensor")
      }
      return variable
    }
  }

  /// adamw(model or list of tensors, {lr=, beta1=, beta2=, eps=, weight_decay=})
  static func create(_ call: Call) throws -> Int {
    let table = try OptionTable(call, 2, Self.options)
    var options = AdamW.Options()
    options.lr = try table.number("lr")
    options.beta1 = try table.number("beta1")
    options.beta2 = try table.number("beta2")
    options.eps = try table.number("eps")
    options.weightDecay = try table.number("weight_decay")
    try call.pushObject(try AdamW(try parameters(call, 1), options))
    return 1
  }

  /// clip_grad_norm(model or list of tensors [, max_norm]) -> the norm before clipping
  static func clip(_ call: Call) throws -> Int {
    let all = try parameters(call, 1)
    let norm = try Op.observed("clip_grad_norm") {
      call.isNil(2) ? try GradientNorm.of(all) : try GradientNorm.clip(all, to: try call.number(2))
    }
    try call.pushNumber(norm)
    return 1
  }

  /// learning_rate({lr=, steps=, warmup=, decay=, floor=}, step) -> the rate of a step, counted from 1
  static func learningRate(_ call: Call) throws -> Int {
    let table = try OptionTable(call, 1, scheduleOptions)
    let decay = try table.choice("decay", Schedule.Decay.self)
    let steps = try table.integer(ifGiven: "steps")
    if decay != .constant && steps == nil {
      throw table.refusal("option 'steps' is missing; a \(decay.rawValue) decay ends at step 'steps'")
    }
    let schedule = try Schedule(
      lr: try table.number("lr"), steps: steps ?? 0, warmup: try table.integer("warmup"), decay: decay,
      floor: try table.number("floor"))
    try call.pushNumber(schedule.rate(at: try call.integer(2)))
    return 1
  }
}
