/// The line that shows how far a long computation is, as text; the caller writes it.
///
/// The time left comes from a rate that forgets: a run whose steps become slower (longer responses, a busy machine) is
/// not judged by its first minute. Steps done before the first call (a resumed run) do not count as fast ones.
import Foundation

/// Renders progress lines and remembers how fast steps went.
///
///     var bar = ProgressBar()
///     bar.text(step: 0, total: 400, elapsedSeconds: 0, label: "sft")
///     bar.text(step: 248, total: 400, elapsedSeconds: 20, label: "sft", metrics: [("loss", 0.213)], width: 60)
///     // sft  ▕█████████▎     ▏ 62%  248/400  0:12 left  loss 0.213
public struct ProgressBar: Sendable {
  private let unicode: Bool
  private var first: (step: Int, seconds: Double)?
  private var last: (step: Int, seconds: Double)?
  private var secondsPerStep: Double?

  /// Weight of what is new falls to 1/e of itself over this part of the time gone by.
  private static let memory = 0.2

  public init(unicode: Bool = true) { self.unicode = unicode }

  /// The line for this moment, at most `width` columns, without a line end.
  ///
  /// `total` 0 or less means that the end is not known. What does not fit is left out, the metrics from the last.
  public mutating func text(
    step: Int, total: Int, elapsedSeconds: Double, label: String = "", metrics: [(String, Double)] = [],
    width: Int = 80
  ) -> String {
    let step = max(step, 0)
    let seconds = elapsedSeconds.isFinite ? max(elapsedSeconds, 0) : last?.seconds ?? 0
    observe(step, seconds)
    let width = max(width, 1)
    var parts = label.isEmpty ? [] : [TerminalText.line(label, unicode: unicode)]
    var tail: [String]
    if total > 0 {
      let share = min(Double(step) / Double(total), 1)
      // Floored, so that 100% is not shown before the end.
      tail = ["\(TerminalText.paddedLeft("\(Int(share * 100))", to: 3))%", "\(step)/\(total)"]
      if step >= total {
        tail.append("in \(ProgressBar.clock(seconds))")
      } else if let secondsPerStep {
        tail.append("\(ProgressBar.clock(Double(total - step) * secondsPerStep)) left")
      }
    } else {
      tail = ["\(step) steps", ProgressBar.clock(seconds)]
      if let secondsPerStep, secondsPerStep > 0 { tail.append("\(brief(1 / secondsPerStep, digits: 2))/s") }
    }
    var figures = metrics.map { "\(TerminalText.line($0.0, unicode: unicode)) \(brief($0.1))" }

    func size(_ texts: [String]) -> Int { texts.reduce(0) { $0 + TerminalText.width($1) + 2 } - 2 }
    let barRoom = total > 0 ? 8 : 0
    while !figures.isEmpty, size(parts + tail + figures) + barRoom + 2 > width { figures.removeLast() }
    // The bar takes what is left, from 6 to 24 columns with its ends; its end stands one blank before the number.
    let left = width - size(parts + tail + figures) - (parts.isEmpty ? 1 : 2)
    if total > 0, left >= 6 {
      tail[0] = bar(Double(step) / Double(total), columns: min(left, 24) - 2) + tail[0]
    }
    parts += tail + figures
    return TerminalText.cut(parts.joined(separator: "  "), to: width, unicode: unicode)
  }

  private func bar(_ share: Double, columns: Int) -> String {
    let share = min(max(share, 0), 1)
    guard unicode else {
      let full = Int(share * Double(columns))
      return "[" + String(repeating: "#", count: full) + String(repeating: ".", count: columns - full) + "]"
    }
    let eighths = Int(share * Double(columns * 8))
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    let text = String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    return "▕" + TerminalText.padded(text, to: columns) + "▏"
  }

  /// Takes a new step count into the rate.
  private mutating func observe(_ step: Int, _ seconds: Double) {
    guard let before = last, let start = first, step >= before.step, seconds >= before.seconds else {
      // The first call, or a new run with the same bar.
      first = (step, seconds)
      last = (step, seconds)
      secondsPerStep = nil
      return
    }
    guard step > before.step else { return }
    let rate = (seconds - before.seconds) / Double(step - before.step)
    let span = max((seconds - start.seconds) * ProgressBar.memory, 1e-9)
    let weight = secondsPerStep == nil ? 1 : 1 - exp(-(seconds - before.seconds) / span)
    secondsPerStep = (secondsPerStep ?? rate) * (1 - weight) + rate * weight
    last = (step, seconds)
  }

  /// `0:12`, `3:07`, `2:15:00`, `4d 3h`.
  static func clock(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "long" }
    let whole = Int(max(seconds, 0).rounded())
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    if hours >= 48 { return "\(hours / 24)d \(hours % 24)h" }
    if hours > 0 { return String(format: "%d:%02d:%02d", hours, minutes, rest) }
    return String(format: "%d:%02d", minutes, rest)
  }
}
