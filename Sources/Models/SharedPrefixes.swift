/// Beginnings that sequences of a batch have in common, whose states are computed once.
///
/// A state of a causal model depends on the tokens up to it alone. So the responses of a pair, and those of a group,
/// have equal states over their prompt: maps and norms run over the different states, and attention, which is a small
/// part of the work, over whole sequences. The states have the same bits as without; the gradients of a prompt are
/// summed before the maps and not after them, which changes their last bits.
import Base
import Tensors

struct SharedPrefixes {
  /// The id and the position of each state that is computed, [U], and a packed token that has it.
  let ids, positions, places: Tensor
  /// For each packed token, which of them is its state, [N].
  let states: Tensor

  /// Sharing costs a copy of queries, keys and values: it must save one state of this many.
  private static let leastSaved = 5

  /// The shared beginnings of packed sequences; nil where they save less than a fifth of the states.
  init?(_ batch: TokenBatch) throws {
    let count = batch.segments.tokenCount
    let owners = Self.owners(batch)
    var numbers = [Int64](repeating: 0, count: count)
    var places: [Int64] = []
    for token in 0..<count where owners[token] == token {
      numbers[token] = Int64(places.count)
      places.append(Int64(token))
    }
    if (count - places.count) * Self.leastSaved < count { return nil }
    let states = owners.map { numbers[$0] }
    self.places = try Tensor(places, shape: [places.count])
    self.states = try Tensor(states, shape: [count])
    ids = try batch.ids.slices(0, self.places)
    positions = try batch.positions().slices(0, self.places)
  }

  /// For each packed token the one whose state it shares, which may be itself. In the order of their ids,
  /// sequences with a common beginning are neighbours.
  private static func owners(_ batch: TokenBatch) -> [Int] {
    var owners = Array(0..<batch.segments.tokenCount)
    let rows = (0..<batch.segments.count).sorted {
      let (a, b) = (batch.sequence($0), batch.sequence($1))
      if a.lexicographicallyPrecedes(b) { return true }
      return $0 < $1 && !b.lexicographicallyPrecedes(a)
    }
    for (before, row) in zip(rows, rows.dropFirst()) {
      let (from, to) = (batch.segments.range(before).lowerBound, batch.segments.range(row).lowerBound)
      for (at, ids) in zip(batch.sequence(before), batch.sequence(row)).enumerated() {
        if ids.0 != ids.1 { break }
        owners[to + at] = owners[from + at]
      }
    }
    return owners
  }
}
