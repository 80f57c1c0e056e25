/// Every constant that limits, with its unit and the reason for its value.
public enum Limits {
  /// Dimensions of a tensor. Shapes live inline in eight integers, so that making a view allocates nothing.
  public static let dimensionsMax = 8
  /// Bytes of one tensor: beyond what any machine that runs this has, and far from overflow in byte
  /// arithmetic.
  public static let tensorBytesMax = 1 << 40
  /// Bytes of all free buffers that are reused. A training step of GPT-2 reuses half of this.
  public static let pooledBytesMax = 2 << 30
  /// Bytes of a safetensors header: the format's own limit.
  public static let headerBytesMax = 100_000_000
  /// Steps of a run: whole numbers up to it are exact in a double, and sums of two of them fit in 64 bits.
  public static let stepsMax = 1 << 53
  /// Nesting of JSON and of tables turned into tensors: Lua's own cap on nested calls.
  public static let nestingMax = 200
  /// What a program in the sandbox may hold, and write, where the command line says nothing: enough for the examples of
  /// the library, little enough for a laptop.
  public static let sandboxMemoryBytes = 1 << 30
  public static let sandboxOutputBytes = 100 << 20
}
