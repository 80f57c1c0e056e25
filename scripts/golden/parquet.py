"""Parquet files and the same rows as JSON lines, for Tests/lua/parquet_test.lua.

    python3 scripts/golden/parquet.py Tests/Golden/parquet

datasets 5.2.0, pyarrow 26.0.1. Files named datasets are those of `Dataset.to_parquet`, and their rows those of
`Dataset.to_json`; the others are pyarrow's, with the codec, page version or encoding that their name says. rows.json.gz
has the rows of each file, or the name of one with the same; refused.json.gz has files that are not read, base64, and why.
"""
import base64
import datetime
import gzip
import io
import json
import os
import random
import sys

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset

WORDS = "the sky is blue and green caf\u00e9 na\u00efve \u4f60\u597d \U0001f600 don't\nline\ttab \"quoted\" \\ 42".split(" ")


def main(folder):
    os.makedirs(folder, exist_ok=True)
    draw = random.Random(7)

    def text(most=12):
        return " ".join(draw.choice(WORDS) for _ in range(draw.randint(0, most)))

    def messages(most):
        return [dict(role=draw.choice(["user", "assistant"]), content=text()) for _ in range(draw.randint(0, most))]

    def mixed(i):
        return dict(
            id=i, prompt=text(), chosen=[dict(role="user", content=text()), dict(role="assistant", content=text())],
            rejected=messages(3), score=draw.choice([None, 0.5, -1.25e10, draw.randint(0, 10**6) / 1024]), label=draw.random() < 0.5,
            source=draw.choice(["web", "book", None]), rank=draw.choice([None, -3, 2**40]),
            tags=draw.choice([None, [], ["a"], ["b", None, "c"]]),
            nested=draw.choice([None, [[1, 2], [], None, [3]]]),
            meta=draw.choice([None, dict(author=None, year=1999), dict(author="x", year=None)]))

    rows = [mixed(i) for i in range(300)]
    pairs = [dict(prompt=text(), chosen=" " + text() + str(i), rejected=" " + text()) for i in range(60)]
    table = Dataset.from_list(rows).data.table
    wanted = {}

    def by_datasets(name, dataset):
        dataset.to_parquet(os.path.join(folder, name + ".parquet"), batch_size=100)
        out = io.BytesIO()
        dataset.to_json(out)
        wanted[name] = [json.loads(line) for line in out.getvalue().decode().splitlines()]

    def by_pyarrow(name, table, rows, **options):
        pq.write_table(table, os.path.join(folder, name + ".parquet"), **options)
        wanted[name] = next((known for known in wanted if wanted[known] == rows), rows)

    by_datasets("datasets-mixed", Dataset.from_list(rows))
    by_datasets("datasets-pairs", Dataset.from_list(pairs))
    times = [datetime.datetime(2024, 1, 2, 3, 4, 5, 678901), datetime.datetime(1969, 12, 31, 23, 59, 59, 1500), None]
    by_datasets("datasets-types", Dataset.from_dict(dict(
        time=times, day=[datetime.date(2024, 1, 2), datetime.date(1960, 5, 6), None],
        number=[float("nan"), float("inf"), 1.5], whole=[2**53 + 1, -2**63, 2**63 - 1],
    )).add_column("label", [0, 1, 0], feature=datasets.ClassLabel(names=["bad", "good"])))

    for codec in ("none", "snappy", "gzip", "zstd"):
        for version in ("1.0", "2.0"):
            by_pyarrow(f"{codec}-v{version[0]}", table, rows, compression=codec, data_page_version=version,
                       row_group_size=120, data_page_size=700, write_page_checksum=version == "1.0")
    by_pyarrow("plain", table, rows, use_dictionary=False, row_group_size=77)
    small = pa.table(dict(
        a=pa.array([None, 1, -5, 127] * 30, pa.int8()), b=pa.array([0, 65535, 7, 9] * 30, pa.uint16()),
        c=pa.array([2**32 - 1, 0, 5, None] * 30, pa.uint32()), d=pa.array([1.5, -0.25, 3e38, 1e-45] * 30, pa.float32()),
        e=pa.array([True, False, None, True] * 30), f=pa.array(["x"] * 120, pa.large_string()),
        g=pa.array(["long" * i for i in range(120)]), h=pa.array(list(range(-60, 60)), pa.int64()),
        i=pa.array([2**31 - 1, -2**31] * 60, pa.int32()), j=pa.array([2**63 - 1, -2**63] * 60, pa.int64()),
        k=pa.array([None] * 120), l=pa.array(["u", "v"] * 60).dictionary_encode()))
    listed = small.to_pylist()
    by_pyarrow("numbers", small, listed)
    deltas = dict(a="DELTA_BINARY_PACKED", b="DELTA_BINARY_PACKED", c="DELTA_BINARY_PACKED", d="BYTE_STREAM_SPLIT",
                  e="RLE", f="DELTA_LENGTH_BYTE_ARRAY", g="DELTA_BYTE_ARRAY", h="DELTA_BINARY_PACKED",
                  i="DELTA_BINARY_PACKED", j="DELTA_BINARY_PACKED", l="DELTA_BYTE_ARRAY")
    for version in ("1.0", "2.0"):
        by_pyarrow(f"deltas-v{version[0]}", small, listed, use_dictionary=False, column_encoding=deltas,
                   data_page_version=version, data_page_size=600)
    by_pyarrow("split", small.select(["h", "i", "d"]), small.select(["h", "i", "d"]).to_pylist(), use_dictionary=False,
               use_byte_stream_split=True)
    by_pyarrow("empty", table.slice(0, 0), [])
    by_pyarrow("two-levels", table.select(["tags", "id"]), table.select(["tags", "id"]).to_pylist(),
               use_compliant_nested_type=False)
    long = pa.table(dict(text=[("word %d " % i) * 3000 for i in range(40)]))
    by_pyarrow("long", long, long.to_pylist(), compression="zstd")

    refused = []

    def refuse(what, table, **options):
        out = io.BytesIO()
        pq.write_table(table, out, **options)
        refused.append(dict(what=what, base64=base64.b64encode(out.getvalue()).decode()))

    one = pa.table(dict(prompt=["a"]))
    refuse("LZ4", one, compression="lz4")
    refuse("Brotli", one, compression="brotli")
    refuse("a map", pa.table(dict(m=pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int32())))))
    refuse("of decimals", pa.table(dict(m=pa.array([1], pa.decimal128(10, 2)))))
    refuse("of times of day", pa.table(dict(m=pa.array([datetime.time(1, 2)]))))
    refuse("of values of 4 bytes", pa.table(dict(m=pa.array([b"abcd"], pa.binary(4)))))
    refuse("no UTF-8 text", pa.table(dict(m=pa.array([b"\xff\xfe"]))))
    refuse("96-bit times", pa.table(dict(m=pa.array([times[0]]))), use_deprecated_int96_timestamps=True)

    for name, value in (("rows", wanted), ("refused", refused)):
        value = dict(made_by=f"pyarrow {pa.__version__}, datasets {datasets.__version__}", **{name: value})
        with gzip.GzipFile(os.path.join(folder, name + ".json.gz"), "wb", mtime=0) as file:
            file.write(json.dumps(value, ensure_ascii=False, sort_keys=True).encode())
    print({name: len(rows) for name, rows in wanted.items()}, len(refused))


if __name__ == "__main__":
    main(sys.argv[1])
