/// A fuzzer of what reads files: libFuzzer damages inputs and keeps those that reach another part of a reader.
///
///     FUZZED_FORMAT=json FUZZED_FOLDER=/dev/shm/json fuzzer [libFuzzer's options, corpora and files]
///
/// The folder holds the file that is read and `counts`; see `Counts`. libFuzzer starts this program again to merge, and
/// passes its own options alone: so the format is in the environment. `scripts/reliability/fuzzer` builds and runs it.
import Base
import Tensors

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<Int32>,
  _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ one: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

private func environment(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }

guard let format = Format.all.first(where: { $0.name == environment("FUZZED_FORMAT") }) else {
  print("fuzzer: FUZZED_FORMAT is one of \(Format.all.map(\.name).joined(separator: " "))")
  exit(2)
}
Case.current = Case(format, folder: environment("FUZZED_FOLDER"))
if Case.current == nil {
  print("fuzzer: cannot write in FUZZED_FOLDER")
  exit(2)
}
// The workers of kernels would add to what a case holds.
Parallel.threads = 1
HeldBytes.install()

var words = CommandLine.unsafeArgv
var count = CommandLine.argc
exit(
  runDriver(&count, &words) { bytes, count in
    Case.current?.read(UnsafeBufferPointer(start: bytes, count: count))
    return 0
  })
