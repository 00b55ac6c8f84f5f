"""Levels of tiles: text files of the Video Game Level Corpus in, windows of classes, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.applications.generation.legend import SUPER_MARIO, Legend
from isthmus.errors import InvalidInputError, check_count, require
from isthmus.storage.atomic import whole_file

__all__ = [
    "Level",
    "as_level",
    "format_level",
    "join_windows",
    "level_picture",
    "level_windows",
    "parse_level",
    "read_levels",
    "tile_colours",
    "write_level",
]

Level = NDArray[np.int64]  # classes of tiles (height, width)

_UNKNOWN = ("#832db6", "#e76300", "#b9ac70", "#717581", "#92dadd")  # tiles without a colour


_COLOURS = {
    "X": "#a96b59",
    "S": "#bd7a3a",
    "-": "#dbe9f6",
    "?": "#ffa90e",
    "Q": "#e0c48a",
    "E": "#bd1f01",
    "<": "#2f8f4e",
    ">": "#2f8f4e",
    "[": "#57b272",
    "]": "#57b272",
    "o": "#f5e04d",
    "B": "#1d2127",
    "b": "#717581",
}


def parse_level(text: str, legend: Legend = SUPER_MARIO, *, name: str = "text") -> Level:
    """Turn rows of characters into classes.

    Parameters
    ----------
    text : str
        One line a row, the highest first; spaces separate rows too, and blank lines do not count.
    legend : Legend, default=SUPER_MARIO
        The game's.
    name : str, default="text"
        What an error calls the text.

    Returns
    -------
    ndarray of int64, shape (height, width)

    Raises
    ------
    InvalidInputError
        If there are no rows, their lengths differ, or a character is not in the legend.

    Examples
    --------
    >>> parse_level("--E XXX")
    array([[2, 2, 5],
           [0, 0, 0]])
    """
    rows = text.split()
    if not rows:
        raise InvalidInputError(f"{name}: expected rows of tiles; got none")
    for number, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise InvalidInputError(
                f"{name}: expected rows of one length; row 0 has {len(rows[0])} tiles and row "
                f"{number} has {len(row)}"
            )
        if strange := set(row) - set(legend.symbols):
            raise InvalidInputError(
                f"{name}: row {number} has {min(strange)!r}, which is not one of "
                f"{legend.symbols!r}; give the game's own legend"
            )
    return np.array([[legend.symbols.index(tile) for tile in row] for row in rows], np.int64)


def format_level(level: ArrayLike, legend: Legend = SUPER_MARIO) -> str:
    """Write a level as text, one line a row: what `parse_level` reads.

    Parameters
    ----------
    level : array-like of shape (height, width)
        Classes; whole numbers, also as floats.
    legend : Legend, default=SUPER_MARIO
        The game's.

    Examples
    --------
    >>> print(format_level([[2, 2, 5], [0, 0, 0]]))
    --E
    XXX
    """
    return "\n".join("".join(row) for row in legend.characters(as_level(level, legend)))


def read_levels(folder: str | Path, legend: Legend = SUPER_MARIO) -> dict[str, Level]:
    """Read all ``.txt`` files of a folder, or one file.

    Parameters
    ----------
    folder : path-like
        Such as ``Processed`` of a game in the Video Game Level Corpus.
    legend : Legend, default=SUPER_MARIO
        The game's, see `read_legend`.

    Returns
    -------
    dict of str to ndarray (height, width)
        Levels by the names of their files without the ending, sorted.

    Raises
    ------
    InvalidInputError
        If there is no such file, or one is no level.

    References
    ----------
    .. [1] A. J. Summerville, S. Snodgrass, M. Mateas and S. Ontañón, "The VGLC: The Video Game
       Level Corpus", 2016, arXiv:1606.07487.
    """
    folder = Path(folder)
    files = sorted(folder.glob("*.txt")) if folder.is_dir() else [folder]
    if not files:
        raise InvalidInputError(f"{folder}: no .txt file in this folder; name the one with levels")
    levels = {}
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else "not a text file"
            raise InvalidInputError(f"{file}: {reason}; give a level or a folder of them") from None
        levels[file.stem] = parse_level(text, legend, name=str(file))
    return levels


def level_windows(
    levels: Mapping[str, Level] | Sequence[Level],
    width: int = 16,
    height: int = 14,
    *,
    step: int = 1,
    legend: Legend = SUPER_MARIO,
) -> Level:
    """Cut levels into windows, column by column from the left.

    A level that is higher loses its highest rows, and one that is lower gets rows of air above:
    the ground stays in the last row.

    Parameters
    ----------
    levels : dict or sequence of ndarray (height, width)
        See `read_levels`; one narrower than a window gives none.
    width, height : int, default=16, 14
        Tiles of a window.
    step : int, default=1
        Columns from one window to the next.
    legend : Legend, default=SUPER_MARIO
        Says what air is.

    Returns
    -------
    ndarray of int64, shape (n_windows, height, width)
        What an estimator takes with ``layout="image"`` and ``likelihood="categorical:K"``, K the
        legend's `n_tiles`.

    Raises
    ------
    InvalidInputError
        If no level is as wide as a window.

    Examples
    --------
    >>> level_windows([parse_level("----- XX-XX")], width=4, height=3).shape
    (2, 3, 4)
    """
    for name, value in (("width", width), ("height", height), ("step", step)):
        check_count(name, value)
    parts = []
    for level in levels.values() if isinstance(levels, Mapping) else levels:
        level = as_level(level, legend)
        air = np.full((max(0, height - len(level)), level.shape[1]), legend.empty)
        fitted = np.concatenate([air, level[max(0, len(level) - height) :]])
        if level.shape[1] >= width:
            cut = np.lib.stride_tricks.sliding_window_view(fitted, width, axis=1)
            parts.append(cut[:, ::step].swapaxes(0, 1))
    if not parts:
        raise InvalidInputError(
            f"width: expected at least one level of {width} columns; got none; use a smaller width"
        )
    return np.concatenate(parts).astype(np.int64)


def join_windows(windows: ArrayLike, legend: Legend = SUPER_MARIO) -> Level:
    """Put windows side by side: one longer level.

    Parameters
    ----------
    windows : array-like of shape (n, height, width)
        Classes, the leftmost window first.
    legend : Legend, default=SUPER_MARIO
        The game's.

    Returns
    -------
    ndarray of int64, shape (height, n · width)

    Examples
    --------
    >>> print(format_level(join_windows([[[2, 2], [0, 0]], [[5, 2], [0, 2]]])))
    --E-
    XXX-
    """
    stack = np.asarray(windows)
    if stack.ndim != 3 or not len(stack):
        raise InvalidInputError(
            f"windows: expected windows of shape (n, height, width); got {stack.shape}"
        )
    return as_level(np.concatenate(list(stack), axis=1), legend)


def level_picture(level: ArrayLike, legend: Legend = SUPER_MARIO, *, tile: int = 8) -> Any:
    """Colour the tiles of a level: ground brown, pipes green, enemies red, coins yellow.

    Parameters
    ----------
    level : array-like of shape (height, width)
        Classes.
    legend : Legend, default=SUPER_MARIO
        The game's.
    tile : int, default=8
        Pixels a side.

    Returns
    -------
    ndarray of uint8, shape (tile · height, tile · width, 3)
        See `isthmus.plotting.level_rows` for a figure with a key.

    Examples
    --------
    >>> level_picture([[2, 0]], tile=4).shape
    (4, 8, 3)
    """
    check_count("tile", tile)
    shades = np.array([_rgb(colour) for colour in tile_colours(legend)], dtype=np.uint8)
    picture = shades[as_level(level, legend)].repeat(tile, axis=0).repeat(tile, axis=1)
    if tile >= 4:  # a line between tiles, so that they can be counted
        edge = (picture[tile - 1 :: tile].astype(np.uint16) * 7 // 8).astype(np.uint8)
        picture[tile - 1 :: tile] = edge
        side = (picture[:, tile - 1 :: tile].astype(np.uint16) * 7 // 8).astype(np.uint8)
        picture[:, tile - 1 :: tile] = side
    return picture


def tile_colours(legend: Legend) -> list[str]:
    """Return the colour of each class, as #rrggbb."""
    return [
        _COLOURS.get(symbol, _UNKNOWN[i % len(_UNKNOWN)]) for i, symbol in enumerate(legend.symbols)
    ]


def write_level(path: str | Path, level: ArrayLike, legend: Legend = SUPER_MARIO) -> None:
    """Write a level: as a picture where the name ends in ``.png``, else as text.

    Parameters
    ----------
    path : path-like
        The file; it is whole or absent.
    level : array-like of shape (height, width)
        Classes.
    legend : Legend, default=SUPER_MARIO
        The game's.

    Raises
    ------
    InvalidInputError
        If the file cannot be written there, or `level` has classes that the legend does not.
    MissingDependencyError
        If a picture is wanted and Pillow is not installed.
    """
    path = Path(path)
    if path.suffix.lower() == ".png":
        picture = require("PIL.Image", "image").fromarray(level_picture(level, legend))
        with whole_file(path) as temporary:
            picture.save(temporary, format="PNG")
    else:
        text = format_level(level, legend)
        with whole_file(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")


def as_level(level: ArrayLike, legend: Legend = SUPER_MARIO) -> Level:
    """Return a level as whole numbers of the legend, or say what is wrong with it.

    Parameters
    ----------
    level : array-like of shape (height, width)
        The class of each tile, from 0.
    legend : Legend, default=SUPER_MARIO
        The kinds of tiles.
    """
    array = np.asarray(level)
    if array.ndim != 2 or not array.size:
        raise InvalidInputError(
            f"level: expected tiles of shape (height, width); got shape {array.shape}"
        )
    if array.dtype.kind not in "iuf" or not (array == np.rint(array)).all():
        raise InvalidInputError(
            "level: expected whole numbers, the classes of tiles; got other values; "
            "use parse_level for text"
        )
    if array.min() < 0 or array.max() >= legend.n_tiles:
        raise InvalidInputError(
            f"level: expected classes 0 to {legend.n_tiles - 1}; got {array.min():.0f} to "
            f"{array.max():.0f}"
        )
    return array.astype(np.int64)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))
