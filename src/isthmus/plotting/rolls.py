"""Piano rolls: time to the right, pitch upwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import InvalidInputError, require
from isthmus.plotting._style import INK, PALETTE, PAPER, SMALL_SIZE, TITLE_SIZE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["roll_grid"]


def roll_grid(
    rolls: Mapping[str, Any],
    keys: tuple[int, int] = (21, 108),
    *,
    n_columns: int = 4,
    title: str | None = None,
) -> Figure:
    """Draw piano rolls beside each other, on the keys that occur in any of them.

    Parameters
    ----------
    rolls : dict of str to array-like (n_steps, n_keys)
        0 and 1, or probabilities, which are drawn as shades.
    keys : tuple of int, default=(21, 108)
        MIDI numbers of the first and the last key of the rolls.
    n_columns : int, default=4
        Rolls side by side.
    title : str, optional
        Above all.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there are no rolls, or one has other keys.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> figure = roll_grid({"one": np.eye(4, 5), "two": np.ones((4, 5))}, keys=(60, 64))
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['one', 'two']
    """
    arrays = {str(name): np.asarray(roll, dtype=np.float64) for name, roll in rolls.items()}
    low, high = keys
    if not arrays:
        raise InvalidInputError("rolls: expected at least one; got none")
    for name, roll in arrays.items():
        if roll.ndim != 2 or roll.shape[1] != high - low + 1:
            raise InvalidInputError(
                f"rolls: expected shape (n_steps, {high - low + 1}) for keys {keys}; got "
                f"{roll.shape} for {name!r}; give the range that it was made with"
            )
    used = np.flatnonzero(np.any([(roll > 0.05).any(0) for roll in arrays.values()], axis=0))
    first, last = (int(used[0]), int(used[-1])) if len(used) else (0, high - low)
    shades = require("matplotlib.colors", "plot").LinearSegmentedColormap.from_list(
        "keys", [PAPER, PALETTE[0]]
    )
    columns = min(n_columns, len(arrays))
    lines = -(-len(arrays) // columns)
    figure: Figure = require("matplotlib.figure", "plot").Figure(
        figsize=(9.0, 2.0 * lines + 0.3), layout="constrained", facecolor=PAPER
    )
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False).ravel()
    for ax in grid[len(arrays) :]:
        ax.remove()
    for ax, (name, roll) in zip(grid, arrays.items(), strict=False):
        extent = (0, len(roll), low + first - 0.5, low + last + 0.5)
        ax.imshow(
            roll[:, first : last + 1].T,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            extent=extent,
            cmap=shades,
            vmin=0,
            vmax=1,
        )
        ax.set_title(name, loc="left", fontsize=SMALL_SIZE, color=INK, parse_math=False)
        ax.tick_params(colors=INK, labelsize=SMALL_SIZE - 1, length=2, width=0.8)
        for spine in ax.spines.values():
            spine.set(color=INK, alpha=0.3, linewidth=0.8)
        octaves = [key for key in range(low, high + 1) if key % 12 == 0]
        shown = [key for key in octaves if low + first <= key <= low + last]
        ax.set_yticks(shown, [f"C{key // 12 - 1}" for key in shown])
    if title is not None:
        figure.suptitle(title, x=0.01, ha="left", fontsize=TITLE_SIZE, fontweight="bold", color=INK)
    return figure
