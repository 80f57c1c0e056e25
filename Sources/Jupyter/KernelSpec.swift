/// Makes the kernel known to Jupyter: a folder with kernel.json, where Jupyter looks for it.
///
/// Papermill writes parameters by translators in Python, which have no Lua. Where the folder belongs to a Python
/// environment, a module with a translator is installed into it as well.
import Base
import Formats
import Foundation

public enum KernelSpec {
  /// Installs below a folder, or for the user with nil. Gives lines that say what was written.
  public static func install(below prefix: String?, program: String) throws -> String {
    let environment = Folders.Environment()
    let data = try dataFolder(below: prefix, environment)
    let folder = absolute(data) + "/kernels/perilune"
    try AtomicFile.makeFolder(folder)
    let spec: JSONValue = [
      "argv": [.string(try path(of: program)), "--kernel", "{connection_file}"],
      "display_name": "Perilune (Lua 5.4)", "language": "lua", "interrupt_mode": "message",
      "metadata": ["debugger": false, "supported_encryption": "curve"],
    ]
    try spec.save(to: folder + "/kernel.json")
    try AtomicFile.write(PackageResources.logo_svg, to: folder + "/logo-svg.svg")
    var lines = ["installed the kernel 'perilune' in \(folder)"]
    for place in sitePackages(in: prefix ?? environment.value("VIRTUAL_ENV")) {
      try installTranslator(in: place)
      lines.append("installed the parameters of papermill in \(place) (perilune_papermill.py)")
    }
    if !KernelSockets.isAvailable {
      lines.append("the kernel needs ZeroMQ when it runs; install it with: apt-get install libzmq5")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  /// Where Jupyter keeps what belongs to a Python environment or, with nil, to the user.
  ///
  /// jupyter_core, paths.py, jupyter_data_dir.
  static func dataFolder(below prefix: String?, _ environment: Folders.Environment) throws -> String {
    if let prefix { return prefix + "/share/jupyter" }
    if let folder = environment.value("JUPYTER_DATA_DIR") { return folder }
    if let folder = environment.value("XDG_DATA_HOME") ?? environment.home.map({ $0 + "/.local/share" }) {
      return folder + "/jupyter"
    }
    throw Failure(
      .io, "no folder for the kernel: the user has no home folder; set JUPYTER_DATA_DIR, or give --prefix DIR"
    )
  }

  private static func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }

  /// The absolute path of the program as it was called, or of its file.
  private static func path(of program: String) throws -> String {
    func real(_ path: String) -> String? {
      guard let resolved = realpath(path, nil) else { return nil }
      defer { free(resolved) }
      return String(cString: resolved)
    }
    guard let file = real("/proc/self/exe") else { throw FileCalls.failure("find", "the program") }
    let folders = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":").map(String.init)
    let candidates = program.contains("/") ? [absolute(program)] : folders.map { $0 + "/" + program }
    return candidates.first { real($0) == file } ?? file
  }

  private static func sitePackages(in environment: String?) -> [String] {
    guard let environment else { return [] }
    let library = absolute(environment) + "/lib"
    return ((try? FileCalls.names(in: library)) ?? []).filter { $0.hasPrefix("python3") }.sorted()
      .map { library + "/" + $0 + "/site-packages" }.filter { access($0, W_OK) == 0 }
  }

  /// A module, and the entry by which papermill finds it when it starts.
  private static func installTranslator(in folder: String) throws {
    let name = "perilune_papermill"
    let entry = folder + "/\(name)-1.0.dist-info"
    try AtomicFile.makeFolder(entry)
    try AtomicFile.write(PackageResources.perilune_papermill_py, to: folder + "/\(name).py")
    let files = [
      "METADATA":
        "Metadata-Version: 2.1\nName: perilune-papermill\nVersion: 1.0\nSummary: Lua parameters for papermill\n",
      "INSTALLER": "perilune --install-kernel\n",
      "entry_points.txt": "[papermill.engine]\nperilune = \(name):Engine\n",
      "RECORD": "\(name).py,,\n"
        + ["METADATA", "INSTALLER", "entry_points.txt", "RECORD"].map { "\(name)-1.0.dist-info/\($0),,\n" }
        .joined(),
    ]
    for (file, text) in files { try AtomicFile.write(Array(text.utf8), to: entry + "/" + file) }
  }
}
