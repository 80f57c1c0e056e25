/// The option of models.transformer that sets a field of the configuration.
import Models

extension Option {
  init(_ field: ConfigField) {
    let kind: Kind
    var (least, most, above): (Double?, Double?, Double?) = (nil, nil, nil)
    switch field.kind {
    case .size(let smallest):
      kind = .integer
      (least, most) = (Double(smallest), Double(ConfigField.sizeMax))
    case .number(let bounds):
      kind = .number
      (least, above) = (bounds.least, bounds.above)
    case .flag: kind = .flag
    case .choice(let known): kind = .choice(known)
    case .pattern: kind = .text
    }
    if let otherwise = field.otherwise {
      self.init(
        field.name, optional: kind, field.meaning, otherwise: otherwise, least: least, most: most,
        above: above)
    } else {
      self.init(field.name, required: kind, field.meaning, least: least, most: most, above: above)
    }
  }
}
