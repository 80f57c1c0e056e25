/// The connection file of a Jupyter kernel: where its sockets listen, and the key that signs its messages.
///
/// The file is written by the client that starts the kernel. The sockets listen exactly there: a port of 0, an
/// empty key or an unknown transport is refused.
import Base
import Formats

struct ConnectionFile {
  enum Port: String, CaseIterable {
    case shell = "shell_port"
    case control = "control_port"
    case stdin = "stdin_port"
    case iopub = "iopub_port"
    case heartbeat = "hb_port"
  }

  let path: String
  let transport, address: String
  let ports: [Port: Int]
  let key: [UInt8]
  /// The digest of "hmac-DIGEST", such as "sha256".
  let digest: String
  /// The secret key of CurveZMQ where the client encrypts the connection.
  let curveSecret: String?

  init(path: String) throws {
    try self.init(try JSONValue.load(path), path: path)
  }

  init(_ json: JSONValue, path: String) throws {
    func refusal(_ text: String) -> Failure { Failure(.value, "connection file \(path): \(text)") }
    func text(_ name: String, _ otherwise: String) throws -> String {
      guard let value = json[name] else { return otherwise }
      guard let text = value.text, !text.utf8.contains(0) else { throw refusal("'\(name)' must be a text") }
      return text
    }
    guard json.members != nil else { throw refusal("expected a JSON object") }
    self.path = path
    transport = try text("transport", "tcp")
    guard ["tcp", "ipc"].contains(transport) else {
      throw refusal("'transport' must be \"tcp\" or \"ipc\", got \"\(transport.readable)\"")
    }
    address = try text("ip", "127.0.0.1")
    guard !address.isEmpty else { throw refusal("'ip' is empty") }
    var ports: [Port: Int] = [:]
    for port in Port.allCases {
      guard let value = json[port.rawValue] else { throw refusal("no '\(port.rawValue)'") }
      guard let number = value.int else { throw refusal("'\(port.rawValue)' must be a whole number") }
      guard transport == "ipc" ? number > 0 : (1...65535).contains(number) else {
        throw refusal("'\(port.rawValue)' must be from 1 to 65535, got \(number)")
      }
      ports[port] = number
    }
    if Set(ports.values).count < ports.count { throw refusal("two sockets have the same port") }
    self.ports = ports
    key = Array(try text("key", "").utf8)
    if key.isEmpty { throw refusal("'key' is empty: messages must be signed") }
    let scheme = try text("signature_scheme", "hmac-sha256")
    guard scheme.hasPrefix("hmac-") else {
      throw refusal("'signature_scheme' must be such as \"hmac-sha256\", got \"\(scheme.readable)\"")
    }
    digest = String(scheme.dropFirst(5))
    let secret = try text("curve_secretkey", "")
    if !secret.isEmpty && secret.utf8.count != 40 {
      throw refusal("'curve_secretkey' must have 40 characters")
    }
    curveSecret = secret.isEmpty ? nil : secret
  }

  func endpoint(_ port: Port) -> String {
    let number = ports[port] ?? 0
    if transport == "ipc" { return "ipc://\(address)-\(number)" }
    // An IPv6 address has colons, as the port has.
    return address.contains(":") && !address.hasPrefix("[")
      ? "tcp://[\(address)]:\(number)" : "tcp://\(address):\(number)"
  }
}
