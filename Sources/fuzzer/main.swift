/// A fuzzer of what reads files: libFuzzer damages inputs and keeps those that reach another part of a reader.
///
///     fuzzer FORMAT FOLDER [libFuzzer's options, corpora and files]
///
/// FOLDER holds the file that is read and `counts`; see `Counts`. `scripts/reliability/fuzzer` builds and runs it.
import Base
import Tensors

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<Int32>,
  _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ one: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

let words = CommandLine.arguments
guard words.count > 2, let format = Format.all.first(where: { $0.name == words[1] }) else {
  print("usage: fuzzer FORMAT FOLDER [options]; formats: \(Format.all.map(\.name).joined(separator: " "))")
  exit(2)
}
Case.given = Case(format, folder: words[2])
if Case.given == nil {
  print("fuzzer: cannot write in \(words[2])")
  exit(2)
}
// The workers of kernels would add to what a case holds.
Parallel.threads = 1
HeldBytes.install()

// libFuzzer reads its own options: the words after the folder.
let arguments = CommandLine.unsafeArgv
arguments[2] = arguments[0]
var rest = arguments + 2
var count = CommandLine.argc - 2
exit(
  runDriver(&count, &rest) { bytes, count in
    Case.given?.read(UnsafeBufferPointer(start: bytes, count: count))
    return 0
  })
