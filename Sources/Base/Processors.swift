/// The number of processors that this process may use.
///
/// A batch job or a container often may use few of the machine's processors. The affinity mask (taskset,
/// Slurm) says which; the quota of a control group (Docker's `--cpus`, Kubernetes' limits) says how much time
/// in all.
import CSystem

public enum Processors {
  /// At least 1. A quota of 1.5 processors counts as 2.
  public static var usable: Int {
    let inMask = Int(shim_affinity_count())
    let count = inMask > 0 ? inMask : sysconf(Int32(_SC_NPROCESSORS_ONLN))
    guard let groups = read("/proc/self/cgroup"), let quota = quota(groups: groups, root: "/sys/fs/cgroup")
    else { return max(1, count) }
    return max(1, min(count, Int(quota.rounded(.up))))
  }

  /// The least quota, in processors, of the groups and those above them; nil if there is none.
  ///
  /// `groups` is the text of /proc/self/cgroup, a line "number:controllers:path" for each hierarchy.
  static func quota(groups: String, root: String) -> Double? {
    var least: Double?
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let controllers = fields[1].split(separator: ",")
      guard controllers.isEmpty || controllers.contains("cpu") else { continue }
      var path = String(fields[2])
      while true {
        let quota =
          controllers.isEmpty
          ? unified(root + path)
          : firstVersion("\(root)/\(fields[1])\(path)") ?? firstVersion("\(root)/cpu\(path)")
        if let quota { least = min(least ?? quota, quota) }
        guard path.count > 1, let cut = path.lastIndex(of: "/") else { break }
        path = String(path[..<cut])
      }
    }
    return least
  }

  /// cgroup v2: "quota period" in microseconds, or "max period".
  private static func unified(_ folder: String) -> Double? {
    let numbers = read(folder + "/cpu.max")?.split { $0 == " " || $0 == "\n" }.map { Double($0) }
    guard let numbers, numbers.count == 2, let quota = numbers[0], let period = numbers[1] else { return nil }
    return quota > 0 && period > 0 ? quota / period : nil
  }

  /// cgroup v1: the quota is -1 where there is none.
  private static func firstVersion(_ folder: String) -> Double? {
    func number(_ name: String) -> Double? {
      read(folder + "/" + name)?.split(separator: "\n").first.flatMap { Double($0) }
    }
    guard let quota = number("cpu.cfs_quota_us"), let period = number("cpu.cfs_period_us") else { return nil }
    return quota > 0 && period > 0 ? quota / period : nil
  }

  /// The text of a small file of the kernel; nil if it cannot be read.
  private static func read(_ path: String) -> String? {
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}
