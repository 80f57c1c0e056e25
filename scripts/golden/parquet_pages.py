"""Parquet files with pages that pyarrow does not write, and what it reads of them, for Tests/lua/parquet_test.lua.

    python3 scripts/golden/parquet_pages.py Tests/Golden/parquet

pyarrow 26.0.1. pages.json.gz has a list of { name, base64, rows }; `rows` is null where pyarrow refuses the file. The
files are written here byte by byte: one optional column of three values, of which the second is null.
"""
import base64
import gzip
import io
import json
import os
import struct
import sys

import pyarrow as pa
import pyarrow.parquet as pq

INT, LONG, BYTES, LIST, STRUCT = 5, 6, 8, 9, 12
INT64, BYTE_ARRAY = 2, 6
PLAIN, RLE, DELTA, DELTA_LENGTH, DELTA_BYTES = 0, 3, 5, 6, 7
LEVELS = struct.pack("<I", 2) + b"\3\5"


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def zigzag(n):
    return varint(n << 1 if n >= 0 else (-n << 1) - 1)


def value(kind, x):
    """A value of Thrift's compact protocol; a list is (kind, values)."""
    if kind in (INT, LONG):
        return zigzag(x)
    if kind == BYTES:
        return varint(len(x)) + x
    if kind == LIST:
        return bytes([len(x[1]) << 4 | x[0]]) + b"".join(value(x[0], one) for one in x[1])
    return fields(x)


def fields(list_):
    out, last = b"", 0
    for number, kind, x in list_:
        out, last = out + bytes([number - last << 4 | kind]) + value(kind, x), number
    return out + b"\0"


def file(kind, data, encoding, codec=0, unpacked=None):
    """One column "t" of `kind` in one page with these bytes."""
    header = fields([(1, INT, 0), (2, INT, unpacked or len(data)), (3, INT, len(data)),
                     (5, STRUCT, [(1, INT, 3), (2, INT, encoding), (3, INT, RLE), (4, INT, RLE)])])
    page = header + data
    meta = [(1, INT, kind), (2, LIST, (INT, [encoding, RLE])), (3, LIST, (BYTES, [b"t"])), (4, INT, codec), (5, LONG, 3),
            (6, LONG, len(header) + (unpacked or len(data))), (7, LONG, len(page)), (9, LONG, 4)]
    text = [(6, INT, 0)] if kind == BYTE_ARRAY else []
    footer = fields([
        (1, INT, 2),
        (2, LIST, (STRUCT, [[(4, BYTES, b"schema"), (5, INT, 1)], [(1, INT, kind), (3, INT, 1), (4, BYTES, b"t")] + text])),
        (3, LONG, 3),
        (4, LIST, (STRUCT, [[(1, LIST, (STRUCT, [[(2, LONG, 4), (3, STRUCT, meta)]])), (2, LONG, len(page)), (3, LONG, 3)]])),
    ])
    return b"PAR1" + page + footer + struct.pack("<I", len(footer)) + b"PAR1"


def deltas(count, first, least):
    """The header with a count, and one block of 128 numbers with equal steps."""
    return varint(128) + varint(4) + varint(count) + zigzag(first) + zigzag(least) + bytes(4)


def main(folder):
    plain = LEVELS + struct.pack("<I", 2) + b"ab" + struct.pack("<I", 1) + b"c"
    pack = lambda part: gzip.compress(part, mtime=0)
    members = {
        "one member": pack(plain),
        "two members": pack(plain[:9]) + pack(plain[9:]),
        "a member for each byte": b"".join(pack(plain[i:i + 1]) for i in range(len(plain))),
        "members of nothing": pack(b"") + pack(plain) + pack(b""),
        "bytes after a member": pack(plain) + b"garbage",
        "zeros after a member": pack(plain) + bytes(4),
        "a member too many": pack(plain) + pack(b"more"),
        "a cut second member": pack(plain[:9]) + pack(plain[9:])[:-3],
        "a damaged second member": pack(plain[:9]) + pack(plain[9:])[:-8] + bytes(8),
        "a second member of other bytes": pack(plain[:9]) + b"garbage",
    }
    files = {name: file(BYTE_ARRAY, data, PLAIN, 2, len(plain)) for name, data in members.items()}
    for count in (0, 1, 2, 3, 5, 128, 129, 300):
        files[f"{count} deltas of 2"] = file(INT64, LEVELS + deltas(count, 5, 3), DELTA)
        files[f"{count} lengths of 2"] = file(BYTE_ARRAY, LEVELS + deltas(count, 2, -1) + b"abc", DELTA_LENGTH)
        files[f"{count} prefixes of 2"] = file(
            BYTE_ARRAY, LEVELS + deltas(count, 0, 1) + deltas(2, 2, -1) + b"abc", DELTA_BYTES)
        files[f"{count} rests of 2"] = file(
            BYTE_ARRAY, LEVELS + deltas(2, 0, 1) + deltas(count, 2, -1) + b"abc", DELTA_BYTES)
    cases = []
    for name, data in files.items():
        try:
            rows = pq.read_table(io.BytesIO(data)).to_pylist()
        except (OSError, pa.ArrowException, UnicodeDecodeError) as problem:
            rows = None
            print(name, "refused:", str(problem)[:100])
        else:
            print(name, rows)
        cases.append(dict(name=name, base64=base64.b64encode(data).decode(), rows=rows))
    with gzip.GzipFile(os.path.join(folder, "pages.json.gz"), "wb", mtime=0) as out:
        out.write(json.dumps(dict(made_by=f"pyarrow {pa.__version__}", pages=cases), sort_keys=True).encode())


if __name__ == "__main__":
    main(sys.argv[1])
