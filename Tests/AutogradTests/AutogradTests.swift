/// All tests of this target run one after another, because the tape is one for the process.
///
/// Write each suite as an extension: `extension AutogradTests { @Suite struct GoldenTests { ... } }`.
import Testing

@Suite(.serialized) struct AutogradTests {}
