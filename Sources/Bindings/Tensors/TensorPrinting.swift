/// T.set_print: how tensors are printed.
import Autograd
import Base
import LuaEngine
import Tensors

extension Bindings {
  private static let printOptions = [
    Option("precision", optional: .integer, "maximum decimals", otherwise: "as before", least: 0, most: 17),
    Option(
      "edge", optional: .integer, "elements shown at each end of a long dimension", otherwise: "as before",
      least: 1, most: 1000),
    Option(
      "threshold", optional: .integer, "tensors with more elements are abbreviated", otherwise: "as before",
      least: 0, most: 1e9),
    Option(
      "width", optional: .integer, "characters per line", otherwise: "as before", least: 20, most: 10_000),
  ]

  static func addPrinting(_ module: inout NativeModule) {
    module.function(
      "set_print",
      Page(
        "T.set_print{options}",
        "Sets how tensors are printed. Options that are not given stay; without an argument all return to their initial values 4, 3, 1000 and 80.",
        options: printOptions,
        example: """
          T.set_print{precision = 1}
          print(T(1 / 3))
          T.set_print()
          """,
        prints: """
          0.3
          [Tensor f32 scalar]
          """)
    ) { call in
      guard !call.isNil(1) else {
        TensorPrinter.current = TensorPrinter()
        return 0
      }
      let options = try OptionTable(call, 1, printOptions)
      var printer = TensorPrinter.current
      printer.precision = try options.integer(ifGiven: "precision") ?? printer.precision
      printer.edge = try options.integer(ifGiven: "edge") ?? printer.edge
      printer.threshold = try options.integer(ifGiven: "threshold") ?? printer.threshold
      printer.width = try options.integer(ifGiven: "width") ?? printer.width
      TensorPrinter.current = printer
      return 0
    }
  }
}
