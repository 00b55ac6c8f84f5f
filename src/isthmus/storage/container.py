"""One safe container for what Isthmus writes: tensors and a JSON header in a safetensors file.

Nothing in such a file is ever executed or imported. It is written under a temporary name and
renamed, so that a reader sees a whole file or none; it carries two SHA-256 digests, so that damage
anywhere in it is found before anything is made from it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from isthmus.errors import InvalidInputError, IsthmusError, ModelFileError
from isthmus.storage.atomic import whole_file

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["read_header", "read_tensor_file", "write_tensor_file"]

PathLike: TypeAlias = "str | os.PathLike[str]"

_HEADER_LIMIT = 16 << 20  # bytes: reading a larger one as JSON would take seconds and gigabytes


def write_tensor_file(
    path: PathLike, kind: str, header: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write tensors and a header to `path`, whole or not at all.

    Parameters
    ----------
    path : path-like
        The file; replaced if it exists.
    kind : str
        What the file is, for example ``"model"``; checked when it is read.
    header : mapping
        Anything that JSON can hold.
    tensors : mapping of str to Tensor
        On any device.

    Raises
    ------
    InvalidInputError
        If the file cannot be written there.
    """
    from safetensors.torch import save

    text = json.dumps({"kind": kind, **header})
    if len(text) > _HEADER_LIMIT // 2:
        raise InvalidInputError(
            f"{path}: a description of {len(text):,} characters is too long to be read again; a "
            "column with fewer levels, or a history of fewer epochs, makes it shorter"
        )
    # Cloned: the format holds no two tensors that share memory, as layers used twice do.
    blobs = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    metadata = {
        "isthmus": text,
        "isthmus_header_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "isthmus_tensors_sha256": _digest(blobs),
    }
    with whole_file(Path(path)) as temporary, temporary.open("wb") as file:
        file.write(save(blobs, metadata))
        file.flush()
        os.fsync(file.fileno())  # the rename must not reach the disk before the contents do


def read_header(path: PathLike, kind: str) -> dict[str, Any]:
    """Read only the header of a file written by `write_tensor_file`.

    Parameters
    ----------
    path : path-like
        The file.
    kind : str
        What it must be.

    Raises
    ------
    InvalidInputError
        If there is no such file.
    ModelFileError
        If it is not such a file, or damaged.
    """
    path = Path(path)
    with _opened(path) as (file, size):
        start = file.read(8)
        _refuse_foreign(path, start, size)
        raw = file.read(int.from_bytes(start, "little"))
    return _header(path, raw, size, kind)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file, with its size; what is said of it is of one and the same file."""
    try:
        if path.exists() and not path.is_file():
            kind = "folder" if path.is_dir() else "device or pipe"
            raise InvalidInputError(
                f"path: cannot read {str(path)!r} (it is a {kind}); name a file"
            )
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except (OSError, ValueError) as error:
        if isinstance(error, IsthmusError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InvalidInputError(f"path: cannot read {str(path)!r} ({reason})") from error


def _header(path: Path, raw: bytes, size: int, kind: str) -> dict[str, Any]:
    """Return the header of a file of so many bytes from the bytes that it has of it."""
    try:
        layout = json.loads(raw)
        ends = [entry["data_offsets"][1] for name, entry in layout.items() if name[:2] != "__"]
        if size != 8 + len(raw) + max(ends, default=0):
            raise ModelFileError(f"{path} is damaged or cut short: it has {size} bytes")
        metadata = layout["__metadata__"]
        text, digest = metadata["isthmus"], metadata["isthmus_header_sha256"]
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise ModelFileError(f"{path} is damaged: its header does not match its checksum")
        header = json.loads(text)
        found = header["kind"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(
            f"{path} is damaged or was not written by Isthmus: it has no readable header"
        ) from error
    if found != kind:
        raise ModelFileError(f"{path} is a {found} file of Isthmus; expected a {kind} file")
    return {**header, "_tensors_sha256": metadata.get("isthmus_tensors_sha256")}


def read_tensor_file(path: PathLike, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a file written by `write_tensor_file`, after checking all of it.

    Parameters
    ----------
    path : path-like
        The file.
    kind : str
        What it must be.

    Returns
    -------
    header : dict
    tensors : dict of str to Tensor, on the CPU

    Raises
    ------
    InvalidInputError
        If there is no such file.
    ModelFileError
        If it is damaged or not such a file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(path)
    # Read once, into memory of our own: a mapped file would change the tensors when somebody writes
    # to it, and end the process when it is cut short.
    with _opened(path) as (file, size):
        start = file.read(8)
        _refuse_foreign(path, start, size)
        whole = start + file.read(size - 8)
    length = int.from_bytes(start, "little")
    header = _header(path, whole[8 : 8 + length], len(whole), kind)
    try:
        tensors = load(whole)
    except (SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise ModelFileError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
    if _digest(tensors) != header.pop("_tensors_sha256"):
        raise ModelFileError(f"{path} is damaged: its weights do not match their checksum")
    return header, tensors


def _refuse_foreign(path: Path, start: bytes, size: int) -> None:
    if len(start) < 8:
        raise ModelFileError(f"{path} is damaged: it has {size} bytes, too few for a header")
    length = int.from_bytes(start, "little")
    if length <= min(size - 8, _HEADER_LIMIT):
        return
    if start[:1] == b"\x80" or start[:2] == b"PK":
        raise ModelFileError(
            f"{path} is a pickle or zip archive; Isthmus reads only the safe files that save() "
            "writes, because a pickle can run code"
        )
    raise ModelFileError(
        f"{path} is damaged, cut short, or no model file: it has {size} bytes and its header "
        f"claims {length}"
    )


def _digest(tensors: Mapping[str, Tensor]) -> str:
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
