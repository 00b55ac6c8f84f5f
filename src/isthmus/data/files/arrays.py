"""NumPy's own files: NPY, mapped from disk, and NPZ archives. Never a pickle."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from isthmus.data.files.dataset import Array, DataSet, as_native, numbers_only, position
from isthmus.errors import InvalidInputError

__all__ = ["read_npy", "read_npz", "write_npy", "write_npz"]


def read_npy(path: Path, *, target: str | int | None = None, drop: Sequence[str] = ()) -> DataSet:
    """Map an NPY file from disk, read-only: only the rows that are used come into memory.

    Parameters
    ----------
    path : Path
        The file.
    target : str or int, optional
        The column that is the target ``y``, by position.
    drop : sequence of str, default=()
        Columns to leave out, by name or position.

    Raises
    ------
    InvalidInputError
        If the file is cut off, empty, or holds anything but real numbers.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # A damaged header fails in numpy, in Python's tokenizer or in its evaluation.
        raise _unreadable(path, error) from error
    if not isinstance(array, np.ndarray):  # an NPZ archive under a wrong name
        array.close()
        raise InvalidInputError(
            f"{path}: this is an NPZ archive; rename it so that it ends in .npz"
        )
    return _split(as_native(numbers_only(array, path)), None, path, target, drop)


def read_npz(
    path: Path,
    *,
    key: str | None = None,
    target: str | int | None = None,
    drop: Sequence[str] = (),
) -> DataSet:
    """Read one array of an NPZ archive: `key`, or ``X``, ``x`` or the only one there is.

    The target is the array that `target` names, or ``y``, where there is one with a value a row.

    Parameters
    ----------
    path : Path
        The file.
    key : str, optional
        The array that holds the samples.
    target : str or int, optional
        The column that is the target ``y``, by position, or the name of an array.
    drop : sequence of str, default=()
        Columns to leave out, by name or position.

    Raises
    ------
    InvalidInputError
        If the archive is damaged, or it does not say which array is meant.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            keys = [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]
            chosen = _chosen(keys, key, path)
            array = numbers_only(_member(archive, chosen, path), f"{path}[{chosen}]")
            named = isinstance(target, str) and target in keys
            y_key = str(target) if named else "y" if target is None and "y" in keys else None
            y = None if y_key in (None, chosen) else _member(archive, str(y_key), path)
    except (InvalidInputError, MemoryError):
        raise
    except Exception as error:  # as above, and what zipfile and zlib raise
        raise _unreadable(path, error) from error
    if y is not None and y.shape != array.shape[:1]:
        if not named:
            y = None  # an array that happens to be called y
        else:
            raise InvalidInputError(
                f"{path}: target {target!r} must hold one value for each of the {len(array)} rows, "
                f"it has shape {y.shape}; name another array"
            )
    return _split(array, y, path, None if named else target, drop)


def write_npy(path: Path, array: Array) -> None:
    """Write an array as NPY.

    Parameters
    ----------
    path : Path
        The file.
    array : ndarray
        What is written.
    """
    with path.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)


def write_npz(path: Path, array: Array, key: str, names: Sequence[str] | None) -> None:
    """Write an array as a compressed NPZ archive, with the names of its rows if there are any.

    Parameters
    ----------
    path : Path
        The file.
    array : ndarray
        The samples.
    key : str
        The name of the array in the archive.
    names : sequence of str or None
        Names of the rows, which become an array ``names``.
    """
    arrays = {key: array} if names is None else {key: array, "names": np.asarray(names, dtype=str)}
    with path.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def _chosen(keys: list[str], key: str | None, path: Path) -> str:
    listed = ", ".join(repr(name) for name in keys[:8]) or "nothing"
    if key is not None:
        if key in keys:
            return key
        raise InvalidInputError(f"{path}: there is no array {key!r}; the archive holds {listed}")
    for usual in ("X", "x"):
        if usual in keys:
            return usual
    others = [name for name in keys if name not in ("y", "names")]
    if len(others) == 1:
        return others[0]
    raise InvalidInputError(
        f"{path}: one array or one called 'X' is expected, the archive holds {listed}; "
        "say which with key (on the command line --key NAME)"
    )


def _member(archive: zipfile.ZipFile, key: str, path: Path) -> Array:
    # The header of a member is compared with its size first: numpy would take the memory that
    # the header asks for before it reads.
    name = f"{key}.npy"
    with archive.open(name) as stream:
        shape, dtype, start = _npy_header(stream)
    if dtype.hasobject:
        raise InvalidInputError(
            f"{path}: the array {key!r} holds Python objects, which only a pickle could restore; "
            "store numbers"
        )
    held, wanted = archive.getinfo(name).file_size - start, math.prod(shape) * dtype.itemsize
    if held != wanted:
        raise InvalidInputError(
            f"{path}: damaged: the array {key!r} announces {wanted} bytes and holds {held}; "
            "fetch or write the file again"
        )
    with archive.open(name) as stream:
        return as_native(np.lib.format.read_array(stream, allow_pickle=False))


def _npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic], int]:
    head = io.BytesIO(stream.read(1 << 16))
    version = np.lib.format.read_magic(head)
    reader = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if reader is None:
        raise ValueError(f"NPY version {version} is not supported")
    shape, _, dtype = reader(head)
    return shape, dtype, head.tell()


def _split(
    array: Array, y: Array | None, path: Path, target: str | int | None, drop: Sequence[str]
) -> DataSet:
    if target is None and not drop:
        return DataSet(array, y)
    if array.ndim != 2:
        raise InvalidInputError(
            f"{path}: target and drop name columns of a two-dimensional array, this one has shape "
            f"{array.shape}; leave them out"
        )
    names = [str(column) for column in range(array.shape[1])]
    out = {position(column, names, path, "drop") for column in drop}
    if target is not None:
        at = position(target, names, path, "target")
        out.add(at)
        y = np.asarray(array[:, at])
    kept = [column for column in range(array.shape[1]) if column not in out]
    return DataSet(numbers_only(np.asarray(array[:, kept]), path), y)


def _unreadable(path: Path, error: Exception) -> InvalidInputError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "pickle" in reason or "Python objects" in reason:
        return InvalidInputError(
            f"{path}: not an array file, or one of Python objects, which is never read; "
            "store numbers with numpy.save"
        )
    return InvalidInputError(
        f"{path}: cannot be read as a NumPy file ({reason}); fetch or write the file again"
    )
