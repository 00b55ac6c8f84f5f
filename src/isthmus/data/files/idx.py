"""The IDX format of MNIST: a header that says type and lengths, then the numbers.

A header is believed only as far as the file bears it out: every length is compared with the
real size before memory is taken, and a compressed file is unpacked no further than its header
announces.
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from isthmus.data.files.dataset import Array, DataSet, as_native, numbers_only
from isthmus.errors import InvalidInputError

__all__ = ["is_idx", "read_idx"]

_NAME = re.compile(r"[-.]idx\d?(-\w+)?(\.gz)?$", re.IGNORECASE)
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
# Deflate never does better than 1032 bytes for one; a header that asks for more is a bomb.
_BEST_RATIO = 1032
_CHUNK = 1 << 20


def is_idx(path: Path) -> bool:
    """Tell by the name whether a file is an IDX file.

    Examples
    --------
    >>> [is_idx(Path(n)) for n in ("t10k-images-idx3-ubyte.gz", "a.idx", "b.npy")]
    [True, True, False]
    """
    return _NAME.search(path.name) is not None


def read_idx(path: Path, *, target: str | int | None = None) -> DataSet:
    """Read an IDX file, and the labels that lie beside an image file.

    Parameters
    ----------
    path : Path
        The file, plain or with ``.gz``.
    target : str or None
        The label file; by default the one named like the images with ``labels-idx1`` for
        ``images-idx3``, where there is one.

    Returns
    -------
    DataSet
        ``X`` of the shape that the header gives.

    Raises
    ------
    InvalidInputError
        If a file is damaged, or images and labels differ in number.
    """
    array = numbers_only(_array(path), path)
    labels = _labels_beside(path) if target is None else path.parent / str(target)
    y = None
    if labels is not None:
        if not labels.is_file():
            raise InvalidInputError(
                f"{path}: target names the label file {labels}, which does not exist; "
                "give the name of an idx1 file"
            )
        y = _array(labels)
        if y.shape != array.shape[:1]:
            raise InvalidInputError(
                f"{labels}: {len(array)} labels are expected for {path.name}, it holds an array "
                f"of shape {y.shape}; give the label file that belongs to it"
            )
    images = array.ndim in (3, 4) and array.dtype == np.uint8
    return DataSet(array, y, kind="images" if images else "array")


def _labels_beside(path: Path) -> Path | None:
    name = path.name.removesuffix(".gz")
    twin = name.replace("images", "labels").replace("idx3", "idx1")
    if twin == name:
        return None
    found = (path.with_name(candidate) for candidate in (twin, twin + ".gz"))
    return next((candidate for candidate in found if candidate.is_file()), None)


def _array(path: Path) -> Array:
    packed = path.name.lower().endswith(".gz")
    size = path.stat().st_size
    try:
        # cast: gzip.open gives a GzipFile, which reads like any binary file
        with cast(BinaryIO, gzip.open(path)) if packed else path.open("rb") as stream:
            shape, dtype, start = _header(stream, path)
            wanted = math.prod(shape) * dtype.itemsize
            if packed and start + wanted > size * _BEST_RATIO:
                raise _damaged(
                    path,
                    f"its header announces {wanted} bytes of numbers, more "
                    f"than its {size} compressed bytes can hold",
                )
            if not packed and start + wanted != size:
                raise _damaged(
                    path, f"its header announces {wanted} bytes of numbers, it holds {size - start}"
                )
            data = _exactly(stream, wanted, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, "the gzip data are cut off or broken") from error
    return as_native(np.frombuffer(data, dtype=dtype).reshape(shape))


def _header(stream: BinaryIO, path: Path) -> tuple[tuple[int, ...], np.dtype[np.generic], int]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise _damaged(path, "it does not begin like an IDX file")
    lengths = stream.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise _damaged(path, f"it ends inside the header of {magic[3]} lengths")
    shape = struct.unpack(f">{magic[3]}I", lengths)
    return shape, np.dtype(_TYPES[magic[2]]), 4 + 4 * magic[3]


def _exactly(stream: BinaryIO, wanted: int, path: Path) -> bytearray:
    # Grown as data really arrive, so that a lying header costs no memory.
    data = bytearray()
    while len(data) <= wanted:
        piece = stream.read(min(_CHUNK, wanted + 1 - len(data)))
        if not piece:
            break
        data += piece
    if len(data) != wanted:
        more = "more" if len(data) > wanted else f"only {len(data)}"
        raise _damaged(path, f"its header announces {wanted} bytes of numbers, it holds {more}")
    return data


def _damaged(path: Path, what: str) -> InvalidInputError:
    return InvalidInputError(f"{path}: not a whole IDX file: {what}; fetch the file again")
