/// The sandbox of `--sandbox`, from the side of Swift: what closes it, and what the library asks before it does what the
/// kernel would refuse anyway.
///
/// CSystem/sandbox.c enforces it below every library. This file only makes errors that say what was refused and why.
import CSystem

public enum Sandbox {
  public static var isOn: Bool { shim_sandbox_is_on() != 0 }

  /// Lets the sandbox use the files below `folder`, in both directions unless `isReadOnly`.
  public static func allow(_ folder: String, isReadOnly: Bool = false) throws {
    if folder.isEmpty || folder.utf8.contains(0) { throw Failure(.io, "not a folder's name: \"\(folder)\"") }
    if shim_sandbox_root(folder, isReadOnly ? 1 : 0) != 0 {
      throw Failure(.io, "--root: cannot open the folder \(folder): \(String(cString: strerror(errno)))")
    }
  }

  /// Closes the sandbox, for the rest of the process.
  public static func enter(outputBytes: Int) throws {
    shim_sandbox_limit_output(Int64(outputBytes))
    if let step = shim_sandbox_enter() {
      throw Failure(
        .state, "--sandbox: cannot \(String(cString: step)): \(String(cString: strerror(errno)))")
    }
  }

  /// Why the last call on a file was refused, with the option that would allow it; nil if the sandbox did not refuse it.
  public static func takeRefusal() -> String? { shim_sandbox_refusal().map { String(cString: $0) } }
}
