/// Several safetensors files that hold the tensors of one model, as one.
import Base
import Formats
import Tensors

struct ShardedWeights: WeightFile {
  let path: String
  let format = "safetensors"
  let metadata: [String: String] = [:]
  let layout: WeightLayout? = nil
  let entries: [WeightEntry]
  private let files: [SafetensorsFile]
  /// The file of each entry, and its place there.
  private let places: [(file: Int, index: Int)]

  init(_ files: [SafetensorsFile], path: String) throws {
    (self.files, self.path) = (files, path)
    let all = files.enumerated().flatMap { file, weights in
      weights.entries.enumerated().map { (entry: $1, place: (file: file, index: $0)) }
    }
    entries = all.map(\.entry)
    places = all.map(\.place)
    var owner: [String: Int] = [:]
    for (entry, place) in all {
      if let first = owner.updateValue(place.file, forKey: entry.name) {
        throw Failure(
          .format,
          "\(path): the tensor '\(Quoted.name(entry.name))' is in \(Self.name(files[first])) and in "
            + Self.name(files[place.file]))
      }
    }
  }

  func read(_ index: Int, from first: Int, into target: UnsafeMutableBufferPointer<Float>) throws {
    let place = places[index]
    try files[place.file].read(place.index, from: first, into: target)
  }

  func stored(_ index: Int) throws -> StoredElements? {
    try files[places[index].file].stored(places[index].index)
  }

  private static func name(_ file: SafetensorsFile) -> String {
    Quoted.name(
      String(
        file.path[(file.path.lastIndex(of: "/").map(file.path.index(after:)) ?? file.path.startIndex)...]))
  }
}
