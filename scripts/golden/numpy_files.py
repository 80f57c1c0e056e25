"""Files of NumPy and what is in them, for Tests/lua/numpy_files_test.lua.

    python3 scripts/golden/numpy_files.py Tests/Golden/numpy

NumPy 2.4.6. cases.json has for each array its file, the shape, the dtype that it has here and its values in row order;
`refused` are files that hold what no tensor can.
"""
import json
import os
import sys

import numpy as np


def main(folder):
    os.makedirs(folder, exist_ok=True)
    draw = np.random.default_rng(3)
    floats = draw.normal(size=(2, 3, 4))
    arrays = {
        "f4": floats.astype("<f4"), "f8": floats, "f2": floats.astype("<f2"), "f4_big": floats.astype(">f4"),
        "f8_fortran": np.asfortranarray(floats), "i8": draw.integers(-9, 9, (3, 2)),
        "i8_big_fortran": np.asfortranarray(draw.integers(-9, 9, (3, 2)).astype(">i8")),
        "i1": np.array([-128, 0, 127], "i1"), "u1": np.array([0, 255], "u1"), "i2_big": np.array([-300, 5], ">i2"),
        "u2": np.array([65535], "<u2"), "i4": np.array([[-2 ** 31, 2 ** 31 - 1]], "<i4"),
        "u4": np.array([2 ** 32 - 1], "<u4"), "u8": np.array([2 ** 63 - 1], "<u8"),
        "bool": np.array([[True, False], [False, True]]), "scalar": np.array(2.5), "scalar_i": np.array(7),
        "empty": np.zeros((0, 3), "<f4"), "empty_fortran": np.zeros((4, 0), "<f8", order="F"),
        "special": np.array([np.inf, -np.inf, -0.0, 5e-324]),
    }
    cases = []
    for name, array in arrays.items():
        np.save(os.path.join(folder, name + ".npy"), array)
        kind = {"b": "bool", "i": "i64", "u": "i64"}.get(array.dtype.kind) or ("f64" if array.itemsize == 8 else "f32")
        values = [float(v).hex() if kind[0] == "f" else int(v) for v in array.flatten(order="C").tolist()]
        cases.append(dict(file=name + ".npy", shape=list(array.shape), dtype=kind, values=values))
    np.savez(os.path.join(folder, "stored.npz"), w=arrays["f4"], b=arrays["bool"], n=arrays["scalar"])
    np.savez_compressed(os.path.join(folder, "packed.npz"), w=arrays["f8_fortran"], i=arrays["i8"])
    refused = {
        "complex.npy": np.array([1j]), "text.npy": np.array(["a"]), "object.npy": np.array([{}], dtype=object),
        "record.npy": np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]),
        "u8_large.npy": np.array([2 ** 63], "<u8"), "longdouble.npy": np.array([1], dtype=np.longdouble),
    }
    for name, array in refused.items():
        np.save(os.path.join(folder, name), array, allow_pickle=True)
    archives = {"stored.npz": {"w": "f4.npy", "b": "bool.npy", "n": "scalar.npy"},
                "packed.npz": {"w": "f8_fortran.npy", "i": "i8.npy"}}
    with open(os.path.join(folder, "cases.json"), "w") as file:
        json.dump(dict(made_by="numpy " + np.__version__, cases=cases, archives=archives, refused=sorted(refused)), file)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
