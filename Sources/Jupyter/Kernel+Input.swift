/// What a cell reads: each line of the standard input is a question to the client.
import Base
import CJupyterShims
import Formats

extension Kernel {
  /// Fills `bytes` with what the user has answered; called by the C library for `io.read` and its like.
  func read(_ bytes: UnsafeMutablePointer<CChar>, _ capacity: Int) -> Int {
    if unreadInput.isEmpty {
      guard takesInput, let request else {
        errno = ENOTSUP
        return -1
      }
      guard let line = ask(request) else {
        errno = EINTR
        return -1
      }
      // Ctrl-D, as on a terminal, is the end of the input.
      if line == "\u{4}" { return 0 }
      unreadInput = Array((line + "\n").utf8)
    }
    let count = min(capacity, unreadInput.count)
    UnsafeMutableRawBufferPointer(start: bytes, count: count).copyBytes(from: unreadInput.prefix(count))
    unreadInput.removeFirst(count)
    return count
  }

  /// One line from the client; nil after an interrupt and at the end of the kernel.
  private func ask(_ request: Message) -> String? {
    let prompt = output.takeUnfinishedLine()
    output.flush()
    sockets.forgetReplies()
    let content: JSONValue = ["prompt": .string(prompt), "password": false]
    sockets.send(
      .stdin,
      sockets.maker.frames("input_request", content, parent: request.headerBytes, to: request.identities))
    while !Interrupt.isPending && !sockets.isEnding {
      guard let reply = sockets.nextReply(milliseconds: 50) else { continue }
      guard reply.type == "input_reply", reply.identities == request.identities,
        let value = reply.content["value"]?.text
      else {
        log.write(
          "a message on the stdin channel is ignored: it is no input_reply of the client that was asked")
        continue
      }
      return value
    }
    return nil
  }
}
