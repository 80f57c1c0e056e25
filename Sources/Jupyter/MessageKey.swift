/// Signs messages: HMAC by OpenSSL's libcrypto.
///
///     let key = try MessageKey(Array("key".utf8), digest: "sha256")
///     key.signature(of: [header, parent, metadata, content])      // 64 hexadecimal digits
import Base
import CCrypto

final class MessageKey {
  private let mac: OpaquePointer
  private let context: OpaquePointer
  private let lock = Lock()

  init(_ key: [UInt8], digest: String) throws {
    guard let mac = EVP_MAC_fetch(nil, "HMAC", nil), let context = EVP_MAC_CTX_new(mac) else {
      throw Failure(.state, "libcrypto has no HMAC")
    }
    self.mac = mac
    self.context = context
    var name = Array(digest.utf8CString)
    let status = name.withUnsafeMutableBufferPointer { name in
      var parameters = [
        OSSL_PARAM_construct_utf8_string("digest", name.baseAddress, 0), OSSL_PARAM_construct_end(),
      ]
      return EVP_MAC_init(context, key, key.count, &parameters)
    }
    if status != 1 { throw Failure(.value, "libcrypto has no HMAC of the digest '\(digest.readable)'") }
  }

  deinit {
    EVP_MAC_CTX_free(context)
    EVP_MAC_free(mac)
  }

  /// The signature of frames, as hexadecimal digits.
  func signature(of frames: some Sequence<[UInt8]>) -> [UInt8] {
    lock.locked {
      var result = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
      var count = 0
      EVP_MAC_init(context, nil, 0, nil)  // again with the key of before
      for frame in frames { EVP_MAC_update(context, frame, frame.count) }
      EVP_MAC_final(context, &result, &count, result.count)
      let digits = Array("0123456789abcdef".utf8)
      return result[..<count].flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }
  }

  /// Compares without telling by its time where the first difference is.
  static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
  }
}
