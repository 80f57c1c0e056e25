/// SHA-256 by OpenSSL's libcrypto.
///
/// A Swift package for hashes would take a third of the build's time.
import CCrypto

public final class SHA256 {
  private let context: OpaquePointer

  public init() throws {
    guard let context = EVP_MD_CTX_new() else { throw Failure(.memory, "not enough memory for a hash") }
    self.context = context
    if EVP_DigestInit_ex(context, EVP_sha256(), nil) != 1 {
      throw Failure(.state, "libcrypto has no SHA-256")
    }
  }

  deinit { EVP_MD_CTX_free(context) }

  /// Adds bytes to what is hashed; not after `finish`.
  public func update(_ bytes: UnsafeRawBufferPointer) {
    EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)  // fails only after `finish`
  }

  /// The hash as 64 hexadecimal digits. The object cannot be used after it.
  public func finish() -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    EVP_DigestFinal_ex(context, &digest, nil)
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// The hash of bytes, as 64 hexadecimal digits.
  ///
  ///     try SHA256.hash(of: Array("abc".utf8))      // ba7816bf8f01cfea...f20015ad
  public static func hash(of bytes: [UInt8]) throws -> String {
    let hash = try SHA256()
    bytes.withUnsafeBytes { hash.update($0) }
    return hash.finish()
  }
}
