// swift-tools-version: 6.0
// Perilune: a Lua laboratory for online versus offline preference optimisation.
//
// Each target imports only targets above it. The kernels are compiled for x86-64-v3 (AVX2 and FMA) on Intel
// and AMD processors, where Swift's SIMD types would otherwise become calls per lane; other processors use their baseline.
// CKernels has loops for AVX-512 too and chooses among them when the program runs.
import PackageDescription

#if arch(x86_64)
  let vectorC: [CSetting] = [.unsafeFlags(["-O3", "-march=x86-64-v3"])]
  // Without -fno-math-errno each square root is a branch and perhaps a call, to set errno.
  let vectorSwift: [SwiftSetting] = [
    .swiftLanguageMode(.v5), .unsafeFlags(["-Xcc", "-march=x86-64-v3", "-Xcc", "-fno-math-errno"]),
  ]
#else
  let vectorC: [CSetting] = [.unsafeFlags(["-O3"])]
  let vectorSwift: [SwiftSetting] = [.swiftLanguageMode(.v5)]
#endif
let plainSwift: [SwiftSetting] = [.swiftLanguageMode(.v5)]

// A fuzzer of the readers, which scripts/reliability/fuzzer builds: the variable is the path of the toolchain's library
// libclang_rt.fuzzer_no_main. Edges and comparisons are counted in the readers alone, because libFuzzer looks at all
// counters after each case. Each buffer of a tensor is one of the system, so that its end is watched.
let fuzzerLibrary = Context.environment["PERILUNE_FUZZER"]
let guided: [SwiftSetting] =
  fuzzerLibrary == nil
  ? []
  : [
    .unsafeFlags([
      "-sanitize=address", "-sanitize-coverage=edge,inline-8bit-counters,pc-table,trace-cmp",
    ])
  ]
let exact: [SwiftSetting] = fuzzerLibrary == nil ? [] : [.define("EXACT_BUFFERS")]
let fuzzer: [Target] =
  fuzzerLibrary.map { library in
    [
      .executableTarget(
        name: "fuzzer", dependencies: ["Base", "Tensors", "Formats", "Weights", "Models", "Runs"],
        swiftSettings: plainSwift, linkerSettings: [.unsafeFlags([library]), .linkedLibrary("stdc++")])
    ]
  } ?? []

let package = Package(
  name: "Perilune",
  products: [.executable(name: "perilune", targets: ["perilune"])],
  targets: [
    .systemLibrary(name: "CLua", pkgConfig: "lua5.4", providers: [.apt(["liblua5.4-dev"])]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CReadline", providers: [.apt(["libreadline-dev"])]),
    .systemLibrary(name: "CMd4c", providers: [.apt(["libmd4c-dev", "libmd4c-html0-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CSnappy", pkgConfig: "snappy", providers: [.apt(["libsnappy-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    // mimalloc takes the place of the C library's malloc in the program: a script that makes many small tensors frees
    // them in thousands at a time, which the C library is slow at.
    .target(name: "CSystem", cSettings: vectorC, linkerSettings: [.linkedLibrary("mimalloc")]),
    .target(name: "CKernels", cSettings: vectorC),
    .target(name: "CLuaShims", dependencies: ["CLua", "CSystem"], cSettings: vectorC),
    .target(
      name: "CReadlineShims", dependencies: ["CReadline", "CSystem"], cSettings: vectorC,
      linkerSettings: [.linkedLibrary("readline")]),
    .target(name: "Base", dependencies: ["CSystem", "CCrypto"], swiftSettings: plainSwift),
    .target(
      name: "Tensors", dependencies: ["Base", "CSystem", "CKernels", "COpenBLAS"],
      swiftSettings: vectorSwift + exact),
    .target(name: "Autograd", dependencies: ["Base", "Tensors"], swiftSettings: vectorSwift),
    .target(name: "Optim", dependencies: ["Base", "Tensors", "Autograd"], swiftSettings: vectorSwift),
    .target(name: "CMPIShims", cSettings: vectorC),
    .target(
      name: "Distributed", dependencies: ["Base", "Tensors", "Autograd", "CMPIShims"],
      swiftSettings: plainSwift),
    .target(
      name: "Formats", dependencies: ["Base", "CZlib", "CSnappy", "CZstd"],
      swiftSettings: plainSwift + guided),
    .target(
      name: "Weights", dependencies: ["Base", "Tensors", "Formats"], swiftSettings: plainSwift + guided),
    .target(
      name: "Models", dependencies: ["Base", "Tensors", "Autograd", "Formats", "Weights", "CKernels"],
      swiftSettings: vectorSwift + guided),
    .target(name: "Runs", dependencies: ["Base", "Formats", "CSQLite"], swiftSettings: plainSwift + guided),
    .target(name: "Plots", dependencies: ["Base", "CSystem"], swiftSettings: plainSwift),
    .target(
      name: "LuaEngine", dependencies: ["Base", "CLuaShims", "CLua"], swiftSettings: plainSwift),
    .target(
      name: "Bindings",
      dependencies: [
        "Base", "Tensors", "Autograd", "Optim", "Distributed", "Formats", "Weights", "Models", "Plots",
        "Runs", "LuaEngine", "CKernels", "CMd4c", "CSystem",
      ],
      resources: [.embedInCode("Resources")], swiftSettings: plainSwift),
    .target(
      name: "Session", dependencies: ["Base", "LuaEngine"], resources: [.embedInCode("Resources")],
      swiftSettings: plainSwift),
    .target(name: "CJupyterShims", cSettings: vectorC),
    .target(
      name: "Jupyter",
      dependencies: ["Base", "Formats", "Runs", "LuaEngine", "Session", "CJupyterShims", "CCrypto"],
      resources: [.embedInCode("Resources")], swiftSettings: plainSwift),
    .target(
      name: "Shell",
      dependencies: ["Base", "LuaEngine", "Session", "Jupyter", "CReadline", "CReadlineShims"],
      resources: [.embedInCode("Resources")], swiftSettings: plainSwift),
    .executableTarget(
      name: "perilune", dependencies: ["Bindings", "Shell", "CSystem"], swiftSettings: plainSwift),
    .testTarget(name: "BaseTests", dependencies: ["Base", "CSystem"], swiftSettings: plainSwift),
    .testTarget(
      name: "TensorsTests", dependencies: ["Base", "Tensors", "CKernels"], swiftSettings: vectorSwift),
    .testTarget(
      name: "AutogradTests", dependencies: ["Base", "Tensors", "Autograd"], swiftSettings: plainSwift),
    .testTarget(
      name: "OptimTests", dependencies: ["Base", "Tensors", "Autograd", "Optim"], swiftSettings: plainSwift),
    .testTarget(
      name: "DistributedTests", dependencies: ["Distributed"], swiftSettings: plainSwift),
    .testTarget(
      name: "FormatsTests",
      dependencies: ["Base", "Tensors", "Formats", "Weights", "CZlib", "CZstd", "CSnappy"],
      swiftSettings: plainSwift),
    .testTarget(
      name: "ModelsTests",
      dependencies: ["Base", "Tensors", "Autograd", "Optim", "Formats", "Weights", "Models", "CKernels"],
      swiftSettings: plainSwift),
    .testTarget(name: "RunsTests", dependencies: ["Base", "Runs"], swiftSettings: plainSwift),
    .testTarget(name: "PlotsTests", dependencies: ["Base", "Plots"], swiftSettings: plainSwift),
    .testTarget(
      name: "LuaEngineTests", dependencies: ["Base", "LuaEngine", "CLuaShims", "CLua"],
      swiftSettings: plainSwift),
    .testTarget(
      name: "BindingsTests",
      dependencies: ["Base", "Tensors", "Autograd", "Optim", "Models", "LuaEngine", "Bindings"],
      swiftSettings: plainSwift),
    .testTarget(
      name: "SessionTests", dependencies: ["Base", "LuaEngine", "Session"], swiftSettings: plainSwift),
    .testTarget(
      name: "JupyterTests", dependencies: ["Base", "Formats", "Jupyter"], swiftSettings: plainSwift),
    .testTarget(name: "ShellTests", dependencies: ["perilune", "Shell"], swiftSettings: plainSwift),
  ] + fuzzer
)
