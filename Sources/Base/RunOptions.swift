/// What a run is started with: the options of the program that are not Lua's, each declared once with the way the
/// command line sets it and its line of the usage.
///
/// An option more is a property, an entry of `declared`, and the code that reads the property.
public struct RunOptions: Sendable {
  /// The seed of every random stream that is not given one of its own.
  public var seed: UInt64?
  /// Threads of the kernels; all processors of the process unless given.
  public var threads: Int?
  /// Bytes, for the Lua heap and tensors together.
  public var maxMemory: Int?
  /// The limit on memory: in the sandbox there always is one.
  public var memoryLimit: Int? { maxMemory ?? (isSandboxed ? Limits.sandboxMemoryBytes : nil) }
  /// Seconds until the program ends with 124.
  public var maxTime: Double?
  /// The script runs in the sandbox, with files below `roots` only.
  public var isSandboxed = false
  public var roots: [String] = []
  /// Bytes that a program in the sandbox may write.
  public var maxOutput: Int?
  public var readsInit = true
  public var usesColor = true
  /// The runs of the folder are shown, again and again, in place of a script.
  public var showsRuns = false
  /// The file that gets a page of the runs, in place of a script.
  public var runsPage: String?

  /// Files or folders that get a report of the script, in place of none.
  public var reports: [String] = []
  /// "name=value" for the cell of parameters of the script.
  public var params: [String] = []
  /// The files are converted between script and .ipynb, in place of running a script.
  public var converts = false
  /// The folder that gets the manual as HTML, in place of a script.
  public var manualFolder: String?
  /// The folder that gets LuaCATS definitions for editors, in place of a script.
  public var definitionsFolder: String?
  /// The connection file of a Jupyter kernel, which runs in place of a script.
  public var kernel: String?
  /// The kernel is made known to Jupyter, in place of a script: for the user, or below a folder.
  public var installsKernel = false
  public var kernelPrefix: String?

  public init(seed: UInt64? = nil, threads: Int? = nil, maxMemory: Int? = nil) {
    self.seed = seed
    self.threads = threads
    self.maxMemory = maxMemory
  }

  /// An option of the command line: `--name`, `--name=VALUE` or `--name VALUE`.
  public struct Declaration: Sendable {
    public let name: String
    /// How the usage shows the value; nil for an option that takes none.
    public let value: String?
    public let sentence: String
    /// Sets the option from the text of its value; false for a text it does not take.
    public let set: @Sendable (inout RunOptions, String) -> Bool

    /// An option that takes no value.
    static func flag(
      _ name: String, _ sentence: String, _ set: @escaping @Sendable (inout RunOptions) -> Void
    ) -> Declaration {
      Declaration(name: name, value: nil, sentence: sentence) { options, _ in
        set(&options)
        return true
      }
    }

    /// An option whose value is any text that is not empty.
    static func text(
      _ name: String, _ value: String, _ sentence: String,
      _ set: @escaping @Sendable (inout RunOptions, String) -> Void
    ) -> Declaration {
      Declaration(name: name, value: value, sentence: sentence) { options, text in
        if !text.isEmpty { set(&options, text) }
        return !text.isEmpty
      }
    }
  }

  public static let declared: [Declaration] = [
    Declaration(name: "seed", value: "N", sentence: "seed of every random stream") { options, text in
      options.seed = UInt64(text)
      return options.seed != nil
    },
    Declaration(
      name: "threads", value: "N",
      sentence: "threads of the numeric core, 1 to 256; results do not depend on it"
    ) { options, text in
      options.threads = Int(text).flatMap { ThreadCount.range.contains($0) ? $0 : nil }
      return options.threads != nil
    },
    Declaration(
      name: "max-memory", value: "SIZE",
      sentence: "limit on the Lua heap and tensors together, such as 512M or 2G"
    ) { options, text in
      options.maxMemory = bytes(text)
      return options.maxMemory != nil
    },
    Declaration(
      name: "max-time", value: "SECONDS", sentence: "end with status 124 after that time"
    ) { options, text in
      options.maxTime = Double(text).flatMap { $0 > 0 && $0 <= 1e9 ? $0 : nil }
      return options.maxTime != nil
    },
    .flag("sandbox", "run code that is not trusted: no processes, no C, files below roots only") {
      $0.isSandboxed = true
    },
    .text("root", "DIR", "a folder that --sandbox may use; several are allowed") { $0.roots.append($1) },
    Declaration(
      name: "max-output", value: "SIZE",
      sentence: "limit on what --sandbox writes, to files and terminals together"
    ) { options, text in
      options.maxOutput = bytes(text)
      return options.maxOutput != nil
    },
    .flag("no-init", "do not read init.lua at the prompt") { $0.readsInit = false },
    .flag("runs", "show the runs of the folder 'runs' and their figures, redrawn") { $0.showsRuns = true },
    .text("runs-html", "FILE", "write a page of these runs") { $0.runsPage = $1 },
    .text(
      "report", "FILE", "write a report of the script: .html, .ipynb, .md, or a folder of them with an index"
    ) { $0.reports.append($1) },
    Declaration(
      name: "param", value: "NAME=VALUE", sentence: "another value for a parameter of the script's cells"
    ) { options, text in
      options.params.append(text)
      return text.dropFirst().contains("=")
    },
    .flag("convert", "convert FROM [TO] between a script with cells and .ipynb") { $0.converts = true },
    .text("manual", "DIR", "write the manual as HTML, with a search") { $0.manualFolder = $1 },
    .text("definitions", "DIR", "write definitions (LuaCATS) with which editors check scripts") {
      $0.definitionsFolder = $1
    },
    .text("kernel", "FILE", "be a Jupyter kernel, listening where FILE says") { $0.kernel = $1 },
    .flag("install-kernel", "make the kernel known to Jupyter; --user (default) or --prefix") {
      $0.installsKernel = true
    },
    .flag("user", "install the kernel for the user") { $0.kernelPrefix = nil },
    .text("prefix", "DIR", "install the kernel below DIR, such as a Python environment") {
      $0.kernelPrefix = $1
    },
    .flag("no-color", "no colour at the prompt") { $0.usesColor = false },
  ]

  /// "512M", "2G", "1.5G" or plain bytes.
  static func bytes(_ text: String) -> Int? {
    let units: [Character: Double] = ["K": 1024, "M": 1_048_576, "G": 1_073_741_824]
    let unit = text.last.flatMap { units[Character($0.uppercased())] }
    guard let number = Double(unit == nil ? text : String(text.dropLast())), number > 0 else { return nil }
    return Int(exactly: (number * (unit ?? 1)).rounded())
  }
}
