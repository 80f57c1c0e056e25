"""Writes Tests/Golden/gguf/blocks.gguf: random bytes as blocks of each type, and beside them what gguf makes of them.

    python scripts/golden/gguf_blocks.py      with gguf 0.19.0 and numpy

The tensor "Q4_K" holds the blocks, "Q4_K.f32" the numbers that gguf.quants.dequantize gives. Scales of f16 that would be
infinite or NaN lose a bit of their exponent; every other bit is random.
"""
import os
import numpy as np
import gguf
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as T

ELEMENTS = 1536
# Where a block of a type has its f16 numbers.
HALVES = {
    T.F16: [0], T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82],
    T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208],
}

random = np.random.default_rng(20261128)
root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
writer = gguf.GGUFWriter(os.path.join(root, "Tests/Golden/gguf/blocks.gguf"), "blocks")
writer.add_string("made.with", "gguf 0.19.0, scripts/golden/gguf_blocks.py")
for kind in [T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K]:
    elements, width = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (ELEMENTS // elements, width), dtype=np.uint8)
    for place in HALVES.get(kind, []):
        high = blocks[:, place + 1]
        high[(high & 0x7C) == 0x7C] &= 0xBF
    if kind == T.BF16:
        high, low = blocks[:, 1], blocks[:, 0]
        low[((high & 0x7F) == 0x7F)] &= 0x7F
    expected = gguf.quants.dequantize(blocks.reshape(1, -1), kind).astype(np.float32)
    assert np.isfinite(expected).all() and expected.size == ELEMENTS
    writer.add_tensor(kind.name, blocks.reshape(1, -1), raw_dtype=kind)
    writer.add_tensor(kind.name + ".f32", expected.reshape(1, -1))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
