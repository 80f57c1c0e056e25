import Testing

extension AutogradTests {
  /// Values and gradients against PyTorch's; made by `python3 scripts/golden/ops_b.py Tests/Golden/ops_b.json`.
  @Suite struct GoldenViewsTests {
    @Test func viewsProductsAndOrderMatchPyTorch() throws { try Golden.read("ops_b.json").check() }
  }
}
