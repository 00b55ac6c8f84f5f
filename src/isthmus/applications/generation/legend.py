"""The kinds of tiles of a game: the legends of the Video Game Level Corpus."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError

__all__ = ["SUPER_MARIO", "Legend", "read_legend"]


@dataclass(frozen=True)
class Legend:
    """The kinds of tiles of a game; a tile's class is its place in `symbols`.

    Parameters
    ----------
    symbols : str
        One character a kind.
    tags : tuple of tuple of str
        What is said of each kind: "solid", "empty", "enemy", ...

    Examples
    --------
    >>> SUPER_MARIO.symbols
    'XS-?QE<>[]oBb'
    >>> SUPER_MARIO.n_tiles, SUPER_MARIO.empty
    (13, 2)
    """

    symbols: str
    tags: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if len(set(self.symbols)) != len(self.symbols) or len(self.symbols) != len(self.tags):
            raise InvalidInputError(
                "symbols: expected different characters, and as many tags; got "
                f"{self.symbols!r} and {len(self.tags)} tags"
            )
        if not any("empty" in tags for tags in self.tags):
            raise InvalidInputError("tags: expected one kind of tile with the tag 'empty'")

    @property
    def n_tiles(self) -> int:
        """Kinds of tiles: K of the likelihood "categorical:K"."""
        return len(self.symbols)

    @property
    def empty(self) -> int:
        """The class of air."""
        return next(i for i, tags in enumerate(self.tags) if "empty" in tags)

    @property
    def solid(self) -> NDArray[np.bool_]:
        """Which classes bear and block: bool (n_tiles,)."""
        return np.array(["solid" in tags for tags in self.tags])

    def characters(self, level: NDArray[np.int64]) -> NDArray[np.str_]:
        """Return the symbols of a level, in its shape."""
        return np.array(list(self.symbols))[level]


SUPER_MARIO = Legend(
    "XS-?QE<>[]oBb",
    (
        ("solid", "ground"),
        ("solid", "breakable"),
        ("passable", "empty"),
        ("solid", "question block", "full question block"),
        ("solid", "question block", "empty question block"),
        ("enemy", "damaging", "hazard", "moving"),
        ("solid", "top-left pipe", "pipe"),
        ("solid", "top-right pipe", "pipe"),
        ("solid", "left pipe", "pipe"),
        ("solid", "right pipe", "pipe"),
        ("coin", "collectable", "passable"),
        ("Cannon top", "cannon", "solid", "hazard"),
        ("Cannon bottom", "cannon", "solid"),
    ),
)


def read_legend(path: str | Path) -> Legend:
    """Read the legend of a game: the JSON file of the corpus, ``{"tiles": {"X": [tags]}}``.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    InvalidInputError
        If the file is no legend.
    """
    path = Path(path)
    try:
        tiles = json.loads(path.read_text(encoding="utf-8"))["tiles"]
        return Legend("".join(tiles), tuple(tuple(map(str, tags)) for tags in tiles.values()))
    except FileNotFoundError:
        raise InvalidInputError(f"{path}: no such file; give the legend of the game") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InvalidInputError):
            raise InvalidInputError(f"{path}: {error}") from None
        raise InvalidInputError(
            f'{path}: not a legend; expected JSON such as {{"tiles": {{"-": ["empty"]}}}}'
        ) from None
