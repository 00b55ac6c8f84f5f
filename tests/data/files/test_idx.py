"""IDX: every length in the header is checked against the file."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from isthmus.data import files
from isthmus.errors import InvalidInputError

MNIST = Path(__file__).parents[3].parent / "shared" / "data" / "mnist"
CODES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


def idx(array, code=None, lengths=None):
    code = CODES[array.dtype.str.lstrip("|")] if code is None else code
    lengths = array.shape if lengths is None else lengths
    return (
        bytes([0, 0, code, len(lengths)])
        + struct.pack(f">{len(lengths)}I", *lengths)
        + (array.tobytes())
    )


IMAGES = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
LABELS = np.array([0, 1, 2, 1, 0], dtype=np.uint8)


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("suffix", [".idx", ".idx3", "-idx3-ubyte", ".idx3-ubyte"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_type_and_name(tmp_path, dtype, suffix, packed):
    array = IMAGES.astype(dtype)
    path = tmp_path / f"a{suffix}{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    data = files.read(path)
    assert data.X.dtype == array.dtype.newbyteorder("=")
    assert data.X.dtype.isnative
    assert data.kind == ("images" if dtype == "u1" else "array")
    assert data.y is None
    np.testing.assert_array_equal(data.X, array)


@pytest.mark.parametrize("packed", [False, True])
def test_labels_beside_the_images_are_picked_up(tmp_path, packed):
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(IMAGES))
    content = idx(LABELS)
    name = "t10k-labels-idx1-ubyte"
    (tmp_path / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    np.testing.assert_array_equal(files.read(tmp_path / "t10k-images-idx3-ubyte").y, LABELS)


def test_labels_by_name(tmp_path):
    (tmp_path / "a.idx").write_bytes(idx(IMAGES))
    (tmp_path / "b.idx").write_bytes(idx(LABELS))
    (tmp_path / "c.idx").write_bytes(idx(LABELS[:3]))
    np.testing.assert_array_equal(files.read(tmp_path / "a.idx", target="b.idx").y, LABELS)
    with pytest.raises(InvalidInputError, match=r"5 labels are expected for a\.idx"):
        files.read(tmp_path / "a.idx", target="c.idx")
    with pytest.raises(InvalidInputError, match="does not exist"):
        files.read(tmp_path / "a.idx", target="d.idx")


WHOLE = idx(IMAGES)
DAMAGED = {
    "empty header": WHOLE[:3],
    "cut in the lengths": WHOLE[:9],
    "cut in the numbers": WHOLE[:-1],
    "too long": WHOLE + b"\0",
    "wrong magic": b"\x01" + WHOLE[1:],
    "unknown type": idx(IMAGES, code=0x0A),
    "no dimension": bytes([0, 0, 8, 0]) + WHOLE[4:],
    "count too large": idx(IMAGES, lengths=(6, 4, 3)),
    "count too small": idx(IMAGES, lengths=(4, 4, 3)),
    "absurd lengths": idx(IMAGES, lengths=(2**32 - 1, 2**32 - 1, 2**32 - 1)),
    "many dimensions": bytes([0, 0, 8, 255]) + WHOLE[4:],
    "no samples": idx(IMAGES[:0]),
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("packed", [False, True])
def test_damage_is_one_line(tmp_path, damage, packed):
    path = tmp_path / f"a-idx3-ubyte{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(DAMAGED[damage]) if packed else DAMAGED[damage])
    with pytest.raises(InvalidInputError) as caught:
        files.read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_cut_off_and_foreign_gzip(tmp_path):
    path = tmp_path / "a-idx3-ubyte.gz"
    for content in (gzip.compress(WHOLE)[:-9], WHOLE, gzip.compress(WHOLE)[:10]):
        path.write_bytes(content)
        with pytest.raises(InvalidInputError, match="cut off or broken"):
            files.read(path)


def test_a_bomb_is_unpacked_no_further_than_its_header_says(tmp_path):
    path = tmp_path / "a-idx3-ubyte.gz"
    noise = np.random.default_rng(0).bytes(1_000_000)
    bomb = gzip.compress(WHOLE + noise, compresslevel=1)
    path.write_bytes(bomb[: len(bomb) // 2])  # who unpacks it all meets the end first
    with pytest.raises(InvalidInputError, match="it holds more"):
        files.read(path)


@pytest.mark.skipif(not MNIST.is_dir(), reason="needs ../shared/data/mnist (public MNIST files)")
def test_mnist():
    data = files.read(MNIST / "t10k-images-idx3-ubyte.gz")
    assert data.X.shape == (10_000, 28, 28)
    assert data.X.dtype == np.uint8
    assert data.kind == "images"
    np.testing.assert_array_equal(
        np.bincount(data.y), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    )
