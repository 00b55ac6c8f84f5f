"""Writing: what goes in comes out, whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.data import files
from isthmus.errors import InvalidInputError
from isthmus.storage.atomic import whole_file

RNG = np.random.default_rng(0)
TABLES = [".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet"]
ARRAYS = [".npy", ".npz"]


@pytest.mark.parametrize("suffix", TABLES + ARRAYS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_two_dimensions_round_trip(tmp_path, suffix, dtype):
    array = (RNG.normal(size=(20, 3)) * 1e3).astype(dtype)
    path = tmp_path / f"a{suffix}"
    files.write(path, array, columns=["u", "v", "w x"], names=[f"r{i}" for i in range(20)])
    data = files.read(path)
    np.testing.assert_array_equal(data.X.astype(dtype), array)  # bit for bit
    if suffix in TABLES:
        assert data.feature_names == ["u", "v", "w x"]
        assert data.names == [f"r{i}" for i in range(20)]
    if suffix in (".parquet", *ARRAYS):
        assert data.X.dtype == dtype
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", TABLES)
def test_missing_cells_and_default_titles_round_trip(tmp_path, suffix):
    array = np.array([[1.5, np.nan], [np.nan, 2.5]])
    files.write(tmp_path / f"a{suffix}", array)
    data = files.read(tmp_path / f"a{suffix}")
    assert data.feature_names == ["x0", "x1"]
    np.testing.assert_array_equal(data.X, array)


@pytest.mark.parametrize("suffix", ARRAYS)
def test_more_dimensions_round_trip(tmp_path, suffix):
    array = RNG.normal(size=(4, 3, 2, 3))
    files.write(tmp_path / f"a{suffix}", array)
    np.testing.assert_array_equal(files.read(tmp_path / f"a{suffix}").X, array)


def test_scores_are_one_column(tmp_path):
    files.write(tmp_path / "s.csv", np.array([1.0, 2.0]), columns=["score"], names=["name", "b"])
    assert (tmp_path / "s.csv").read_text() == "name,score\nname,1.0\nb,2.0\n"


def test_a_feature_called_name_is_not_mistaken(tmp_path):
    files.write(tmp_path / "s.csv", np.array([[1.0], [2.0]]), columns=["name"], names=["p", "q"])
    assert (tmp_path / "s.csv").read_text().startswith("row_name,name\n")


@pytest.mark.parametrize("suffix", TABLES)
def test_tables_hold_two_dimensions(tmp_path, suffix):
    with pytest.raises(InvalidInputError, match=r"two dimensions.*\.npy"):
        files.write(tmp_path / f"a{suffix}", np.zeros((2, 3, 4)))
    assert list(tmp_path.iterdir()) == []


def interrupted_write(path):
    with whole_file(path) as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.npy"
    files.write(path, np.ones(3))
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        interrupted_write(path)
    with pytest.raises(ValueError, match="Object arrays"):
        files.write(path, np.array([None, {}], dtype=object))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.npy"]


def test_a_folder_that_holds_something_is_not_mixed_with(tmp_path):
    (tmp_path / "out").mkdir()
    images = np.zeros((2, 4, 4))
    files.write(tmp_path / "out", images)  # empty: filled
    for refuse in (
        lambda: files.check_writable(tmp_path / "out"),
        lambda: files.write(tmp_path / "out", images),
    ):
        with pytest.raises(InvalidInputError, match="not empty"):
            refuse()
    with pytest.raises(InvalidInputError, match="a folder holds images"):
        files.write(tmp_path / "flat", np.zeros((2, 16)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none/a.csv", "the folder .*none does not exist; create it"),
        ("file/a.csv", "is a file, not a folder"),
        ("file/out/", "is a file, not a folder"),
        ("a.xlsx", r"an output ending in '.xlsx' cannot be written; expected .csv"),
        ("a.npy.gz", "cannot be written"),
        ("a.txt", "cannot be written"),
        ("file", "a folder is expected, this is a file"),
        ("folder.csv", "not empty"),
    ],
)
def test_places_are_refused_in_one_line(tmp_path, name, message):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.csv" / "x").write_text("")
    path = f"{tmp_path}/{name}"
    before = sorted(tmp_path.rglob("*"))
    for refuse in (
        lambda: files.check_writable(path),
        lambda: files.write(path, np.zeros((1, 2, 2))),
    ):
        with pytest.raises(InvalidInputError, match=message) as caught:
            refuse()
        assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_own_suffixes(tmp_path):
    files.check_writable(tmp_path / "m.safetensors", suffixes=(".safetensors",))
    with pytest.raises(InvalidInputError, match=r"'.pt' cannot be written; expected .safetensors"):
        files.check_writable(tmp_path / "m.pt", suffixes=(".safetensors",))
    with pytest.raises(InvalidInputError, match="'nothing' cannot be written"):
        files.check_writable(tmp_path / "model", suffixes=(".safetensors",))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_cannot_be_written(tmp_path, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    with pytest.raises(InvalidInputError, match=r"cannot be written \(no space left on device\)"):
        files.check_writable(tmp_path / "a.csv")
