/// Options that an update rule, a schedule or an optimizer refuses, in its own words.
import Autograd
import Base
import Optim
import Tensors
import Testing

@Suite struct OptionRefusalTests {
  private func message(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch { return (error as? Failure)?.message ?? "\(error)" }
  }

  @Test func updateRulesNameTheOptionAndItsValue() {
    func adafactor(_ change: (inout Adafactor) -> Void) -> String? {
      var rule = Adafactor()
      change(&rule)
      return message { try rule.validate() }
    }
    #expect(adafactor { $0.beta2Decay = 1 } == "beta2_decay must be at most 0, got 1.0")
    #expect(adafactor { $0.eps1 = 0 } == "eps1 must be above 0, got 0.0")
    #expect(adafactor { $0.eps2 = -1 } == "eps2 must be at least 0, got -1.0")
    #expect(adafactor { $0.clip = 0 } == "clip must be above 0, got 0.0")
    #expect(adafactor { $0.lr = .infinity } == "lr must be at least 0, got inf")
    #expect(adafactor { _ in } == nil)
    var adam = AdamW()
    adam.beta1 = 1
    #expect(message { try adam.validate() } == "beta1 must be in [0, 1), got 1.0")
    var sgd = SGD()
    sgd.nesterov = true
    #expect(message { try sgd.validate() } == "nesterov needs a momentum above 0")
  }

  @Test func schedulesNameTheOptionAndItsValue() {
    #expect(message { _ = try Schedule(lr: -1, steps: 1) } == "lr must be at least 0, got -1.0")
    #expect(
      message { _ = try Schedule(lr: 1, steps: 1, warmup: -2) }
        == "warmup and steps must be at least 0, got -2 and 1")
    #expect(message { _ = try Schedule(lr: 1, steps: 1, floor: 2) } == "floor must be in [0, 1], got 2.0")
  }

  @Test func optimizersNameTheParameterTheRateAndTheStep() throws {
    let whole = Variable(try Tensor([1, 2], shape: [2]).cast(to: .i64))
    #expect(
      message { _ = try Optimizer([whole], SGD()) } == "parameter 1 is i64, expected f32 or f64")
    let weight = Variable(try Tensor([1.0, 2.0], shape: [2]), requiresGrad: true)
    let optimizer = try Optimizer([weight], SGD())
    #expect(message { try optimizer.update(lr: -1) } == "lr must be at least 0, got -1.0")
    for step in [-1, 1 << 53 + 1, Int.max] {
      #expect(
        message { try optimizer.restore(step: step, state: []) }
          == "a state after \(step) steps: expected 0 to 2^53")
    }
  }
}
