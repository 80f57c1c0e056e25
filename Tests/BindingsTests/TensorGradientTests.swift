/// Gradients, in-place changes and what they refuse; conversions; memory.
import Testing

extension BindingsTests {
  @Suite(.serialized) struct TensorGradients {
    @Test func backwardFillsTheGradientsOfLeaves() throws {
      let s = try Session()
      _ = try s.output("x = T({2, 3}, {requires_grad = true}); y = (x * x):sum(); y:backward()")
      expect(
        try s.text("x:grad(), x:requires_grad(), x:is_leaf(), y:is_leaf()"),
        "[4, 6]\n[Tensor f32 2] true true false")
      _ = try s.output("x:zero_grad(); (x[{ {1, 1} }] * 5):backward(T{2})")
      expect(try s.text("x:grad()"), "[10, 0]\n[Tensor f32 2]")
      _ = try s.output(
        "x:zero_grad(); z = (x * x); z:backward{gradient = T{1, 1}, retain_graph = true}; z:backward{gradient = T{1, 1}}"
      )
      expect(try s.text("x:grad()"), "[8, 12]\n[Tensor f32 2]")
      expect(try s.refusal("z:backward(T{1, 1})").contains("a second time"), true)
      expect(try s.refusal("x:sum():backward{gradiant = T{1}}").contains("did you mean 'gradient'?"), true)
      expect(try s.refusal("(x * 1):backward()").contains("expected one element or a gradient"), true)
      expect(try s.refusal("T{1}:backward()").contains("no tensor that requires a gradient leads here"), true)
      expect(try s.refusal("T({1}, 'i64'):requires_grad_()").contains("only f32 and f64"), true)
      expect(try s.text("x:zero_grad():grad()"), "nil")
    }

    @Test func twoLossesThatShareAFreedPartAreRefused() throws {
      let s = try Session()
      _ = try s.output("x = T({2, 3}, {requires_grad = true}); y = x * x; (y * 2):sum():backward()")
      expect(try s.refusal("(y * 3):sum():backward()").contains("a second time"), true)
      expect(try s.text("x:grad()"), "[8, 12]\n[Tensor f32 2]")
    }

    /// What adds to gradients in place must leave alone those that the script holds, whole or in part.
    @Test func aHeldGradientStaysAsItIs() throws {
      let s = try Session()
      _ = try s.output(
        "w = T({{1, 2}, {5, 6}}, {requires_grad = true}); x, ids = T{{3, 4}}, T({0, 0}, 'i64')")
      for loss in [
        "x:linear(w):sum()", "(w * x):sum()", "T.embedding(w, ids):sum()",
        "x:token_logps(w, T({0}, 'i64')):sum()",
      ] {
        _ = try s.output("w:zero_grad(); l = function() return \(loss) end; l():backward()")
        _ = try s.output("g = w:grad(); part = w:grad()[1]; kept = g:clone(); l():backward(); l():backward()")
        expect(
          try s.text("T.allclose(g, kept), T.allclose(part, kept[1]), T.allclose(w:grad(), kept * 3)"),
          "true true true")
        _ = try s.output("g = nil; collectgarbage(); collectgarbage(); now = w:grad()[1]; l():backward()")
        expect(try s.text("T.allclose(part, kept[1]), T.allclose(now, kept[1] * 3)"), "true true")
      }
    }

    /// The product's part of the graph comes first, and would have added to w before the change of v is seen.
    @Test func aRefusedBackwardAddsNothing() throws {
      let s = try Session()
      _ = try s.output(
        "v, w = T({{1}}, {requires_grad = true}), T({{2}}, {requires_grad = true}); T{{5}}:linear(w):backward()"
      )
      _ = try s.output("y = (v * v):linear(w); T.no_grad(function() v:add_(1) end)")
      expect(try s.refusal("y:backward()").contains("was changed in place"), true)
      expect(try s.text("w:grad(), v:grad()"), "[[5]]\n[Tensor f32 1x1] nil")
    }

    @Test func noGradRecordsNothingAndComesBackAfterAnError() throws {
      let s = try Session()
      _ = try s.output("x = T({2}, {requires_grad = true})")
      expect(
        try s.text("T.no_grad(function(a) return (x * a):requires_grad(), T.is_grad_enabled() end, 3)"),
        "false false")
      expect(try s.text("pcall(T.no_grad, error, 'oops')"), "false oops")
      expect(
        try s.text("T.is_grad_enabled(), x:detach():requires_grad(), x:clone():requires_grad()"),
        "true false true")
    }

    @Test func inPlaceFormsKeepShapeAndType() throws {
      let s = try Session()
      _ = try s.output("t = T{1, 4}; v = t:add_(1):sqrt_()")
      expect(try s.text("v == t, t:square()"), "true [2.0000, 5.0000]\n[Tensor f32 2]")
      expect(
        try s.text("T{1, 2}:fill_(3), T{1}:zero_(), T.zeros(2, 2):copy_(T{1, 2})"),
        "[3, 3]\n[Tensor f32 2] [0]\n[Tensor f32 1] [[1, 2],\n [1, 2]]\n[Tensor f32 2x2]")
      expect(try s.refusal("T{1}:add_(T{1, 2})"), "add_: a result of 2 does not fit into 1")
      expect(try s.refusal("T({1}, 'i64'):div_(2)").contains("cannot hold a result of f32"), true)
      expect(try s.refusal("T{1}:sum_()").contains("nil value (method 'sum_')"), false)
      _ = try s.output("w = T({1, 2}, {requires_grad = true})")
      expect(
        try s.refusal("w:mul_(2)"),
        "mul_ would change a leaf that requires a gradient in place: use the form without _, or no_grad")
      _ = try s.output("T.no_grad(function() w:mul_(2) end)")
      expect(try s.text("w"), "[2, 4]\n[Tensor f32 2]")
      _ = try s.output("a = T{1, 2}; y = (w * a):sum(); a:fill_(7)")
      expect(try s.refusal("y:backward()").contains("was changed in place"), true)
      _ = try s.output("t = T{1, 2, 3, 4}; t[{ {2, 4} }]:add_(t[{ {1, 3} }])")
      expect(try s.text("t"), "[1, 3, 5, 7]\n[Tensor f32 4]")
    }

    @Test func conversionsGiveLuaTypes() throws {
      let s = try Session()
      expect(try s.text("T(2):item(), T(2, 'i64'):item(), T(true):item()"), "2.0 2 true")
      expect(
        try s.text("math.type(T{1, 2}:numel()), math.type(T{1}:size(1)), T{1, 2}:dim(), T{1}:dtype()"),
        "integer integer 1 f32")
      expect(
        try s.text("table.concat(T.zeros(2, 3):size(), 'x'), table.concat(T.zeros(2, 3):stride(), ' ')"),
        "2x3 3 1")
      expect(
        try s.text(
          "T{{1, 2}, {3, 4}}:totable()[2][1], T({1}, 'i64'):totable()[1], T{true}:totable()[1], T(3):totable()"
        ), "3.0 1 true 3.0")
      expect(
        try s.text(
          "T{1.5}:long():dtype(), T{1}:double():dtype(), T{1}:to('bool'), T({1}, 'f64'):float():dtype()"),
        "i64 f64 [true]\n[Tensor bool 1] f32")
      expect(
        try s.text("T{1}:is_contiguous(), T.zeros(2, 3):t():is_contiguous(), T.zeros(3):storage_bytes()"),
        "true false 12")
      expect(try s.text("T.promote('i64', 'f32', 'bool'), T.promote('f64')"), "f32 f64")
      expect(try s.refusal("T{1, 2}:item()").contains("expected one element, got a tensor of 2"), true)
      expect(try s.refusal("T{1}:to('f16')").contains("unknown element type 'f16'"), true)
      expect(
        try s.refusal("return T{1}:size(2)").contains("dimension 2 is out of range for a 1-d tensor"), true)
      expect(
        try s.text(
          "(function() local w = T({1}, {requires_grad = true}); (w:double() * 3):sum():backward(); return w:grad() end)()"
        ), "[3]\n[Tensor f32 1]")
    }

    @Test func freeAndCloseGiveMemoryBackAtOnce() throws {
      let s = try Session()
      let found = try s.text(
        """
        (function()
          local before = T.memory().live
          local t = T.zeros(1000000)
          local during = T.memory().live - before
          t:free()
          local after = T.memory().live - before
          do local c <close> = T.zeros(1000000) end
          return during >= 4000000, after < 1000, T.memory().live - before < 1000
        end)()
        """)
      expect(found, "true true true")
      expect(
        try s.refusal("local t = T.zeros(1); t:free(); t:sum()").contains(
          "calling 'sum' on bad self (Tensor expected, got closed object)"), true)
    }

    @Test func aBufferOfASizeThatWasFreedDoesNotComeFromTheSystem() throws {
      let s = try Session()
      let found = try s.text(
        """
        (function()
          T.zeros(123457):free()
          local before = T.memory()
          local again = T.zeros(123457)
          local after = T.memory()
          return after.taken - before.taken, after.fresh - before.fresh
        end)()
        """)
      expect(found, "1 0")
    }

    @Test func droppedTensorsKeepMemoryBounded() throws {
      let s = try Session()
      let peak = try s.text(
        "(function() T.reset_peak(); for i = 1, 100000 do local t = T.zeros(20000) end return T.memory().peak < 200e6 end)()"
      )
      expect(peak, "true")
    }

    @Test func refusalAtTheMemoryLimitLeavesAUsableState() throws {
      let s = try Session(memoryLimit: 64 << 20)
      defer { _ = try? Session() }
      let found = try s.text(
        """
        (function()
          local keep = {}
          local ok, err = pcall(function() for i = 1, 1000 do keep[i] = T.zeros(1 << 20) end end)
          local kind, count = err.kind, #keep
          keep = nil
          local garbage = 0
          for i = 1, 200 do garbage = garbage + T.ones(1 << 20):sum():item() end
          return ok, kind, count >= 10, T{1, 2}:sum():item()
        end)()
        """)
      expect(found, "false memory true 3.0")
      expect(try s.text("T.memory().limit"), "67108864")
    }
  }
}
