/// Options of sampling that are refused, in their own words.
import Base
import Testing

@testable import Models

@Suite struct SamplingRefusalTests {
  private func message(_ change: (inout SamplingOptions) -> Void) -> String? {
    var options = SamplingOptions()
    change(&options)
    do {
      try options.validate()
      return nil
    } catch { return (error as? Failure)?.message ?? "\(error)" }
  }

  @Test func eachNamesTheOptionAndItsValue() {
    #expect(message { _ in } == nil)
    #expect(message { $0.temperature = -1 } == "temperature must be at least 0, got -1.0")
    #expect(message { $0.topK = -1 } == "top_k must be at least 0, got -1")
    #expect(message { $0.topP = 0 } == "top_p must be in (0, 1], got 0.0")
    #expect(message { $0.minP = 2 } == "min_p must be in [0, 1], got 2.0")
    #expect(message { $0.maxNewTokens = -1 } == "max_new_tokens must be at least 0, got -1")
    #expect(message { $0.step = -1 } == "step must be at least 0, got -1")
    #expect(message { $0.stream = 0 } == "stream must be from 1 to 255, got 0")
    #expect(message { $0.count = 0 } == "count must be from 1 to 16777216, got 0")
    #expect(message { $0.first = 0 } == "first must be from 1 to 16777216, got 0")
  }

  @Test func theWeightOfAMixtureIsAShare() throws {
    let model = try Support.tinyGPT2()
    let failure = #expect(throws: Failure.self) { try Mixture(model, weight: 3).validate(model.config) }
    #expect(failure?.message == "the weight of a mixture must be from 0 to 1, got 3.0")
  }
}
