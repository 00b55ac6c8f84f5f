"""NPY and NPZ: mapped, chosen, and never unpickled."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from isthmus.data import files
from isthmus.errors import InvalidInputError


def test_npy_is_mapped_from_disk_and_cannot_be_changed(tmp_path):
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.save(tmp_path / "a.npy", array)
    data = files.read(tmp_path / "a.npy")
    assert isinstance(data.X, np.memmap)
    assert not data.X.flags.writeable
    assert data.X.dtype == np.float32
    assert data.kind == "array"
    np.testing.assert_array_equal(data.X, array)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "float32", "float64", ">f4", "<i8"])
def test_types_are_kept_in_the_byte_order_of_the_machine(tmp_path, dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", array)
    for name in ("a.npy", "a.npz"):
        X = files.read(tmp_path / name).X
        assert X.dtype.isnative
        assert X.dtype == np.dtype(dtype).newbyteorder("=")
        np.testing.assert_array_equal(X, array)


def test_columns_of_an_array_by_position(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(12.0).reshape(3, 4))
    data = files.read(tmp_path / "a.npy", target=-1, drop=["0"])
    np.testing.assert_array_equal(data.X, [[1, 2], [5, 6], [9, 10]])
    np.testing.assert_array_equal(data.y, [3, 7, 11])


def test_npz_arrays_are_found(tmp_path):
    X, y = np.ones((4, 3)), np.arange(4)
    np.savez(tmp_path / "a.npz", X=X, y=y, y5=y * 5, other=np.zeros(9))
    data = files.read(tmp_path / "a.npz")
    np.testing.assert_array_equal(data.X, X)
    np.testing.assert_array_equal(data.y, y)
    np.testing.assert_array_equal(files.read(tmp_path / "a.npz", target="y5").y, y * 5)
    assert files.read(tmp_path / "a.npz", key="other").y is None
    np.savez_compressed(tmp_path / "b.npz", images=np.zeros((2, 4, 4), np.uint8), y=y[:2])
    assert files.read(tmp_path / "b.npz").X.shape == (2, 4, 4)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"a": np.ones((2, 2)), "b": np.ones((2, 2))}, {}, "say which with key .*--key NAME"),
        ({"X": np.ones((2, 2))}, {"key": "Z"}, "no array 'Z'; the archive holds 'X'"),
        ({"X": np.ones((2, 2)), "t": np.ones(3)}, {"target": "t"}, "one value for each of the 2"),
        ({"X": np.ones((2, 2, 2))}, {"target": 0}, "two-dimensional array"),
        ({"X": np.array(["a", "b"])}, {}, "array of real numbers is expected"),
        ({"X": np.ones((2, 2), complex)}, {}, "array of real numbers is expected"),
        ({"X": np.float64(3)}, {}, "this is a single number"),
        ({"X": np.ones((0, 3))}, {}, "holds no data"),
    ],
)
def test_npz_mistakes(tmp_path, arrays, options, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InvalidInputError, match=message) as caught:
        files.read(tmp_path / "a.npz", **options)
    assert "\n" not in str(caught.value)


def test_python_objects_are_never_unpickled(tmp_path):
    array = np.array([{}, 1], dtype=object)
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    np.savez(tmp_path / "a.npz", X=array, allow_pickle=True)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(InvalidInputError, match="Python objects"):
            files.read(tmp_path / name)


def test_cut_off_files(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((50, 50)))
    np.savez(tmp_path / "a.npz", X=np.ones((50, 50)))
    for name in ("a.npy", "a.npz"):
        whole = (tmp_path / name).read_bytes()
        for size in (1, 20, 100, len(whole) - 1):
            (tmp_path / name).write_bytes(whole[:size])
            with pytest.raises(InvalidInputError) as caught:
                files.read(tmp_path / name)
            assert "\n" not in str(caught.value)
            assert "again" in str(caught.value) or "save" in str(caught.value)


def test_a_member_that_announces_more_than_it_holds_takes_no_memory(tmp_path):
    head = io.BytesIO()
    description = {"descr": "<f8", "fortran_order": False, "shape": (10**7, 10**6)}
    np.lib.format.write_array_header_1_0(head, description)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("X.npy", head.getvalue() + bytes(16))
    with pytest.raises(InvalidInputError, match="announces 80000000000000 bytes and holds 16"):
        files.read(tmp_path / "bomb.npz")
    (tmp_path / "bomb.npy").write_bytes(head.getvalue() + bytes(16))
    with pytest.raises(InvalidInputError, match="cannot be read"):
        files.read(tmp_path / "bomb.npy")


def test_an_archive_under_the_name_of_an_array(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.ones((2, 2)))
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(InvalidInputError, match="rename it"):
        files.read(tmp_path / "a.npy")
