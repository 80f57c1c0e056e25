/// Adapters in files.
import Base
import Tensors
import Weights

extension Transformer {
  /// A model of the same weights with the adapters that a file holds, by the names of their parameters.
  func withAdapters(_ lora: LoRA, in file: any WeightFile) throws -> Transformer {
    let indices = Dictionary(
      file.entries.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    return try withAdapters(lora) { module, rank in
      let shapes = [[rank, module.inputs], [module.outputs.count, rank]]
      let tensors = try zip(LowRank.suffixes, shapes).map { suffix, shape in
        let name = module.path + suffix
        guard let index = indices[name] else {
          throw Failure(.format, "\(file.path): the file has no tensor '\(name)'")
        }
        let (tensor, stored) = (
          try Tensor(uninitialized: Shape(checked: shape), .f32), file.entries[index].shape
        )
        if Array(stored) != shape {
          throw Failure(
            .format, "\(file.path): tensor '\(name)' is \(stored), expected \(Shape(known: shape))")
        }
        try file.read(
          index, from: 0,
          into: UnsafeMutableBufferPointer(start: tensor.pointer(Float.self), count: tensor.elementCount))
        return tensor
      }
      return (tensors[0], tensors[1])
    }
  }
}
