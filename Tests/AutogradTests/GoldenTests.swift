import Autograd
import Testing

extension AutogradTests {
  /// Values and gradients against PyTorch's; each file is made by the script that its name in `sources` says.
  @Suite struct GoldenTests {
    /// `python3 scripts/golden/<script> Tests/Golden/<file>`.
    private static let sources = [
      (file: "ops_a.json", script: "ops.py"), (file: "ops_b.json", script: "ops_b.py"),
      (file: "ops_fused.json", script: "ops_fused.py"),
    ]

    @Test(arguments: sources.map(\.file)) func operationsMatchPyTorch(_ file: String) throws {
      try Golden.read(file).check()
    }

    @Test func everyOperationHasAtLeastFiveCases() throws {
      var counts: [String: Int] = [:]
      for c in try Self.sources.flatMap({ try Golden.read($0.file).cases }) { counts[c.op, default: 0] += 1 }
      let few = Op.catalogue.map(\.name).filter { counts[$0, default: 0] < 5 }
      #expect(
        few.isEmpty, "operations with fewer than 5 golden cases: \(few.map { "\($0) \(counts[$0] ?? 0)" })")
    }
  }
}
