/// Tensors made from Lua values, constants, ranges and random streams.
import Tensors
import Testing

extension BindingsTests {
  @Suite(.serialized) struct TensorCreation {
    @Test func tablesBecomeTensors() throws {
      let s = try Session()
      expect(try s.text("T{1, 2, 3}"), "[1, 2, 3]\n[Tensor f32 3]")
      expect(try s.text("T{{1, 2}, {3, 4}}"), "[[1, 2],\n [3, 4]]\n[Tensor f32 2x2]")
      expect(try s.text("T(5)"), "5\n[Tensor f32 scalar]")
      expect(try s.text("T(true)"), "true\n[Tensor bool scalar]")
      expect(try s.text("T({1, 2}, 'f64')"), "[1, 2]\n[Tensor f64 2]")
      expect(try s.text("T({9007199254740993}, 'i64')"), "[9007199254740993]\n[Tensor i64 1]")
      expect(try s.text("T{true, false}"), "[true, false]\n[Tensor bool 2]")
      expect(try s.text("T({1, 2}, {requires_grad = true}):requires_grad()"), "true")
    }

    /// Tensors of one number hold hardly any bytes of their own: what counts is the objects around them.
    @Test func garbageOfSmallTensorsIsCollectedInTime() throws {
      let s = try Session()
      s.lua.collect()
      let before = MemoryAccount.footprint
      var peak = 0
      // A heap of some size, which Lua lets double before it collects.
      _ = try s.output("a, b, kept = T.ones(1), T.ones(1), {}; for i = 1, 200000 do kept[i] = {i} end")
      for _ in 0..<100 {
        _ = try s.output("for _ = 1, 5000 do local _ = a + b end")
        peak = max(peak, MemoryAccount.footprint - before)
      }
      #expect(peak > 5000 * 64)
      #expect(peak < 40 << 20)
    }

    @Test func badTablesAreRefused() throws {
      let s = try Session()
      expect(
        try s.refusal("T{}"), "bad argument #1 to 'tensor' (an empty table has no shape: use T.zeros(0))")
      expect(
        try s.refusal("T{{1, 2}, {3}}"),
        "bad argument #1 to 'tensor' (element [2] has 1 elements, expected 2: all rows must be as long)")
      expect(
        try s.refusal("T{1, 'x'}"), "bad argument #1 to 'tensor' (element [2] is a string, expected a number)"
      )
      expect(
        try s.refusal("T{{1, true}}"),
        "bad argument #1 to 'tensor' (element [1][2] is a boolean, expected a number)")
      expect(
        try s.refusal("T{true, 1}"),
        "bad argument #1 to 'tensor' (element [2] is a number, expected a boolean)")
      expect(
        try s.refusal("T{{1}, 2}"),
        "bad argument #1 to 'tensor' (element [2] is a number, expected a list of 1 elements)")
      expect(try s.refusal("T{{{{{{{{{1}}}}}}}}}").contains("nested deeper than 8"), true)
      expect(try s.refusal("local t = {}; t[1] = t; T(t)").contains("nested deeper than 8"), true)
      expect(try s.refusal("T({1}, 'f16')").contains("unknown element type 'f16'"), true)
      expect(
        try s.refusal("T({1}, {dtpe = 'f64'})").contains("unknown option 'dtpe'; did you mean 'dtype'?"), true
      )
      expect(try s.refusal("T({1.5}, 'i64')").contains("element [1] is 1.5, expected an integer"), true)
      expect(try s.refusal("T(T{1})").contains("a Tensor already"), true)
      expect(
        try s.refusal("T(nil)"), "bad argument #1 to 'tensor' (table, number or boolean expected, got nil)")
    }

    @Test func constantsAndRanges() throws {
      let s = try Session()
      expect(
        try s.text("T.zeros(2), T.ones({1, 2}, 'i64')"), "[0, 0]\n[Tensor f32 2] [[1, 1]]\n[Tensor i64 1x2]")
      expect(
        try s.text("T.full({2}, 7), T.eye(2), T.zeros{}"),
        "[7, 7]\n[Tensor f32 2] [[1, 0],\n [0, 1]]\n[Tensor f32 2x2] 0\n[Tensor f32 scalar]")
      expect(
        try s.text("T.arange(5), T.arange(2, 4), T.arange(1, 0), T.arange(3, 1, -1)"),
        "[1, 2, 3, 4, 5]\n[Tensor f32 5] [2, 3, 4]\n[Tensor f32 3] []\n[Tensor f32 0] [3, 2, 1]\n[Tensor f32 3]"
      )
      expect(try s.text("T.linspace(0, 1, 5)"), "[0.00, 0.25, 0.50, 0.75, 1.00]\n[Tensor f32 5]")
      expect(
        try s.text("T.zeros_like(T({1}, 'i64')), T.full_like(T{1, 2}, 3)"),
        "[0]\n[Tensor i64 1] [3, 3]\n[Tensor f32 2]")
      expect(try s.refusal("T.zeros(-1)"), "bad argument #1 to 'zeros' (negative size -1)")
      expect(try s.refusal("T.zeros(1 << 40, 1 << 40)").contains("not fit in 64 bits"), true)
      expect(try s.refusal("T.zeros(1 << 45)").contains("the limit is"), true)
      expect(try s.refusal("T.zeros(1.5)").contains("no integer representation"), true)
      expect(try s.refusal("T.full({2}, 1.5, 'i64')").contains("no integer representation"), true)
      expect(try s.refusal("T.arange(1, 1e300)").contains("too many numbers"), true)
      expect(try s.refusal("T.linspace(0, 1, -1)") != "no error", true)
    }

    @Test func randomDrawsAreFunctionsOfSeedStreamAndStep() throws {
      let s = try Session(seed: 3)
      expect(try s.text("T.randn(4, {seed = 7}):equal(T.randn(4, {seed = 7}))"), "true")
      expect(try s.text("T.randn(4, {seed = 7}):equal(T.randn(4, {seed = 7, step = 1}))"), "false")
      expect(try s.text("T.randn(4):equal(T.randn(4))"), "false")
      _ = try s.output("T.manual_seed(5); a = T.rand(9); b = T.rand(9); T.manual_seed(5)")
      expect(try s.text("T.rand(9):equal(a), T.rand(9):equal(b)"), "true true")
      _ = try s.output(
        "g = T.generator{seed = 1, stream = 'init'}; a = T.randn(5, {generator = g}); g:set_step(0)")
      expect(try s.text("T.randn(5, {generator = g}):equal(a), g.step"), "true 1")
      expect(try s.text("(T.randperm(5):sort())"), "[1, 2, 3, 4, 5]\n[Tensor i64 5]")
      expect(try s.text("T.randint(2, 2, 3)"), "[2, 2, 2]\n[Tensor i64 3]")
      expect(try s.text("T.bernoulli(1, 2)"), "[true, true]\n[Tensor bool 2]")
      expect(try s.text("T.categorical(T{0, 1, 0}, 3)"), "[1, 1, 1]\n[Tensor i64 3]")
      expect(try s.refusal("T.categorical(T{0, 0})").contains("sum to 0"), true)
      expect(
        try s.refusal("T.rand(2, {generator = 5})").contains(
          "option 'generator': expected a Generator, got 5"), true)
    }
  }
}
