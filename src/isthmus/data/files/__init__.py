"""Reading what people have, and writing what comes out: one function each, by suffix.

=====================================================  ==========================================
``.csv`` ``.tsv`` ``.txt`` (also with ``.gz``)          a table; header and delimiter are detected
``.parquet``                                           a table
``.npy``                                               an array, mapped from disk
``.npz``                                               an array ``X`` or the only one, and ``y``
``-idx3-ubyte`` and its like (also with ``.gz``)       MNIST's format, with the labels beside it
``.png`` ``.jpg`` ``.jpeg``, or a folder of them       images, channels last
=====================================================  ==========================================
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from isthmus.data.files.arrays import read_npy, read_npz, write_npy, write_npz
from isthmus.data.files.dataset import Array, DataSet
from isthmus.data.files.frames import read_frames
from isthmus.data.files.idx import is_idx, read_idx
from isthmus.data.files.images import (
    IMAGE_SUFFIXES,
    Mode,
    image_shaped,
    read_images,
    write_images,
)
from isthmus.data.files.tables import read_parquet, read_text, write_csv, write_parquet
from isthmus.errors import InvalidInputError, require
from isthmus.storage.atomic import check_place, check_vacant_folder, whole_file, whole_folder

__all__ = ["DataSet", "check_writable", "read", "read_frames", "write", "write_csv"]

_TEXT = (".csv", ".tsv", ".txt")
_TEXT_OUT = (".csv", ".tsv")
_READABLE = (
    ".csv, .tsv, .txt (also with .gz), .parquet, .npy, .npz, MNIST IDX, .png, .jpg or a folder "
    "of images"
)
_WRITABLE = ".csv, .tsv (also with .gz), .parquet, .npy, .npz, or a folder for images"


def read(
    path: str | os.PathLike[str],
    *,
    header: bool | Literal["auto"] = "auto",
    target: str | int | None = None,
    drop: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    key: str | None = None,
    image_size: tuple[int, int] | None = None,
    mode: Mode | None = None,
) -> DataSet:
    r"""Read a data set from a file or a folder of images.

    Parameters
    ----------
    path : str or path
        What to read; its suffix says how.
    header : bool or "auto", default="auto"
        Whether the first row of a text table holds the names of its columns.
    target : str or int, optional
        The column that is no feature but the target ``y``, by name or position; for NPZ also the
        name of an array, for IDX the file of labels.
    drop : sequence of str, default=()
        Columns to leave out, by name or position.
    columns : sequence of str, optional
        The columns of a table that are features, in this order; others are left out. Used for
        data that a fitted model is to be applied to.
    key : str, optional
        The array of an NPZ archive that holds the samples.
    image_size : tuple (height, width), optional
        Resize every image to this size.
    mode : {"L", "RGB"}, optional
        Convert images to grey or to colour.

    Returns
    -------
    DataSet
        Samples, target, names of columns and rows. Missing cells of a table are NaN.

    Raises
    ------
    InvalidInputError
        If the path does not exist, the file is damaged or empty, columns are not numbers, images
        differ in size, or an argument does not go with this kind of file. One line, with the
        remedy.
    MissingDependencyError
        If pandas, pyarrow or Pillow is needed and not installed.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "flowers.csv")
    ...     _ = file.write_text("length,width,kind\n5.1,3.5,a\n4.9,3.0,b\n")
    ...     data = read(file, target="kind")
    >>> data.X
    array([[5.1, 3.5],
           [4.9, 3. ]])
    >>> data.feature_names, list(map(str, data.y))
    (['length', 'width'], ['a', 'b'])
    """
    path = Path(path)
    if not path.exists():
        raise InvalidInputError(
            f"{path}: there is no such file or folder; check the name and the folder you are in"
        )
    suffix, packed = _suffix(path)
    images = path.is_dir() or suffix in IMAGE_SUFFIXES
    text = suffix in _TEXT and not images
    table = text or suffix == ".parquet"
    _unused("image_size", image_size is not None and not images, path, "image files")
    _unused("mode", mode is not None and not images, path, "image files")
    _unused("key", key is not None and suffix != ".npz", path, ".npz archives")
    _unused("header", header != "auto" and not text, path, "text tables (.csv, .tsv, .txt)")
    _unused("target", target is not None and images, path, "tables, arrays and IDX files")
    _unused("drop", bool(drop) and (images or is_idx(path)), path, "tables and arrays")
    if images:
        return read_images(path, image_size=image_size, mode=mode)
    if path.stat().st_size == 0:
        raise InvalidInputError(f"{path}: the file is empty; at least one sample is needed")
    if is_idx(path):
        return read_idx(path, target=target)
    if packed and not text:
        raise InvalidInputError(
            f"{path}: of compressed files only .csv.gz, .tsv.gz, .txt.gz and IDX are read; "
            "unpack it first"
        )
    if not table:
        columns = None
    if text:
        known = None if header == "auto" else header
        return read_text(
            path, suffix=suffix, header=known, target=target, drop=drop, columns=columns
        )
    if suffix == ".parquet":
        return read_parquet(path, target=target, drop=drop, columns=columns)
    if suffix == ".npy":
        return read_npy(path, target=target, drop=drop)
    if suffix == ".npz":
        return read_npz(path, key=key, target=target, drop=drop)
    raise InvalidInputError(
        f"{path}: a file ending in {suffix or 'nothing'!r} cannot be read; expected {_READABLE}: "
        "convert or rename it"
    )


def write(
    path: str | os.PathLike[str],
    array: Array,
    *,
    columns: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    key: str = "X",
    white: float = 255.0,
) -> None:
    """Write an array to a file, or to a folder of PNG images; whole or not at all.

    Parameters
    ----------
    path : str or path
        The file, by suffix; a path that ends with "/" or has no suffix is a folder of images.
    array : ndarray of shape (n,), (n, d), (n, h, w) or (n, h, w, channels)
        The samples.
    columns : sequence of str, optional
        Titles of the columns of a table; by default x0, x1, ...
    names : sequence of str, optional
        Names of the rows: the first column of a table, the file names of images.
    key : str, default="X"
        The name of the array in an NPZ archive.
    white : float, default=255.0
        The number that is white in images; 0 is black, and what lies beyond is clipped.

    Raises
    ------
    InvalidInputError
        If the place cannot be written, or the format cannot hold such an array.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "codes.csv")
    ...     write(file, np.eye(2), columns=["z0", "z1"])
    ...     print(file.read_text())
    z0,z1
    1.0,0.0
    0.0,1.0
    """
    check_writable(path)
    folder = _is_folder(path)
    path = Path(path)
    if folder:
        if not image_shaped(array):
            raise InvalidInputError(
                f"{path}: a folder holds images of shape (n, height, width[, 1 or 3]), this array "
                f"has shape {array.shape}; write it to .npy, or to .csv if it has two dimensions"
            )
        with whole_folder(path) as temporary:
            write_images(temporary, array, names, white)
        return
    suffix, _ = _suffix(path)
    if array.ndim > 2 and suffix not in (".npy", ".npz"):
        raise InvalidInputError(
            f"{path}: a table holds two dimensions, this array has shape {array.shape}; write it "
            "to .npy or .npz" + (", or to a folder of images" if image_shaped(array) else "")
        )
    with whole_file(path) as temporary:
        if suffix == ".npy":
            write_npy(temporary, array)
        elif suffix == ".npz":
            write_npz(temporary, array, key, names)
        elif suffix == ".parquet":
            write_parquet(temporary, array, columns=columns, names=names)
        else:
            separator = "\t" if suffix == ".tsv" else ","
            write_csv(temporary, array, columns=columns, names=names, separator=separator)


def check_writable(path: str | os.PathLike[str], *, suffixes: Sequence[str] | None = None) -> None:
    """Refuse an output path before the work, not after it.

    Parameters
    ----------
    path : str or path
        Where something is to be written.
    suffixes : sequence of str, optional
        The suffixes that will do; by default those that `write` knows.

    Raises
    ------
    InvalidInputError
        If the folder is missing or cannot be written, or the suffix will not do.
    MissingDependencyError
        If a library that the format needs is not installed.
    """
    folder = suffixes is None and _is_folder(path)
    suffix, packed = _suffix(path := Path(path))
    if folder:
        require("PIL.Image", "image")
        check_vacant_folder(path)
        return
    if suffixes is None:
        good = suffix in _TEXT_OUT or (suffix in (".parquet", ".npy", ".npz") and not packed)
    else:
        good = suffix in suffixes and not packed
    if not good:
        expected = _WRITABLE if suffixes is None else " or ".join(suffixes)
        raise InvalidInputError(
            f"{path}: an output ending in {path.suffix or 'nothing'!r} cannot be written; "
            f"expected {expected}"
        )
    if suffix in (*_TEXT_OUT, ".parquet"):
        require("pyarrow" if suffix == ".parquet" else "pandas", "table")
    check_place(path)
    if path.is_dir():
        raise InvalidInputError(f"{path}: a file is expected, this is a folder; name another")


def _suffix(path: Path) -> tuple[str, bool]:
    """Return the suffix in lower case without ``.gz``, and whether there was one."""
    name = path.name.lower()
    packed = name.endswith(".gz")
    return Path(name.removesuffix(".gz")).suffix, packed


def _is_folder(path: str | os.PathLike[str]) -> bool:
    text = os.fspath(path)
    return text.endswith(("/", os.sep)) or not Path(text).suffix or Path(text).is_dir()


def _unused(option: str, given: bool, path: Path, where: str) -> None:
    if given:
        raise InvalidInputError(
            f"{path}: {option} is for {where} and does nothing here; leave it out"
        )
