/// The settings of a reward model: a score head of one label, and the id that pads texts.
import Base
import Formats

extension FolderConfig {
  /// Refuses a classifier of several labels. transformers 5 reads `id2label`, else `num_labels`, else takes two
  /// (`configuration_utils.py`).
  func checkOneLabel() throws {
    let labels = try object("id2label")?.count ?? size("num_labels", otherwise: 2)
    if labels == 1 { return }
    let key = self["id2label"] != nil ? "id2label" : "num_labels"
    let given =
      self[key] == nil ? "'\(key)' is not given, which is 2 labels" : "'\(key)' has \(labels) labels"
    throw Failure(
      .format, "\(path): \(given); a score head has one here: use a reward model with num_labels 1")
  }

  /// The id whose last run a score skips; a negative one, as null, is no token.
  func padTokenId(otherwise: Int) throws -> Int {
    guard let given = self["pad_token_id"] else { return has("pad_token_id") ? -1 : otherwise }
    return (given.int ?? 0) < 0 ? -1 : try size("pad_token_id")
  }

  /// What says that a classifier has one label.
  static func oneLabel(_ config: TransformerConfig) -> [JSONMember] {
    [
      JSONMember("num_labels", 1), JSONMember("id2label", ["0": "LABEL_0"]),
      JSONMember("label2id", ["LABEL_0": 0]),
      JSONMember("pad_token_id", config.padTokenId < 0 ? .null : .integer(config.padTokenId)),
    ]
  }
}
