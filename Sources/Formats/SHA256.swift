/// SHA-256 by OpenSSL's libcrypto, piece by piece.
///
/// Debian's library and not a Swift package: compiling one took a minute, a third of the whole build.
import Base
import CCrypto

final class SHA256 {
  private let context: OpaquePointer

  init() throws {
    guard let context = EVP_MD_CTX_new() else { throw Failure(.memory, "not enough memory for a hash") }
    self.context = context
    if EVP_DigestInit_ex(context, EVP_sha256(), nil) != 1 {
      throw Failure(.state, "libcrypto has no SHA-256")
    }
  }

  deinit { EVP_MD_CTX_free(context) }

  func update(_ bytes: UnsafeRawBufferPointer) {
    // Fails only on a finished context.
    EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
  }

  /// The hash as 64 hexadecimal digits; the object is then spent.
  func finish() -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    EVP_DigestFinal_ex(context, &digest, nil)
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
