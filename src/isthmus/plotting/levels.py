"""Levels of a game as coloured tiles, with a key and the ways through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.applications.generation import (
    SUPER_MARIO,
    Fault,
    Legend,
    find_faults,
    find_path,
)
from isthmus.applications.generation.levels import as_level, level_picture, tile_colours
from isthmus.errors import InvalidInputError, require
from isthmus.plotting._style import INK, PAPER, SMALL_SIZE, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["level_rows"]

_TILE = 8  # pixels
_GAP = 10


def level_rows(
    rows: Mapping[str, Sequence[Any]],
    legend: Legend = SUPER_MARIO,
    *,
    checks: bool = False,
    title: str | None = None,
    ax: Any = None,
) -> Figure:
    """Draw levels side by side in named rows, with a key of the tiles that occur.

    Parameters
    ----------
    rows : dict of str to sequence of array-like (height, width)
        Classes of tiles; levels of a row need not be equally wide.
    legend : Legend, default=SUPER_MARIO
        The game's.
    checks : bool, default=False
        Draw the way that `find_path` finds, cross out a level without one, and frame the tiles
        that `find_faults` finds.
    title : str, optional
        Above all.
    ax : matplotlib axes or Figure, optional
        Where to draw; a new figure if absent.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there is nothing to draw, or something is no level.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from isthmus.applications.generation import parse_level
    >>> figure = level_rows({"made up": [parse_level("---- -<>- XXXX")]}, checks=True)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['ground', 'empty', 'pipe']
    """
    levels = [[as_level(level, legend) for level in row] for row in rows.values()]
    if not levels or not all(levels):
        raise InvalidInputError("rows: expected a name and at least one level a row; got none")
    heights = [max(len(level) for level in row) * _TILE for row in levels]
    widths = [sum(level.shape[1] * _TILE + _GAP for level in row) - _GAP for row in levels]
    canvas = np.zeros((sum(heights) + _GAP * (len(levels) - 1), max(widths), 4), np.uint8)
    inches = 9.0
    figure, ax = new_axes(ax, inches, inches * len(canvas) / canvas.shape[1] + 0.7)
    tops = np.cumsum([0, *(height + _GAP for height in heights[:-1])])
    for row, top in zip(levels, tops, strict=True):
        left = 0
        for level in row:
            picture = level_picture(level, legend, tile=_TILE)
            height, width = picture.shape[:2]
            canvas[top : top + height, left : left + width, :3] = picture
            canvas[top : top + height, left : left + width, 3] = 255
            if checks:
                _draw_path(ax, find_path(level, legend), (top, left), (height, width))
                _frame(ax, find_faults(level, legend), (top, left))
            left += width + _GAP
    ax.imshow(canvas, interpolation="nearest")
    tidy(ax, title=title, grid=False)
    middles = [top + height / 2 for top, height in zip(tops, heights, strict=True)]
    ax.set_yticks(middles, list(rows))
    ax.set_xticks([])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    _key(ax, levels, legend)
    return figure


def _draw_path(
    ax: Any, path: NDArray[np.int64] | None, place: tuple[int, int], size: tuple[int, int]
) -> None:
    top, left = place
    if path is None:
        height, width = size
        for ends in ([top, top + height], [top + height, top]):
            ax.plot([left, left + width], ends, color=INK, linewidth=0.8, alpha=0.6)
        return
    y, x = (path.T + 0.5) * _TILE - 0.5
    ax.plot(x + left, y + top, color=PAPER, linewidth=2.4, solid_joinstyle="round")
    ax.plot(x + left, y + top, color=INK, linewidth=1.0, solid_joinstyle="round")


def _frame(ax: Any, faults: Sequence[Fault], place: tuple[int, int]) -> None:
    rectangle = require("matplotlib.patches", "plot").Rectangle
    for fault in faults:
        corner = (place[1] + fault.column * _TILE - 0.5, place[0] + fault.row * _TILE - 0.5)
        ax.add_patch(rectangle(corner, _TILE, _TILE, fill=False, edgecolor=INK, linewidth=1.2))


def _key(ax: Any, levels: Sequence[Sequence[NDArray[np.int64]]], legend: Legend) -> None:
    """Put a patch of colour and a name for each kind of tile that occurs, once for each name."""
    patch = require("matplotlib.patches", "plot").Patch
    seen = np.unique(np.concatenate([level.ravel() for row in levels for level in row]))
    colours = tile_colours(legend)
    names = {_name(legend.tags[tile]): colours[tile] for tile in seen.tolist()}
    handles = [patch(facecolor=colour, label=name) for name, colour in names.items()]
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0, -0.01),
        ncols=7,
        frameon=False,
        fontsize=SMALL_SIZE,
        labelcolor=INK,
        handlelength=1,
        handleheight=1,
        borderaxespad=0,
    )


def _name(tags: Sequence[str]) -> str:
    """Return what to call a tile: its first tag that says more than how it behaves."""
    if "pipe" in tags:
        return "pipe"
    plain = [tag for tag in tags if tag not in ("solid", "passable")]
    return plain[-1].lower() if "question block" in plain else (plain or [*tags, "?"])[0].lower()
