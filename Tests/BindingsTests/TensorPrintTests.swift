/// Tensors as text.
import Autograd
import Models
import Testing

extension BindingsTests {
  @Suite(.serialized) struct TensorPrinting {
    @Test func numbersShowTheDecimalsTheyNeedUpToFour() throws {
      let s = try Session()
      expect(try s.text("T{11, 12}"), "[11, 12]\n[Tensor f32 2]")
      expect(try s.text("T{0.5, 0.25}"), "[0.50, 0.25]\n[Tensor f32 2]")
      expect(try s.text("T{0.1, 1 / 3}"), "[0.1000, 0.3333]\n[Tensor f32 2]")
      expect(try s.text("T{3.00001}"), "[3.0000]\n[Tensor f32 1]")
      expect(try s.text("T(math.log(2))"), "0.6931\n[Tensor f32 scalar]")
      expect(try s.text("T({-0.0, 2}, 'f64')"), "[-0, 2]\n[Tensor f64 2]")
    }

    @Test func farMagnitudesAreScientific() throws {
      let s = try Session()
      expect(try s.text("T{0.001, 2.5}"), "[1.0e-03, 2.5e+00]\n[Tensor f32 2]")
      expect(try s.text("T{1 / 3e5}"), "[3.3333e-06]\n[Tensor f32 1]")
      expect(try s.text("T{1, 5000}"), "[1, 5000]\n[Tensor f32 2]")
      expect(try s.text("T{1e9, 1}"), "[1e+09, 1e+00]\n[Tensor f32 2]")
    }

    @Test func rowsAreAligned() throws {
      let s = try Session()
      expect(try s.text("T{{1, -20}, {300, 4}}"), "[[  1, -20],\n [300,   4]]\n[Tensor f32 2x2]")
      expect(try s.text("T{{0 / 0, 1}, {1 / 0, -1 / 0}}"), "[[ nan,    1],\n [ inf, -inf]]\n[Tensor f32 2x2]")
      expect(try s.text("T{{true}, {false}}"), "[[ true],\n [false]]\n[Tensor bool 2x1]")
      expect(try s.text("T{{{1, 2}}, {{3, 4}}}"), "[[[1, 2]],\n\n [[3, 4]]]\n[Tensor f32 2x1x2]")
    }

    @Test func nothingAndEdgesOfMuch() throws {
      let s = try Session()
      expect(try s.text("T.zeros(0)"), "[]\n[Tensor f32 0]")
      expect(try s.text("T.zeros(2, 0)"), "[]\n[Tensor f32 2x0]")
      expect(try s.text("T.arange(2000)"), "[1, 2, 3, ..., 1998, 1999, 2000]\n[Tensor f32 2000]")
      expect(
        try s.text("T.arange(1600):reshape(800, 2)"),
        "[[   1,    2],\n [   3,    4],\n [   5,    6],\n ...,\n [1595, 1596],\n [1597, 1598],\n [1599, 1600]]\n[Tensor f32 800x2]"
      )
      expect(
        try s.text("T.arange(30)"),
        "[ 1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,\n"
          + " 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]\n[Tensor f32 30]")
    }

    @Test func settingsChangeTheText() throws {
      let s = try Session()
      defer { _ = try? s.output("T.set_print()") }
      _ = try s.output("T.set_print{precision = 2, threshold = 4, edge = 1}")
      expect(try s.text("T{1 / 3}"), "[0.33]\n[Tensor f32 1]")
      expect(try s.text("T.arange(5)"), "[1, ..., 5]\n[Tensor f32 5]")
      expect(
        try s.refusal("T.set_print{width = 1}"),
        "bad argument #1 to 'set_print' (option 'width': expected a whole number from 20 to 10000, got 1)")
      expect(
        try s.refusal("T.set_print{with = 1}"),
        "bad argument #1 to 'set_print' (unknown option 'with'; did you mean 'width'?)")
    }

    /// Every operation's example prints what its help page says.
    @Test func examplesPrintWhatTheySay() throws {
      let s = try Session()
      for op in Op.catalogue {
        let found: String
        do { found = try s.output(op.example.lua) } catch { found = "\(error)" }
        if found != op.example.prints {
          Issue.record("\(op.name): \(op.example.lua)\nprints\n\(found)\ninstead of\n\(op.example.prints)")
        }
      }
    }
  }
}
