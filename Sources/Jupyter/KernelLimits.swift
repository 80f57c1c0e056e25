/// The bounds of a kernel, each with its unit and reason.
enum KernelLimits {
  /// Bytes of a message from a client. A cell with a large text has a megabyte.
  static let messageBytesMax = 64 << 20
  /// Bytes of one frame; the connection of the sender of a longer one ends, before the memory for it is taken.
  static let frameBytesMax: Int64 = 512 << 20
  /// Bytes of a heartbeat or of a subscription: both have a few.
  static let signBytesMax: Int64 = 1 << 16
  /// Frames of a message; a client sends seven, and one more for each buffer.
  static let framesMax = 1024
  /// Signatures that are remembered against replays, as jupyter_client does.
  static let signaturesMax = 65_536
  /// Bytes and messages that wait for a client that reads slowly; more make the cell wait.
  static let waitingBytesMax = 64 << 20
  static let waitingMessagesMax = 20_000
  /// Milliseconds for which a client that reads nothing holds the others up where the system does not end its
  /// connection before, as it does with TCP; clients then lose messages.
  static let stalledMax_ms = 40_000
  /// After a stall of this length, which the system has ended, the next within a minute is no longer.
  static let stalledAgainMax_ms = 4000
  /// Bytes of a stream that are sent as one message, and milliseconds after which fewer are sent.
  static let streamBytesMax = 64 << 10
  static let streamWait_ms = 50
  /// Messages that wait for clients that read while another loses messages. A queue of ZeroMQ takes 1000; it counts
  /// up to 500 that were read of late, and those from before the others began to lose messages.
  static let lossyMessagesMax: Int32 = 250
  /// Milliseconds between the request to shut down and the end of a program that does not stop.
  static let shutdownMax_ms = 3000
  /// Milliseconds after an error in which the requests that were sent with the failed one arrive: they are
  /// aborted. A client that has seen the error has not sent them.
  static let abortWait_ms = 20
  /// Equal lines of the log in a second, and different ones.
  static let equalLogLinesMax = 20
  static let logLinesMax = 200
}
