/// What the regular expressions of one part of a tokenizer may take together: as much as a single one.
///
/// A file may have thousands, and a few bytes of a pattern become many steps: `(abcdefgh){1000}`.
import Base

final class PatternBudget {
  private var (steps, sets) = (0, 0)

  /// Compiles a pattern, refused where all until now have too many steps or classes.
  func compiled(_ text: String) throws -> Pattern {
    let pattern = try Pattern(text)
    steps += pattern.size.steps
    sets += pattern.size.sets
    if steps > Limits.patternStepsMax {
      throw Failure(
        .format, "the regular expressions to this one have more than \(Limits.patternStepsMax) steps")
    }
    if sets > Limits.patternSetsMax {
      throw Failure(
        .format, "the regular expressions to this one have more than \(Limits.patternSetsMax) classes")
    }
    return pattern
  }
}
