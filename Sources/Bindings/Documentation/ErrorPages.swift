/// Pages of the properties of an error, which the Lua engine declares.
import LuaEngine

extension Bindings {
  static func documentErrors(_ library: Library) throws {
    for property in ErrorObject.properties {
      let page = Page(
        "err.\(property.name)", property.meaning,
        example: """
          ok, err = pcall(function() return T{1, 2} + T{1, 2, 3} end)
          print(type(err.\(property.name)))
          """, prints: property.name == "cause" ? "nil" : "string")
      library.document(
        Declared(member: property.name, name: "Error:" + property.name, group: "errors", page: page),
        .member("Error"))
    }
  }
}
