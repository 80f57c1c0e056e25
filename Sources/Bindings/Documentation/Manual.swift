/// The pages of everything native, in the order in which the library declares it.
import LuaEngine

final class Manual {
  /// Where the function of a page is found.
  enum Place {
    /// A function of a module: `require(module)[name]`.
    case module(String)
    /// A method or property of a class.
    case member(String)
    /// A subject that is no function.
    case topic
  }

  struct Entry {
    let declared: Declared
    let place: Place
    /// The part of the manual.
    let part: String

    /// The name that `help` finds: `zeros`, `models.load`, `Model:sample`.
    var name: String { declared.name }
    var group: String { declared.group }
    var page: Page { declared.page }
  }

  /// One entry a name.
  private(set) var entries: [Entry] = []
  /// Every place, also the second of a name: an operation is a function and a method.
  private(set) var places: [Entry] = []
  private var positions: [String: Int] = [:]

  func add(_ entry: Entry) {
    places.append(entry)
    if positions[entry.name] != nil { return }
    positions[entry.name] = entries.count
    entries.append(entry)
  }

  subscript(name: String) -> Page? { positions[name].map { entries[$0].page } }

  var names: [String] { entries.map(\.name) }

  /// All pages as Markdown: a part is a heading, a group a heading below it.
  var markdown: String {
    sections(entries, by: { $0.part }).map { part, entries in
      "# \(part)\n\n"
        + sections(entries, by: { $0.group }).map { group, entries in
          "## \(group.prefix(1).uppercased() + group.dropFirst())\n\n"
            + entries.map { $0.page.markdown + "\n" }.joined()
        }.joined()
    }.joined()
  }

  /// Entries by heading, headings in the order of their first entry.
  private func sections(_ entries: [Entry], by heading: (Entry) -> String) -> [(String, [Entry])] {
    var headings: [String] = []
    for entry in entries where !headings.contains(heading(entry)) { headings.append(heading(entry)) }
    return headings.map { wanted in (wanted, entries.filter { heading($0) == wanted }) }
  }
}
