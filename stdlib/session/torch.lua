--- What is written here in place of names of PyTorch and Torch that tensors and the module T do not have.
--
--   > torch.members.numpy
--   the elements as lists are x:totable(); T.save("x.npy", x) writes them for NumPy
local torch = {}

local processor <const> = "all tensors are in the memory of the processor: there is no device to choose"
local lists <const> = "the elements as lists are x:totable(); T.save(\"x.npy\", x) writes them for NumPy"
local types <const> =
  "elements are 'f32', 'f64', 'i64' or 'bool': x:to \"f32\", T.zeros(2, { dtype = \"f64\" })"
local made <const> = "a tensor is made by T { 1, 2 }, T.zeros(2, 3), T.randn(2, 3)"
local recorded <const> = "T.no_grad(f) calls f without recording for gradients"
local sampled <const> =
  "ids are drawn from logits by x:argmax_id() or model:sample; T.rand and T.randn give numbers"
local sized <const> = "x:size(1) is one size, x:size() the list; x:dim() and x:numel() count"

--- Members by name.
torch.members = {
  cuda = processor, cpu = processor, device = processor, is_cuda = processor, mps = processor,
  numpy = lists, tolist = lists,
  from_numpy = "T.load \"x.npy\" reads a file of NumPy; T { 1, 2 } makes a tensor",
  half = types, bfloat16 = types, int = types, byte = types, bool = types, type = types, type_as = types,
  float32 = types, float64 = types, int64 = types, set_default_dtype = types, setdefaulttensortype = types,
  Tensor = made, FloatTensor = made, DoubleTensor = made, LongTensor = made, new_zeros = made,
  inference_mode = recorded, set_grad_enabled = recorded,
  nn = "a model is perilune.models.transformer { ... } or models.load(path), losses are in align.loss; "
    .. "layers are functions of T, as T.linear",
  optim = "optimisers are perilune.optim: optim.adamw; align.train has the option lr",
  functional = "functions are in T itself: T.softmax(x, -1) or x:softmax(-1)",
  utils = "batches come from a source: help \"align.sources\"; data sets from help \"data\"",
  distributions = sampled, multinomial = sampled, bernoulli = sampled, normal = sampled,
  nelement = sized, nDimension = sized, isSize = sized, storage = sized,
  view_as = "x:view(y:size())", reshape_as = "x:reshape(y:size())", expand_as = "x:expand(y:size())",
  copy = "a copy is x:clone(); x:copy_(y) writes the elements of y into x", fill = "x:fill_(value)",
  zero = "x:zero_(), T.zeros(2, 3)", concat = "T.cat({ x, y }, dim)", range = "T.arange(first, end, step)",
  cmul = "elements are multiplied by x * y, as in PyTorch", cdiv = "elements are divided by x / y",
  einsum = "products are x:matmul(y), x:bmm(y), x:outer(y)", addmm = "c + a:matmul(b)",
  register_hook = "x:grad() after backward is the gradient, also to be changed before a step",
}

--- Functions of Torch's Lua 5.1 that Lua 5.4 does not have, by name or by table and name.
torch.functions = {
  unpack = "table.unpack(t)", loadstring = "load(text)", setfenv = "load(text, name, \"t\", environment)",
  getfenv = "_ENV is the environment", module = "a module is a table that its file returns",
  getn = "#t", maxn = "#t", foreach = "for key, value in pairs(t) do ... end",
  foreachi = "for i, value in ipairs(t) do ... end", gfind = "string.gmatch(s, pattern)",
}

--- Modules of Python and Torch, for `require`.
torch.modules = {
  torch = "tensors are T, in scripts: local T = require \"perilune\".tensor",
  nn = torch.members.nn, optim = "in scripts: local optim = require \"perilune\".optim",
  numpy = "tensors are T, in scripts: local T = require \"perilune\".tensor",
  trl = "in scripts: local align = require \"perilune\".align",
  transformers = "models.load(path) reads a folder of transformers; in scripts require \"perilune\".models",
}

return torch
