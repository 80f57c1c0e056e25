/// The syntax tree of a template.
///
/// Chains of operators, filters and elements are lists, so that the depth of the tree is that of brackets and
/// blocks, which the parser bounds. Names are numbers into `ChatTemplate.names`.

indirect enum TemplateExpression: Sendable {
  case constant(TemplateValue)
  case name(Int)
  case list([TemplateExpression])
  case tuple([TemplateExpression])
  case dict([(key: TemplateExpression, value: TemplateExpression)])
  case conditional(condition: TemplateExpression, then: TemplateExpression, otherwise: TemplateExpression?)
  case and([TemplateExpression])
  case or([TemplateExpression])
  case not(TemplateExpression)
  case negative(TemplateExpression)
  case positive(TemplateExpression)
  case comparison(TemplateExpression, [(sign: String, TemplateExpression)])
  case arithmetic(TemplateExpression, [(sign: String, TemplateExpression)])
  case joined([TemplateExpression])
  case chain(TemplateExpression, [TemplateSuffix])
}

/// What follows a value: `.name`, `[...]`, `(...)`, `|filter`, `is test`.
enum TemplateSuffix: Sendable {
  case attribute(String)
  case item(TemplateExpression)
  case slice(TemplateExpression?, TemplateExpression?, TemplateExpression?)
  case call(TemplateArguments)
  case filter(String, TemplateArguments)
  case test(String, TemplateArguments, isNegated: Bool)
}

struct TemplateArguments: Sendable {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []
  /// `*list` and `**dict`.
  var list: TemplateExpression?
  var dict: TemplateExpression?
}

enum TemplateTarget: Sendable {
  case name(Int)
  case tuple([TemplateTarget])
  case attribute(Int, String)
}

/// A piece of a template that is called: a macro, or the body of a call block.
struct TemplateMacro: Sendable {
  let name: Int
  let parameters: [(name: Int, text: String, standard: TemplateExpression?)]
  let body: [TemplateStatement]
  /// Names that the body reads besides its parameters: these arguments are taken too.
  let readsCaller: Bool
  let readsRest: Bool
  let readsNamedRest: Bool
}

struct TemplateLoop: Sendable {
  let target: TemplateTarget
  let list: TemplateExpression
  let condition: TemplateExpression?
  let isRecursive: Bool
  let body: [TemplateStatement]
  let otherwise: [TemplateStatement]
  let line: Int
}

indirect enum TemplateStatement: Sendable {
  case text(TemplateText)
  case output(TemplateExpression, line: Int)
  case conditional(
    [(condition: TemplateExpression, body: [TemplateStatement])], [TemplateStatement], line: Int)
  case loop(TemplateLoop)
  case set(TemplateTarget, TemplateExpression, line: Int)
  case setBlock(TemplateTarget, [TemplateSuffix], [TemplateStatement], line: Int)
  case with([(TemplateTarget, TemplateExpression)], [TemplateStatement], line: Int)
  case macro(TemplateMacro)
  case callBlock(TemplateExpression, TemplateMacro, line: Int)
  case filterBlock([TemplateSuffix], [TemplateStatement], line: Int)
  case generation([TemplateStatement])
  case breakLoop
  case continueLoop
}
