/// A message of the Jupyter protocol on the wire: identities, `<IDS|MSG>`, signature, four parts of JSON.
///
/// https://jupyter-client.readthedocs.io/en/stable/messaging.html, version 5.4.
import Base
import Formats

struct Message {
  /// The frames before the delimiter: whom a reply goes to.
  let identities: [[UInt8]]
  /// The header as it came, which is the parent of what answers the message.
  let headerBytes: [UInt8]
  let type: String
  let content: JSONValue

  static let protocolVersion = "5.4"
  static let delimiter = Array("<IDS|MSG>".utf8)
}

/// Takes messages in: size, signature, replay, form.
final class MessageGate {
  /// Why a message is refused.
  struct Refusal: Error { let reason: String }

  private let key: MessageKey
  private var seen: Set<[UInt8]> = []
  /// The same signatures in a ring, of which the next to forget is at `oldest`.
  private var order: [[UInt8]] = []
  private var oldest = 0

  init(_ key: MessageKey) { self.key = key }

  /// The message of the frames. Throws a `Refusal`.
  func message(_ frames: [[UInt8]]) throws -> Message {
    guard let mark = frames.firstIndex(of: Message.delimiter) else {
      throw Refusal(reason: "no delimiter <IDS|MSG> in \(frames.count) frames")
    }
    let parts = Array(frames[(mark + 1)...])
    guard parts.count >= 5 else {
      throw Refusal(reason: "\(parts.count) frames after the delimiter, expected 5")
    }
    let signature = parts[0]
    guard !signature.isEmpty else { throw Refusal(reason: "it is not signed") }
    guard MessageKey.areEqual(signature, key.signature(of: parts[1..<5])) else {
      throw Refusal(reason: "its signature is wrong")
    }
    guard !seen.contains(signature) else { throw Refusal(reason: "it has come before (a replay)") }
    remember(signature)
    let json = try zip(["header", "parent_header", "metadata", "content"], parts[1...]).map { name, bytes in
      do {
        let value = try JSONValue(parsing: bytes, name: name, stopsAtInterrupt: false)
        guard value.members != nil else { throw Refusal(reason: "its \(name) is no JSON object") }
        return value
      } catch let failure as Failure {
        throw Refusal(reason: failure.message)
      }
    }
    guard let type = json[0]["msg_type"]?.text, !type.isEmpty, json[0]["msg_id"]?.text != nil else {
      throw Refusal(reason: "its header has no text 'msg_type' or 'msg_id'")
    }
    return Message(
      identities: Array(frames[..<mark]), headerBytes: parts[1], type: type, content: json[3])
  }

  private func remember(_ signature: [UInt8]) {
    seen.insert(signature)
    if order.count < KernelLimits.signaturesMax {
      order.append(signature)
    } else {
      seen.remove(order[oldest])
      order[oldest] = signature
      oldest = (oldest + 1) % order.count
    }
  }
}

/// Makes messages: headers with ids of their own, signed.
final class MessageMaker {
  let session = (0..<4).map { _ in
    let digits = String(UInt32.random(in: 0 ... .max), radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }.joined()
  private let key: MessageKey
  private let user = getpwuid(getuid()).flatMap { $0.pointee.pw_name }.map { String(cString: $0) } ?? "kernel"
  private let lock = Lock()
  private var count = 0

  init(_ key: MessageKey) { self.key = key }

  /// The frames of a message. `parent` is the header of the message that it answers. A content that is no
  /// JSON, such as a number that is not finite, becomes empty.
  func frames(
    _ type: String, _ content: JSONValue, parent: [UInt8]?, to identities: [[UInt8]],
    metadata: JSONValue = [:]
  ) -> [[UInt8]] {
    let number = lock.locked {
      count += 1
      return count
    }
    let header: JSONValue = [
      "msg_id": .string("\(session)_\(getpid())_\(number)"), "session": .string(session),
      "username": .string(user), "date": .string(Self.now()), "msg_type": .string(type),
      "version": .string(Message.protocolVersion),
    ]
    let empty = Array("{}".utf8)
    func bytes(_ value: JSONValue) -> [UInt8] { (try? value.encodedBytes()) ?? empty }
    let parts = [bytes(header), parent ?? empty, bytes(metadata), bytes(content)]
    return identities + [Message.delimiter, key.signature(of: parts)] + parts
  }

  /// The time in UTC, as ISO 8601 with microseconds.
  private static func now() -> String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    var parts = tm()
    gmtime_r(&time.tv_sec, &parts)
    func padded(_ value: some BinaryInteger, _ digits: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    let day = "\(parts.tm_year + 1900)-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded($0, 2) }.joined(separator: ":")
    return "\(day)T\(clock).\(padded(time.tv_nsec / 1000, 6))Z"
  }
}
