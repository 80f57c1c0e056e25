import Base
import Foundation
import Runs

/// Runs `body` with a fresh folder and removes the folder.
func withTemporaryFolder(_ body: (String) throws -> Void) throws {
  let folder = NSTemporaryDirectory() + "/perilune-runs-" + UUID().uuidString
  try AtomicFile.makeFolder(folder)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try body(folder)
}

func about(_ name: String, _ params: [(path: String, value: SQLValue)] = []) -> RunWriter.About {
  RunWriter.About(name: name, config: "{}", params: params, hash: "h")
}

/// The loss of a step, a function of it, so that a resumed run can be compared with one that was never cut.
func loss(_ step: Int) -> Double { 1 / Double(step) }

/// Takes the steps after `from` to `last` of a run whose state is its step, with a checkpoint every `every`
/// steps.
func train(_ writer: RunWriter, from: Int, to last: Int, every: Int, keep: Int = 2) throws {
  guard from < last else { return }
  for step in from + 1...last {
    try writer.log(step: step, [("loss", loss(step)), ("win", step % 7 == 0 ? .nan : loss(step) / 2)])
    if step % 5 == 0 { try writer.event(step: step, kind: "evaluated", "point \(step)") }
    if step % every == 0 {
      let folder = try writer.beginCheckpoint(step: step)
      try RealDisk().write(Array("state of step \(step)".utf8), to: folder + "/state")
      try writer.checkpoint(folder, step: step, keep: keep)
    }
  }
}

/// Goes on after the newest checkpoint; returns its step.
func restore(_ writer: RunWriter) throws -> Int {
  let step = try writer.newestCheckpoint().checkpoint?.step ?? 0
  try writer.cut(after: step)
  return step
}
