/// Checks of the options that update rules share.
import Base

enum Options {
  static func check(lr: Double) throws {
    if !(lr >= 0 && lr.isFinite) { throw Failure(.value, "lr must be at least 0, got \(lr)") }
  }

  static func check(_ name: String, least0 value: Double) throws {
    if !(value >= 0 && value.isFinite) { throw Failure(.value, "\(name) must be at least 0, got \(value)") }
  }

  static func check(_ name: String, below1 value: Double) throws {
    if !(value >= 0 && value < 1) { throw Failure(.value, "\(name) must be in [0, 1), got \(value)") }
  }
}
