/// Calls of operations from Lua: arguments, names, operators, errors.
import Testing

extension BindingsTests {
  @Suite(.serialized) struct TensorCalls {
    @Test func methodsAndFunctionsAreTheSameOperation() throws {
      let s = try Session()
      expect(try s.text("T{1, 2}:add(T{10})"), "[11, 12]\n[Tensor f32 2]")
      expect(try s.text("T.add(T{1, 2}, 10)"), "[11, 12]\n[Tensor f32 2]")
      expect(try s.text("1 - T{1, 2}"), "[0, -1]\n[Tensor f32 2]")
      expect(try s.text("T{1, 2} / 2"), "[0.5, 1.0]\n[Tensor f32 2]")
      expect(
        try s.text("2 ^ T{1, 2}, -T{1}, T{7} // 2, T{7} % 4"),
        "[2, 4]\n[Tensor f32 2] [-1]\n[Tensor f32 1] [3]\n[Tensor f32 1] [3]\n[Tensor f32 1]")
      expect(try s.text("#T.zeros(3, 2)"), "3")
    }

    @Test func argumentsComeByPositionOrByName() throws {
      let s = try Session()
      let x = "T{{1, 2}, {3, 4}}"
      expect(try s.text("\(x):sum(1)"), "[4, 6]\n[Tensor f32 2]")
      expect(try s.text("\(x):sum{dim = 1}"), "[4, 6]\n[Tensor f32 2]")
      expect(try s.text("\(x):sum(-1, true)"), "[[3],\n [7]]\n[Tensor f32 2x1]")
      expect(try s.text("\(x):sum{dim = 2, keepdim = true}"), "[[3],\n [7]]\n[Tensor f32 2x1]")
      expect(try s.text("\(x):sum(2, {keepdim = true})"), "[[3],\n [7]]\n[Tensor f32 2x1]")
      expect(try s.text("\(x):reshape(4)"), "[1, 2, 3, 4]\n[Tensor f32 4]")
      expect(try s.text("\(x):reshape{1, -1}"), "[[1, 2, 3, 4]]\n[Tensor f32 1x4]")
      expect(try s.text("T.cat({\(x), \(x)}, 2)"), "[[1, 2, 1, 2],\n [3, 4, 3, 4]]\n[Tensor f32 2x4]")
      expect(try s.text("T.cat{T{1}, T{2}, dim = 1}"), "[1, 2]\n[Tensor f32 2]")
      expect(try s.text("select('#', T{1, 2, 3}:split(1))"), "3")
      expect(
        try s.text(
          "T.einsum('i,i->', T{1, 2}, T{3, 4}):item(), T.einsum('i->', T{1, 2}):item(), T.einsum('i,i->', {T{1, 2}, T{3, 4}}):item()"
        ), "11.0 3.0 11.0")
      expect(
        try s.refusal("T.einsum('i,i->', T{1, 2}, 3)").contains(
          "bad argument #3 to 'einsum' (Tensor expected, got number)"), true)
      expect(try s.refusal("T.cat(T{1}, T{2})").contains("table of Tensors expected, got Tensor"), true)
    }

    @Test func comparingWithSignsSaysWhichMethodsCompare() throws {
      let s = try Session()
      for text in ["T{1, 2} > 1", "T{1, 2} < T{2, 1}"] {
        expect(try s.refusal("return " + text).contains("x:lt(y) for x < y, gt(y) for x > y"), true)
      }
      expect(try s.refusal("return T{1, 2} <= 2").contains("le(y) for x <= y, ge(y) for x >= y"), true)
    }

    @Test func dropoutWithoutASeedDrawsAnotherMaskEachTime() throws {
      let s = try Session()
      try s.lua.run(
        "T.manual_seed(3) x = T.ones(64) a, b = x:dropout(0.5), x:dropout(0.5) T.manual_seed(3) c = x:dropout(0.5)",
        name: "=test")
      expect(
        try s.text("a:equal(b), a:equal(c), x:dropout(0.5, 1, 2):equal(x:dropout(0.5, 1, 2))"),
        "false true true")
    }

    @Test func aCountIsNotRoundedToTheTypeOfTheElements() throws {
      let s = try Session()
      expect(try s.text("T{1}:repeat_interleave(16777217):size(1)"), "16777217")
      expect(try s.text("T{1, 2}:repeat_interleave(2.0)"), "[1, 1, 2, 2]\n[Tensor f32 4]")
      expect(try s.refusal("T{1}:repeat_interleave(1.5)").contains("expected whole numbers, got 1.5"), true)
    }

    @Test func numbersTakeTheTypeOfTheOtherOperand() throws {
      let s = try Session()
      expect(
        try s.text("(T({1}, 'f64') + 1):dtype(), (T({1}, 'i64') + 2):dtype(), (T({1}, 'i64') * 0.5)"),
        "f64 i64 [0.5]\n[Tensor f32 1]")
      expect(try s.text("(T({9007199254740993}, 'i64') + 0):item()"), "9007199254740993")
    }

    @Test func errorsNumberArgumentsAsLuaDoes() throws {
      let s = try Session()
      let (a, b) = ("T.zeros(2, 3)", "T.zeros(4, 5)")
      expect(
        try s.refusal("T.matmul(\(a), \(b))").hasPrefix("bad argument #2 to 'matmul' (inner sizes differ"),
        true)
      expect(
        try s.refusal("\(a):matmul(\(b))").hasPrefix("bad argument #1 to 'matmul' (inner sizes differ"), true)
      expect(try s.refusal("\(a):matmul(1)"), "bad argument #1 to 'matmul' (Tensor expected, got number)")
      expect(try s.refusal("\(a):add({})"), "bad argument #1 to 'add' (Tensor or number expected, got table)")
      expect(
        try s.refusal("\(a):add()"), "bad argument #1 to 'add' (Tensor or number expected, got no value)")
      expect(try s.refusal("T.exp(5)"), "bad argument #1 to 'exp' (Tensor expected, got number)")
      expect(
        try s.refusal("local x = \(a); x.exp(5)"), "bad argument #1 to 'exp' (Tensor expected, got number)")
      expect(try s.refusal("\(a):exp(1)"), "bad argument #1 to 'exp' (no such argument)")
      expect(try s.refusal("return \(a) + \(b)"), "shapes 2x3 and 4x5 cannot broadcast")
      expect(
        try s.refusal("return \(a) + 'x'"), "bad argument #2 to 'add' (Tensor or number expected, got string)"
      )
    }

    @Test func dimensionsCountFromOne() throws {
      let s = try Session()
      let x = "T.zeros(2, 3)"
      expect(
        try s.refusal("\(x):sum(3)"),
        "bad argument #1 to 'sum' (dimension 3 is out of range for a 2-d tensor (expected 1..2 or -2..-1))")
      expect(try s.refusal("\(x):sum(0)"), "bad argument #1 to 'sum' (dimension 0: positions start at 1)")
      expect(
        try s.refusal("\(x):sum(1.5)"), "bad argument #1 to 'sum' (number has no integer representation)")
      expect(
        try s.refusal("\(x):sum{dim = -3}").hasPrefix(
          "bad argument 'dim' to 'sum' (dimension -3 is out of range"), true)
      expect(
        try s.refusal("\(x):sum{dims = 1}"),
        "bad argument #1 to 'sum' (unknown argument 'dims'; did you mean 'dim'?)")
      expect(try s.refusal("\(x):sum(1, {dim = 1})"), "bad argument #1 to 'sum' ('dim' is given twice)")
      expect(try s.text("\(x):sum(1.0):size(1)"), "3")
      expect(try s.text("\(x):unsqueeze(3):size(3), \(x):unsqueeze(-1):size(-1)"), "1 1")
      expect(try s.refusal("\(x):unsqueeze(4)").contains("dimension 4 is out of range"), true)
      expect(try s.refusal("\(x):permute(1, 1)").contains("given twice"), true)
    }

    @Test func answersAreBooleans() throws {
      let s = try Session()
      expect(
        try s.text("T{1}:equal(T{1}), T.allclose(T{1}, T{2}), T{0, 1}:any(), T{0, 1}:all()"),
        "true false true false")
      expect(try s.text("T{{0, 1}}:any(1)"), "[false, true]\n[Tensor bool 2]")
      expect(try s.text("T{1} == T{1}"), "false")
    }
  }
}
