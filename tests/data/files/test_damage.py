"""Whatever bytes a file holds, reading gives data or one line that says what is wrong."""

from __future__ import annotations

import gzip
import io
import struct
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from isthmus.data import files
from isthmus.errors import InvalidInputError

NUMBERS = np.arange(60, dtype=np.float32).reshape(20, 3)


def written(writer):
    stream = io.BytesIO()
    writer(stream)
    return stream.getvalue()


IDX = bytes([0, 0, 8, 3]) + struct.pack(">3I", 4, 5, 3) + bytes(range(60))
WHOLE = {
    "t.csv": b"a,b,c\n" + b"1,2.5,x\n" * 9,
    "t.tsv.gz": gzip.compress(b"a\tb\n" + b"1\t2\n" * 99),
    "t.txt": b" 1.0  2.0\n 3.0  4.0\n",
    "t.parquet": written(lambda s: pd.DataFrame(NUMBERS, columns=list("abc")).to_parquet(s)),
    "t.npy": written(lambda s: np.save(s, NUMBERS)),
    "t.npz": written(lambda s: np.savez_compressed(s, X=NUMBERS, y=NUMBERS[:, 0])),
    "t-idx3-ubyte": IDX,
    "t-idx3-ubyte.gz": gzip.compress(IDX),
    "t.png": written(lambda s: Image.fromarray(NUMBERS.astype(np.uint8)).save(s, "PNG")),
    "t.jpg": written(lambda s: Image.fromarray(NUMBERS.astype(np.uint8)).save(s, "JPEG")),
}


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_damaged_bytes(name, data):
    whole = WHOLE[name]
    end = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    damaged = bytearray(whole[:end])
    for _ in range(data.draw(st.integers(0, 3))):
        if damaged:
            at = data.draw(st.integers(0, len(damaged) - 1))
            damaged[at] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(damaged)
        try:
            found = files.read(path)
        except InvalidInputError as error:
            assert "\n" not in str(error)
            assert str(path) in str(error)
        else:
            assert len(found.X) > 0
            assert found.X.dtype.kind in "buif"
            del found  # a mapped file, before its folder goes
