/// Where the time of a computation goes, operation by operation.
///
///     let profile = try Profiler.measure { try loss().backward() }
///     profile.rows[0]        // the operation with the most time of its own
///
/// Times are an operation's own: the time that a composed operation spends in others counts for those. The
/// last row, `(other)`, is the time outside all operations, so the rows add up to the time on the clock.
/// Bytes are those of results.
import Base
import Tensors

public final class Profiler: OpObserver {
  public struct Row {
    public let name: String
    public fileprivate(set) var calls = 0
    public fileprivate(set) var seconds = 0.0
    public fileprivate(set) var bytes = 0
  }

  private var rows: [String: Row] = [:]
  private var running: [(name: String, start: ContinuousClock.Instant, inside: Double)] = []
  private let clock = ContinuousClock()

  /// Runs `body`; returns the rows, the slowest first, and the seconds in all.
  public static func measure(_ body: () throws -> Void) rethrows -> (rows: [Row], seconds: Double) {
    let profiler = Profiler()
    let start = profiler.clock.now
    try Op.observed(by: profiler, body)
    let total = (profiler.clock.now - start).seconds
    return (profiler.report(total), total)
  }

  public func begin(
    _ name: String, _ inputs: [Tensor?], _ attributes: [Attribute], lent: [Tensor?], isBackward: Bool
  ) {
    running.append((isBackward ? name + " backward" : name, clock.now, 0))
  }

  public func end(_ results: [Tensor?]) {
    end(bytes: results.reduce(0) { $0 + ($1.map { $0.elementCount * $0.dtype.byteCount } ?? 0) })
  }

  public func leave() { end(bytes: 0) }

  private func end(bytes: Int) {
    guard let (name, start, inside) = running.popLast() else { return }
    let whole = (clock.now - start).seconds
    rows[name, default: Row(name: name)].calls += 1
    rows[name, default: Row(name: name)].seconds += max(0, whole - inside)
    rows[name, default: Row(name: name)].bytes += bytes
    if !running.isEmpty { running[running.count - 1].inside += whole }
  }

  private func report(_ total: Double) -> [Row] {
    let sorted = rows.values.sorted { ($1.seconds, $0.name) < ($0.seconds, $1.name) }
    let known = sorted.reduce(0) { $0 + $1.seconds }
    return sorted + [Row(name: "(other)", seconds: max(0, total - known))]
  }
}

extension Duration {
  public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
