"""Reading a table in stretches: the same rows as at once, and damage named where it lies."""

from __future__ import annotations

import gzip
import warnings

import numpy as np
import pandas as pd
import pytest

from isthmus.data.files import read_frames
from isthmus.errors import InvalidInputError

RNG = np.random.default_rng(0)
N = 1000
FRAME = pd.DataFrame(
    {
        "code": RNG.choice(["007", "x1", "012"], N),
        "size": RNG.normal(size=N),
        "count": RNG.integers(0, 9, N),
        "flag": RNG.random(N) < 0.5,
        "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(RNG.integers(0, 10**6, N), unit="s"),
    }
)
FRAME.loc[3, "size"] = np.nan
SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".parquet")


def written(folder, suffix, frame=FRAME):
    path = folder / f"t{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path, row_group_size=300)
    else:
        separator = "," if "csv" in suffix else "\t" if suffix == ".tsv" else ";"
        packed = {"compression": "gzip"} if suffix.endswith(".gz") else {}
        frame.to_csv(path, index=False, sep=separator, **packed)
    return path


@pytest.mark.parametrize("rows", [1, 256, 999, 1000, 5000, None])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_stretches_make_up_the_table(suffix, rows, tmp_path):
    frame = FRAME.head(12) if rows == 1 else FRAME
    parts = list(read_frames(written(tmp_path, suffix, frame), rows=rows, text=["code"]))
    assert max(map(len, parts)) <= (rows or N)
    whole = pd.concat(parts)
    assert whole.index.tolist() == list(range(len(frame)))
    assert list(whole.columns) == list(FRAME.columns)
    assert whole["code"].tolist() == frame["code"].tolist()
    np.testing.assert_array_equal(whole["size"].astype(float), frame["size"])
    for name in ("count", "flag"):
        assert whole[name].tolist() == frame[name].tolist()
    assert pd.to_datetime(whole["when"]).tolist() == frame["when"].tolist()


def test_a_code_of_digits_stays_text_where_that_is_said(tmp_path):
    path = written(tmp_path, ".csv", pd.DataFrame({"code": ["007", "012"], "x": [1.0, 2.0]}))
    (said,) = read_frames(path, text=["code"])
    (left,) = read_frames(path)
    assert said["code"].tolist() == ["007", "012"]
    assert left["code"].tolist() == [7, 12]


def test_a_table_without_a_header(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("1,a\n2,b\n3,c\n")
    parts = list(read_frames(path, rows=2))
    assert [part["0"].tolist() for part in parts] == [[1, 2], [3]]
    assert list(parts[0].columns) == ["0", "1"]
    (named,) = read_frames(path, header=True)
    assert list(named.columns) == ["1", "a"]


def test_the_filters_of_warnings_are_left_alone(tmp_path):
    before = list(warnings.filters)
    for _ in read_frames(written(tmp_path, ".csv"), rows=100):
        assert warnings.filters == before


def fails(call, *words):
    with pytest.raises(InvalidInputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"


def test_damage_is_named_when_it_is_reached(tmp_path):
    path = written(tmp_path, ".csv")
    lines = path.read_text().splitlines()
    lines[700] += ",1,2,3"
    path.write_text("\n".join(lines))
    parts = read_frames(path, rows=100)
    seen = [next(parts) for _ in range(5)]
    assert sum(map(len, seen)) == 500
    fails(lambda: list(parts), "t.csv", "one length")
    packed = tmp_path / "cut.csv.gz"
    packed.write_bytes(gzip.compress(lines[0].encode() + b"\n" + b"1,2,3,4,5\n" * 200_000)[:-2000])
    fails(lambda: list(read_frames(packed, rows=1000)), "gzip", "again")
    broken = written(tmp_path, ".parquet")
    content = bytearray(broken.read_bytes())
    content[100:4000] = bytes(3900)
    broken.write_bytes(content)
    fails(lambda: list(read_frames(broken, rows=100)), "Parquet")
    broken.write_bytes(b"PAR1")
    fails(lambda: list(read_frames(broken)), "Parquet")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_of_no_rows(suffix, tmp_path):
    fails(lambda: list(read_frames(written(tmp_path, suffix, FRAME.head(0)))), "no rows")


def test_what_is_no_table(tmp_path):
    fails(lambda: list(read_frames(tmp_path / "none.csv")), "no such file")
    fails(lambda: list(read_frames(tmp_path)), "no such file")
    (tmp_path / "a.npy").write_bytes(b"x")
    fails(lambda: list(read_frames(tmp_path / "a.npy")), "table is expected")
    (tmp_path / "empty.csv").write_bytes(b"")
    fails(lambda: list(read_frames(tmp_path / "empty.csv")), "empty")
    path = written(tmp_path, ".csv")
    for rows in (0, -1, 1.5, True):
        fails(lambda rows=rows: list(read_frames(path, rows=rows)), "rows")
