"""Text tables and Parquet: what is detected, kept, and refused."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from isthmus.data import files
from isthmus.errors import InvalidInputError


def put(path, text):
    path.write_text(text, encoding="utf-8")
    return path


# A fixed time stamp: the bytes are part of the test's name, in every worker.
CUT_OFF = gzip.compress(b"a,b\n1,2\n" * 999, mtime=0)[:-20]


@pytest.mark.parametrize(
    ("text", "header", "expected"),
    [
        ("a,b\n1,2\n3,4\n", ["a", "b"], [[1, 2], [3, 4]]),
        ("1,2\n3,4\n", None, [[1, 2], [3, 4]]),
        ("a;b\n1,5;2\n3;4,25\n", ["a", "b"], [[1.5, 2], [3, 4.25]]),
        ("1;2.5\n3;4\n", None, [[1, 2.5], [3, 4]]),
        ("a\tb\n1\t2\n", ["a", "b"], [[1, 2]]),
        ("a|b\n1|2\n", ["a", "b"], [[1, 2]]),
        ('"x, y", "z"\n1, 2\n', ["x, y", "z"], [[1, 2]]),
        ("value\n1\n2\n", ["value"], [[1], [2]]),
        ("1\n2\n", None, [[1], [2]]),
        ("id,2019\n1,2\n", ["id", "2019"], [[1, 2]]),
        ("\ufeffa,b\r\n1,2\r\n", ["a", "b"], [[1, 2]]),
        ("nan,1e-3\n-inf,2\n", None, [[np.nan, 1e-3], [-np.inf, 2]]),
        ("a,b\n1,\n?,NA\n", ["a", "b"], [[1, np.nan], [np.nan, np.nan]]),
    ],
)
def test_header_and_delimiter_are_found(tmp_path, text, header, expected):
    data = files.read(put(tmp_path / "t.csv", text))
    assert data.feature_names == header
    assert data.kind == "table"
    np.testing.assert_array_equal(data.X, np.array(expected, dtype=float))


def test_header_can_be_forced(tmp_path):
    path = put(tmp_path / "years.csv", "2019,2020\n1,2\n")
    assert len(files.read(path).X) == 2
    data = files.read(path, header=True)
    assert data.feature_names == ["2019", "2020"]
    assert len(data.X) == 1


def test_text_separated_by_blanks(tmp_path):
    path = put(tmp_path / "t.txt", "  1.0e+00  -2.5\n  2.0e+00  -3.5\n")
    np.testing.assert_array_equal(files.read(path).X, [[1, -2.5], [2, -3.5]])


@pytest.mark.parametrize("suffix", [".csv.gz", ".tsv.gz", ".txt.gz"])
def test_compressed_text(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    path.write_bytes(gzip.compress(b"a\tb\n1\t2\n"))
    np.testing.assert_array_equal(files.read(path).X, [[1, 2]])


def test_whole_numbers_stay_whole_and_truth_becomes_0_and_1(tmp_path):
    assert files.read(put(tmp_path / "i.csv", "a,b\n1,2\n")).X.dtype == np.int64
    data = files.read(put(tmp_path / "b.csv", "a,b\nTrue,False\nFalse,True\n"))
    assert data.X.dtype == np.int64
    np.testing.assert_array_equal(data.X, [[1, 0], [0, 1]])
    gap = files.read(put(tmp_path / "g.csv", "a,b\nTrue,1\n,2\n"))
    np.testing.assert_array_equal(gap.X, [[1, 1], [np.nan, 2]])


def test_floats_are_read_to_the_last_digit(tmp_path):
    value = float(np.nextafter(0.1, 1))
    data = files.read(put(tmp_path / "f.csv", f"a\n{value!r}\n"))
    assert data.X[0, 0] == value


@pytest.mark.parametrize("target", ["kind", 1, -2, "1"])
def test_target_by_name_or_position(tmp_path, target):
    path = put(tmp_path / "t.csv", "a,kind,b\n1,x,2\n3,y,4\n")
    data = files.read(path, target=target)
    assert list(data.y) == ["x", "y"]
    assert data.feature_names == ["a", "b"]
    np.testing.assert_array_equal(data.X, [[1, 2], [3, 4]])


def test_columns_without_names_by_position(tmp_path):
    path = put(tmp_path / "t.csv", "0,tcp,5,1\n0,udp,6,0\n")
    data = files.read(path, drop=["1"], target="-1")
    assert data.feature_names is None
    np.testing.assert_array_equal(data.X, [[0, 5], [0, 6]])
    np.testing.assert_array_equal(data.y, [1, 0])


def test_chosen_columns_in_the_order_of_the_model(tmp_path):
    path = put(tmp_path / "t.csv", "name,b,text,a\nr0,1,x,2\nr1,3,y,4\n")
    data = files.read(path, columns=["a", "b"])
    np.testing.assert_array_equal(data.X, [[2, 1], [4, 3]])
    assert data.names == ["r0", "r1"]
    with pytest.raises(InvalidInputError, match="lacks column 'c', on which"):
        files.read(path, columns=["a", "c"])


@pytest.mark.parametrize("title", ["name", ""])
def test_names_of_rows(tmp_path, title):
    data = files.read(put(tmp_path / "t.csv", f"{title},a\nu.png,1\nv.png,2\n"))
    assert data.names == ["u.png", "v.png"]
    assert data.feature_names == ["a"]


def test_a_column_called_name_that_holds_numbers_is_a_feature(tmp_path):
    data = files.read(put(tmp_path / "t.csv", "name,a\n7,1\n8,2\n"))
    assert data.names is None
    assert data.feature_names == ["name", "a"]


def test_parquet_types(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": np.float32([1, 2]), "b": np.float32([3, 4])}).to_parquet(path)
    assert files.read(path).X.dtype == np.float32
    frame = pd.DataFrame(
        {"n": pd.array([1, None], dtype="Int64"), "t": pd.array([True, None], dtype="boolean")}
    )
    frame.to_parquet(path)
    np.testing.assert_array_equal(files.read(path).X, [[1, 1], [np.nan, np.nan]])


def test_parquet_in_a_folder_that_looks_like_a_partition(tmp_path):
    folder = tmp_path / "year=2020"
    folder.mkdir()
    pd.DataFrame({"a": [1.0]}).to_parquet(folder / "t.parquet")
    assert files.read(folder / "t.parquet").feature_names == ["a"]


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("t.csv", "", {}, "the file is empty"),
        ("t.csv", "\n\n", {}, "the file is empty"),
        ("t.csv", "a,b\n", {}, "no rows below its header"),
        ("t.csv", "a,city\n1,x\n", {}, "column 'city' holds text or dates; drop with --drop city"),
        ("t.csv", "a,my city,c\n1,x,y\n", {}, "columns 'my city', 'c' hold .* --drop 'my city'"),
        ("t.csv", "a,when\n1,2020-01-02\n", {}, "'when' holds text or dates"),
        ("t.csv", "a,b\n1,2\n1,2,3\n", {}, "rows of one length are expected"),
        ("t.csv", "a,b\n1,2,3\n1,2,3\n", {}, "rows of one length are expected"),
        ("t.csv", "a,b\n1,2\n", {"drop": ["bb"]}, "drop names no column 'bb'; did you mean 'b'"),
        ("t.csv", "a,b\n1,2\n", {"target": 2}, "target names no column 2; it has the columns 'a'"),
        ("t.csv", "1,2\n3,4\n", {"target": "z"}, "2 columns without names: give a position"),
        ("t.csv", "a,b\n1,2\n", {"drop": ["a", "b"]}, "no column is left"),
        ("t.csv", "a,b\n1,x\n2,\n", {"target": "b"}, "target 'b' has no value in row 1"),
        ("t.csv", b"a,b\n\xff\xfe,2\n", {}, "not text in UTF-8"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16"), {}, "not text in UTF-8"),
        ("t.csv", b"a\0b\n1,2\n", {}, "not a text table"),
        ("t.csv.gz", b"a,b\n1,2\n", {}, "gzip data are cut off or broken"),
        ("t.csv.gz", CUT_OFF, {}, "gzip data are cut off"),
        ("t.parquet", b"PAR1 and no more", {}, "not a whole Parquet file"),
        ("t.csv", "a,b\n1,2\n", {"key": "X"}, "key is for .npz archives"),
        ("t.csv", "a,b\n1,2\n", {"image_size": (2, 2)}, "image_size is for image files"),
        ("t.csv", "a,b\n1,2\n", {"mode": "L"}, "mode is for image files"),
        ("t.xlsx", "PK", {}, "a file ending in '.xlsx' cannot be read"),
        ("table", "1,2", {}, "a file ending in 'nothing' cannot be read"),
        ("t.parquet.gz", "x", {}, "unpack it first"),
    ],
)
def test_mistakes_are_one_line(tmp_path, name, content, options, message):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InvalidInputError, match=message) as caught:
        files.read(path, **options)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_missing_file(tmp_path):
    with pytest.raises(InvalidInputError, match="no such file or folder"):
        files.read(tmp_path / "none.csv")


def test_parquet_of_text_and_a_header_option(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": [1.0], "b": ["x"], "c": [[1.0, 2.0]]}).to_parquet(path)
    with pytest.raises(InvalidInputError, match="columns 'b', 'c' hold text"):
        files.read(path)
    with pytest.raises(InvalidInputError, match="header is for text tables"):
        files.read(path, header=False)


def test_a_line_longer_than_the_sample(tmp_path):
    row = ",".join(["0.123456789"] * 8_000)
    data = files.read(put(tmp_path / "wide.csv", f"{row}\n{row}\n"))
    assert data.X.shape == (2, 8_000)
