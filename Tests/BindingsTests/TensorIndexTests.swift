/// `t[key]` and `t[key] = value`.
import Foundation
import Testing

extension BindingsTests {
  @Suite(.serialized) struct TensorIndexing {
    @Test func positionsRangesMasksAndIndexTensors() throws {
      let s = try Session()
      _ = try s.output("t = T{{1, 2, 3}, {4, 5, 6}}; v = T{10, 20, 30}")
      expect(try s.text("t[1]"), "[1, 2, 3]\n[Tensor f32 3]")
      expect(try s.text("t[-1]"), "[4, 5, 6]\n[Tensor f32 3]")
      expect(
        try s.text("t[1][2], t[{2, 3}], t[{2, 3}]:item()"),
        "2\n[Tensor f32 scalar] 6\n[Tensor f32 scalar] 6.0")
      expect(try s.text("t[{ {}, 2 }]"), "[2, 5]\n[Tensor f32 2]")
      expect(try s.text("t[{ 2, {2, 3} }]"), "[5, 6]\n[Tensor f32 2]")
      expect(try s.text("t[{ {1, -1}, {-2, -1} }]"), "[[2, 3],\n [5, 6]]\n[Tensor f32 2x2]")
      expect(try s.text("v[{ {3, 2} }], v[{ {2} }]"), "[]\n[Tensor f32 0] [20]\n[Tensor f32 1]")
      expect(try s.text("v[T{3, 1}]"), "[30, 10]\n[Tensor f32 2]")
      expect(try s.text("t[{ {}, T{3, 1} }]"), "[[3, 1],\n [6, 4]]\n[Tensor f32 2x2]")
      expect(try s.text("v[v:gt(15)]"), "[20, 30]\n[Tensor f32 2]")
      expect(try s.text("v[2.0]"), "20\n[Tensor f32 scalar]")
    }

    @Test func badIndicesAreRefusedWithTheirPlace() throws {
      let s = try Session()
      _ = try s.output("t = T{{1, 2, 3}, {4, 5, 6}}")
      expect(try s.refusal("return t[0]"), "index 0: positions start at 1")
      expect(
        try s.refusal("return t[3]"),
        "index 3 is out of range for dimension 1 of size 2 (expected 1..2 or -2..-1)")
      expect(try s.refusal("return t[{1, 2, 3}]"), "3 indices for a 2-d tensor")
      expect(try s.refusal("return t[1.5]"), "number has no integer representation")
      expect(try s.refusal("return t[true]").contains("got a boolean"), true)
      expect(try s.refusal("return t[{ {3, 1} }]").contains("out of range"), true)
      expect(try s.refusal("return t[{ {2, 1} }]"), "no error")
      expect(try s.refusal("return t[{ {}, {3, 1} }]"), "range {3, 1} of dimension 2 goes backwards")
      expect(try s.refusal("return T(1)[1]"), "a scalar cannot be indexed: use item()")
      expect(try s.refusal("return t.summ"), "a Tensor has no field 'summ'; did you mean 'sum'?")
      expect(try s.refusal("return t.shape"), "a Tensor has no field 'shape'; use the method size()")
      expect(try s.refusal("return t.backwrd"), "a Tensor has no field 'backwrd'; did you mean 'backward'?")
      expect(try s.refusal("t.name = 1"), "a Tensor has no field 'name' to assign to")
      expect(try s.text("t.__repr_html"), "nil")
      do { try s.lua.run("local t = T{1}\nreturn t[5]", name: "=test") } catch {
        expect("\(error)".hasPrefix("test:2: index 5 is out of range"), true)
      }
    }

    @Test func assignmentWritesInPlace() throws {
      let s = try Session()
      _ = try s.output("t = T{{1, 2, 3}, {4, 5, 6}}; row = t[1]; t[1] = 0; t[{2, 3}] = 9")
      expect(try s.text("t"), "[[0, 0, 0],\n [4, 5, 9]]\n[Tensor f32 2x3]")
      expect(try s.text("row"), "[0, 0, 0]\n[Tensor f32 3]")
      _ = try s.output("t[{ {}, {1, 2} }] = T{7, 8}; t[{ {}, T{3} }] = T{{1}, {2}}")
      expect(try s.text("t"), "[[7, 8, 1],\n [7, 8, 2]]\n[Tensor f32 2x3]")
      _ = try s.output("t[t:gt(6)] = -1; t[{1, {}}] = {4, 5, 6}")
      expect(
        try s.text("t"),
        "[[ 4,  5, 6],\n [-1, -1, 2]]\n[Tensor f32 2x3]".replacingOccurrences(of: " 6]", with: "  6]")
          .replacingOccurrences(of: " 2]]", with: "  2]]"))
      _ = try s.output("v = T{1, 2, 3, 4}; v[{ {2, 4} }] = v[{ {1, 3} }]; v[T{1, 4}] = T{8, 9}")
      expect(try s.text("v"), "[8, 1, 2, 9]\n[Tensor f32 4]")
      _ = try s.output("v[v:gt(5)] = T{-8, -9}; i = T({1, 2}, 'i64'); i[1] = 3.0")
      expect(try s.text("v, i"), "[-8, 1, 2, -9]\n[Tensor f32 4] [3, 2]\n[Tensor i64 2]")
    }

    @Test func badAssignmentsAreRefused() throws {
      let s = try Session()
      _ = try s.output("t = T{{1, 2, 3}, {4, 5, 6}}; i = T({1, 2}, 'i64')")
      expect(try s.refusal("t[1] = T{1, 2}"), "assignment: a value of 2 does not fit into 3")
      expect(try s.refusal("i[1] = 1.5").contains("no integer representation"), true)
      expect(try s.refusal("i[1] = T(1.5)"), "assignment: a tensor of i64 cannot hold a result of f32")
      expect(
        try s.refusal("t[1] = 'x'").contains("number, boolean, table or Tensor expected, got string"), true)
      expect(
        try s.refusal("t[T{true, false, true}] = 1"),
        "a mask of 3 does not fit a tensor of 2x3: expected its leading dimensions")
      expect(try s.refusal("t[7] = 1").contains("out of range"), true)
      expect(try s.refusal("T(1):expand(2)[1] = 5"), "no error")
      expect(try s.refusal("T{1}:expand(2):fill_(5)").contains("stretched"), true)
      expect(
        try s.refusal("local w = T({1, 2}, {requires_grad = true}); w[1] = 5").contains(
          "a leaf that requires a gradient"), true)
      expect(
        try s.refusal("local w = T({1, 2}, {requires_grad = true}); T{1, 2}[1] = w[1]").contains(
          "does not record the gradient"), true)
    }
  }
}
