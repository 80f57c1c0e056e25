import Testing

extension AutogradTests {
  /// Values and gradients against PyTorch's; made by `python3 scripts/golden/ops.py Tests/Golden/ops_a.json`.
  @Suite struct GoldenTests {
    @Test func elementwiseAndReductionsMatchPyTorch() throws { try Golden.read("ops_a.json").check() }
  }
}
