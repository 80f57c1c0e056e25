/// What a user of an old processor reads.
import CSystem
import Testing

@Suite struct ProcessorTests {
  @Test func aProcessorWithoutVectorsIsRefusedInOneSentence() {
    func refusal(_ avx2: Int32, _ fma: Int32) -> String? {
      shim_processor_refusal(avx2, fma).map { String(cString: $0) }
    }
    #expect(refusal(1, 1) == nil)
    for (text, words) in [
      (refusal(0, 1), "lacks AVX2,"), (refusal(1, 0), "lacks FMA,"), (refusal(0, 0), "lacks AVX2 and FMA,"),
    ] {
      #expect(text?.contains(words) == true && text?.hasSuffix(".\n") == true)
    }
  }
}
