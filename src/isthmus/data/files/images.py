"""Pictures: one file or a folder of PNG and JPEG files, as uint8 arrays, channels last."""

from __future__ import annotations

import re
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from isthmus.data.files.dataset import Array, DataSet
from isthmus.errors import InvalidInputError, require

__all__ = ["IMAGE_SUFFIXES", "Mode", "image_shaped", "read_images", "write_images"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
Mode: TypeAlias = Literal["L", "RGB"]
_GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "F"}
_ORIENTATION = 0x0112  # the EXIF tag that says how a camera was held


def read_images(
    path: Path, *, image_size: tuple[int, int] | None = None, mode: Mode | None = None
) -> DataSet:
    """Read one picture, or all PNG and JPEG files of a folder, sorted by name.

    Parameters
    ----------
    path : Path
        A file or a folder; folders inside it are not looked into.
    image_size : tuple (height, width), optional
        Resize every picture to this; without it all must have the same size.
    mode : {"L", "RGB"}, optional
        Convert to grey or to colour; by default grey if all are grey, else colour.

    Returns
    -------
    DataSet
        ``X`` of shape (n, height, width) for grey, (n, height, width, 3) for colour, uint8;
        ``names`` are the file names.

    Raises
    ------
    InvalidInputError
        If there is no picture, one is damaged, or sizes differ.
    """
    pillow = require("PIL.Image", "image")
    files = [path]
    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES)
        files = [f for f in files if f.is_file() and not f.name.startswith(".")]
        if not files:
            raise InvalidInputError(
                f"{path}: no .png, .jpg or .jpeg file in this folder (folders inside it are not "
                "read); name the folder that holds the pictures"
            )
    sizes, modes = zip(*(_look(pillow, file) for file in files), strict=True)
    if image_size is None:
        _same_size(files, sizes)
    height, width = image_size or sizes[0]
    chosen = mode or ("L" if set(modes) <= _GREY else "RGB")
    shape = (len(files), height, width) + ((3,) if chosen == "RGB" else ())
    try:
        pictures = np.empty(shape, dtype=np.uint8)
    except (MemoryError, ValueError) as error:
        raise InvalidInputError(
            f"{path}: {len(files)} pictures of {height}x{width} do not fit into memory; make "
            "them smaller with image_size (on the command line --image-size HEIGHTxWIDTH)"
        ) from error
    for slot, file in zip(pictures, files, strict=True):
        slot[...] = _pixels(pillow, file, chosen, (height, width))
    return DataSet(pictures, names=[file.name for file in files], kind="images")


def image_shaped(array: Array) -> bool:
    """Tell whether an array can be written as pictures: (n, h, w) or (n, h, w, 1 or 3).

    Examples
    --------
    >>> image_shaped(np.zeros((5, 8, 8))), image_shaped(np.zeros((5, 64)))
    (True, False)
    """
    return array.ndim == 3 or (array.ndim == 4 and array.shape[-1] in (1, 3))


def write_images(
    folder: Path, array: Array, names: Sequence[str] | None, white: float = 255.0
) -> None:
    """Write each sample as a PNG file into an existing folder.

    Numbers are taken to lie in 0..white: scaled to bytes, rounded and clipped.

    Parameters
    ----------
    folder : Path
        An existing folder.
    array : ndarray of shape (n, height, width) or (n, height, width, channels)
        The images.
    names : sequence of str or None
        The names of the files, made safe; numbers when None.
    white : float, default=255.0
        The number that is white.
    """
    pillow = require("PIL.Image", "image")
    for name, sample in zip(_file_names(names, len(array)), array, strict=True):
        if sample.dtype != np.uint8:
            scaled = sample * (255.0 if sample.dtype == bool else 255.0 / white)
            sample = np.clip(np.rint(np.nan_to_num(scaled)), 0, 255).astype(np.uint8)
        if sample.ndim == 3 and sample.shape[-1] == 1:
            sample = sample[..., 0]
        pillow.fromarray(np.ascontiguousarray(sample)).save(folder / name, format="PNG")


def _file_names(names: Sequence[str] | None, count: int) -> list[str]:
    # A name may come out of somebody's table: it never leaves the folder.
    if names is None:
        return [f"{index:06d}.png" for index in range(count)]
    safe = [re.sub(r"[^\w .+-]", "_", name).lstrip(". ") for name in names]
    short = [_without_suffix(name) for name in safe]
    chosen = short if len({name.lower() for name in short}) == count else safe
    if len({name.lower() for name in chosen}) != count or not all(chosen):
        chosen = [f"{index:06d}-{name}" for index, name in enumerate(short)]
    return [f"{name}.png" for name in chosen]


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in IMAGE_SUFFIXES else name


@contextmanager
def _one_line(pillow: Any, file: Path) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as a strange EXIF block beside good pixels
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            yield
    except (pillow.DecompressionBombWarning, pillow.DecompressionBombError) as error:
        raise InvalidInputError(
            f"{file}: the picture has more pixels than Pillow opens; make the file smaller"
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error) as error:
        reason = _reason(file, error)
        raise InvalidInputError(
            f"{file}: {reason}; replace the file or take it out of the folder"
        ) from error


def _reason(file: Path, error: Exception) -> str:
    if file.stat().st_size == 0:
        return "the file is empty"
    if type(error).__name__ == "UnidentifiedImageError":
        return "not a picture that can be read"
    return f"damaged picture ({str(error).splitlines()[0]})"


def _look(pillow: Any, file: Path) -> tuple[tuple[int, int], str]:
    """Read size and colour mode from the header alone, so that mistakes show at once."""
    with _one_line(pillow, file), pillow.open(file) as picture:
        width, height = picture.size
        if _turned(picture) >= 5:  # lying on its side
            width, height = height, width
        return (height, width), picture.mode


def _turned(picture: Any) -> int:
    # Only JPEG: asking a PNG file for EXIF makes Pillow decode it.
    return int(picture.getexif().get(_ORIENTATION, 1)) if picture.format == "JPEG" else 1


def _pixels(pillow: Any, file: Path, mode: str, size: tuple[int, int]) -> Array:
    with _one_line(pillow, file), pillow.open(file) as picture:
        if _turned(picture) != 1:
            picture = require("PIL.ImageOps", "image").exif_transpose(picture)
        if picture.mode.startswith("I"):
            # 16 bits: keep the upper 8; Pillow would clip everything above 255 to white
            deep = np.asarray(picture).astype(np.int64)
            picture = pillow.fromarray((np.clip(deep, 0, 65535) // 257).astype(np.uint8))
        picture = picture.convert(mode)
        if picture.size != size[::-1]:
            picture = picture.resize(size[::-1], pillow.Resampling.BICUBIC)
        return np.asarray(picture)


def _same_size(files: Sequence[Path], sizes: Sequence[tuple[int, int]]) -> None:
    for file, size in zip(files, sizes, strict=True):
        if size != sizes[0]:
            (h, w), (other_h, other_w) = sizes[0], size
            raise InvalidInputError(
                f"{file.parent}: pictures of one size are expected, {files[0].name} is {h}x{w} "
                f"and {file.name} is {other_h}x{other_w} (height x width); resize them all with "
                f"--image-size HEIGHTxWIDTH, e.g. --image-size {h}x{w}"
            )
