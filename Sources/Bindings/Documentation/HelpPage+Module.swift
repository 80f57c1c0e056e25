/// Help pages of the functions of `perilune.tensor`.
extension HelpPage {
  static let creation = [
    HelpPage(
      "tensor", "creation", "T(value, dtype or options)",
      "A tensor of nested lists, of a number or of a boolean. Numbers become f32 unless a type is named, whole ones too; "
        + "booleans become bool. Options: dtype, requires_grad. T.tensor is the same.",
      "print(T{{1, 2}, {3, 4}}, T({1, 2}, 'i64'))",
      prints: "[[1, 2],\n [3, 4]]\n[Tensor f32 2x2]\t[1, 2]\n[Tensor i64 2]"),
    HelpPage(
      "from_list", "creation", "T.from_list(list, dtype or options)",
      "As T(list); anything but a list is refused.",
      "print(T.from_list({true, false}))", prints: "[true, false]\n[Tensor bool 2]"),
    HelpPage(
      "zeros", "creation", "T.zeros(sizes, dtype or options)",
      "Every element 0. Sizes come as numbers or as a list.",
      "print(T.zeros(3), T.zeros({1, 2}, 'i64'))",
      prints: "[0, 0, 0]\n[Tensor f32 3]\t[[0, 0]]\n[Tensor i64 1x2]"),
    HelpPage(
      "ones", "creation", "T.ones(sizes, dtype or options)", "Every element 1.", "print(T.ones(2))",
      prints: "[1, 1]\n[Tensor f32 2]"),
    HelpPage(
      "full", "creation", "T.full(sizes, value, dtype or options)",
      "Every element the value; sizes are a list.",
      "print(T.full({2}, 7))", prints: "[7, 7]\n[Tensor f32 2]"),
    HelpPage(
      "zeros_like", "creation", "T.zeros_like(x, dtype or options)", "Zeros of the shape and type of x.",
      "print(T.zeros_like(T({5, 6}, 'i64')))", prints: "[0, 0]\n[Tensor i64 2]"),
    HelpPage(
      "ones_like", "creation", "T.ones_like(x, dtype or options)", "Ones of the shape and type of x.",
      "print(T.ones_like(T{5, 6}))", prints: "[1, 1]\n[Tensor f32 2]"),
    HelpPage(
      "full_like", "creation", "T.full_like(x, value, dtype or options)",
      "The value, in the shape and type of x.",
      "print(T.full_like(T{5, 6}, 2))", prints: "[2, 2]\n[Tensor f32 2]"),
    HelpPage(
      "eye", "creation", "T.eye(rows, columns = rows, dtype or options)", "Ones on the diagonal.",
      "print(T.eye(2))",
      prints: "[[1, 0],\n [0, 1]]\n[Tensor f32 2x2]"),
    HelpPage(
      "arange", "creation", "T.arange(first = 1, last, step = 1, dtype or options)",
      "The numbers from first to last, both included, as Lua's `for` counts; T.arange(n) is 1..n. PyTorch's leaves out the end.",
      "print(T.arange(4), T.arange(0, 1, 0.5))",
      prints: "[1, 2, 3, 4]\n[Tensor f32 4]\t[0.0, 0.5, 1.0]\n[Tensor f32 3]"),
    HelpPage(
      "linspace", "creation", "T.linspace(first, last, count, dtype or options)",
      "As many numbers at equal distances, both ends included.", "print(T.linspace(0, 1, 3))",
      prints: "[0.0, 0.5, 1.0]\n[Tensor f32 3]"),
  ]

  static let random = [
    HelpPage(
      "rand", "random", "T.rand(sizes, {low = 0, high = 1, seed, stream, step, generator, dtype})",
      "Numbers uniform in [low, high). Without seed, stream or step, the next draw of the module's own stream.",
      "print(T.rand(9, {seed = 1}):lt(1):all())", prints: "true"),
    HelpPage(
      "randn", "random", "T.randn(sizes, {seed, stream, step, generator, dtype})",
      "Standard normal numbers: a function of seed, stream, step and position alone.",
      "print(T.randn(4, {seed = 1}):equal(T.randn(4, {seed = 1})))", prints: "true"),
    HelpPage(
      "randint", "random", "T.randint(low, high, sizes, options)",
      "Whole numbers from low to high, both included, as math.random(low, high).",
      "print(T.randint(3, 3, 2))",
      prints: "[3, 3]\n[Tensor i64 2]"),
    HelpPage(
      "rand_like", "random", "T.rand_like(x, options)", "As rand, in the shape and type of x.",
      "print(T.rand_like(T{{1, 2}}, {low = 2, high = 3}):ge(2):all())", prints: "true"),
    HelpPage(
      "randn_like", "random", "T.randn_like(x, options)", "As randn, in the shape and type of x.",
      "x = T({1, 2}, 'f64')\nprint(T.randn_like(x):dtype(), #T.randn_like(x))", prints: "f64\t2"),
    HelpPage(
      "randint_like", "random", "T.randint_like(x, low, high, options)",
      "As randint, in the shape and type of x.",
      "print(T.randint_like(T{{1, 2}}, 3, 3))", prints: "[[3, 3]]\n[Tensor f32 1x2]"),
    HelpPage(
      "randperm", "random", "T.randperm(n, options)", "The positions 1..n in random order.",
      "print((T.randperm(3):sort()))", prints: "[1, 2, 3]\n[Tensor i64 3]"),
    HelpPage(
      "bernoulli", "random", "T.bernoulli(p, sizes, options)",
      "True with chance p; another dtype gives 1 and 0.",
      "print(T.bernoulli(1, 2), T.bernoulli(0, 2, 'f32'))",
      prints: "[true, true]\n[Tensor bool 2]\t[0, 0]\n[Tensor f32 2]"),
    HelpPage(
      "categorical", "random", "T.categorical(weights, count = 1, {logits = false, seed, ...})",
      "Ids, from 0, drawn from each row of weights, which need not sum to 1; or of logarithms of weights.",
      "print(T.categorical(T{0, 0, 1}, 2))", prints: "[2, 2]\n[Tensor i64 2]"),
    HelpPage(
      "manual_seed", "random", "T.manual_seed(seed)",
      "Starts the module's own stream of random numbers anew.",
      "T.manual_seed(1); a = T.rand(3)\nT.manual_seed(1)\nprint(T.rand(3):equal(a))", prints: "true"),
    HelpPage(
      "generator", "random", "T.generator{seed, stream = 'generator', step = 0}",
      "A stream of one's own. Its step is all there is to save: g.step, g:set_step(n).",
      "g = T.generator{seed = 1}\nT.rand(2, {generator = g})\nprint(g.step)", prints: "1"),
    HelpPage(
      "Generator:seed", "random", "g.seed", "The seed it was made with.", "print(T.generator{seed = 7}.seed)",
      prints: "7"),
    HelpPage(
      "Generator:stream", "random", "g.stream", "The name of its stream: other names give other numbers.",
      "print(T.generator{seed = 7}.stream)", prints: "generator"),
    HelpPage(
      "Generator:step", "random", "g.step",
      "How many draws were made: the next one is a function of seed, stream and step.",
      "print(T.generator{seed = 7, step = 3}.step)", prints: "3"),
    HelpPage(
      "Generator:set_step", "random", "g:set_step(step)",
      "Goes to a step: all there is to restore. Gives the generator.",
      "g = T.generator{seed = 7}\na = T.rand(2, {generator = g})\nprint(T.rand(2, {generator = g:set_step(0)}):equal(a))",
      prints: "true"),
  ]

  static let modes = [
    HelpPage(
      "no_grad", "modes", "T.no_grad(f, ...)", "The results of f(...), run without recording for a gradient.",
      "w = T({2}, {requires_grad = true})\nT.no_grad(function() w:mul_(3) end)\nprint(w)",
      prints: "[6]\n[Tensor f32 1]"),
    HelpPage(
      "enable_grad", "modes", "T.enable_grad(f, ...)",
      "The results of f(...), recorded again inside T.no_grad.",
      "T.no_grad(function() print(T.enable_grad(T.is_grad_enabled)) end)", prints: "true"),
    HelpPage(
      "is_grad_enabled", "modes", "T.is_grad_enabled()", "Whether operations are recorded.",
      "print(T.is_grad_enabled())", prints: "true"),
    HelpPage(
      "memory", "modes", "T.memory()",
      "Bytes: live and peak of tensors, their limit (nil without one), and lua, those of the Lua heap. And counts since the "
        + "start: taken, buffers for tensors, and fresh, those of them that came from the system.",
      "t = T.zeros(1000)\nprint(T.memory().live >= 4000)", prints: "true"),
    HelpPage(
      "reset_peak", "modes", "T.reset_peak()", "Lets the peak of T.memory() start from what is alive now.",
      "T.reset_peak()\nprint(T.memory().peak == T.memory().live)", prints: "true"),
    HelpPage(
      "promote", "modes", "T.promote(dtype, ...)", "The type in which operands meet: bool < i64 < f32 < f64.",
      "print(T.promote('i64', 'f32'))", prints: "f32"),
    HelpPage(
      "set_print", "modes", "T.set_print{precision = 4, edge = 3, threshold = 1000, width = 80}",
      "How tensors are printed: decimals at most; above threshold elements only edge at each end. Without argument, as before.",
      "T.set_print{precision = 1}\nprint(T(1 / 3))\nT.set_print()", prints: "0.3\n[Tensor f32 scalar]"),
    HelpPage(
      "profile", "modes", "T.profile(f, ...)",
      "Runs f(...), prints calls, own time and bytes of each operation, and returns them as a list of {name, calls, ms, "
        + "percent, bytes}, the slowest first, and their sum, ms. profile:plot(count) draws the slowest, 16 "
        + "unless given; profile:save 'name.svg' keeps that.",
      "local print = print; _G.print = function() end\np = T.profile(function() return T{1}:exp() end)\n"
        + "_G.print = print; print(p[1].calls, type(p:plot()))", prints: "1\tuserdata"),
    HelpPage(
      "time", "modes", "T.time(f, ...)",
      "The seconds that f(...) took, then its results. At the prompt, `%time` before an input.",
      "seconds, y = T.time(function(x) return x:exp() end, T{0})\nprint(seconds < 1, y:item())",
      prints: "true\t1.0"),
  ]
}
