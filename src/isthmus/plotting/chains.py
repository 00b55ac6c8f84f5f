"""Markov chains of images: does a chain wander between the kinds of images, or stay at one?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import InvalidInputError
from isthmus.plotting._mosaic import as_images, join, shades, value_limits
from isthmus.plotting._style import INK, SMALL_SIZE
from isthmus.plotting.images import _show

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["chain_grid"]


def chain_grid(
    chains: Any,
    *,
    start: Any = None,
    every: int = 1,
    image_shape: tuple[int, ...] | None = None,
    value_range: tuple[float, float] | None = None,
    title: str | None = None,
    ax: Any = None,
) -> Figure:
    """Draw chains as rows and their steps as columns, with the start before them.

    Parameters
    ----------
    chains : array-like of shape (n_chains, n_steps, height, width[, channels])
        As `sample_chain` returns them, or (n_chains, n_steps, values) together with `image_shape`.
    start : array-like, optional
        Where the chains began, one image a chain or one for all: the first column.
    every : int, default=1
        Show every such step, the first of them after that many.
    image_shape, value_range, title, ax
        As in `image_rows`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there are no images, their shapes are none of the above, or `start` is of another number.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> figure = chain_grid(np.zeros((2, 6, 4, 4)), start=np.ones((1, 4, 4)), every=2)
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['start', '2', '4', '6']
    """
    shape = np.shape(chains)
    if len(shape) < 3 or not isinstance(every, int) or not 0 < every <= shape[1]:
        raise InvalidInputError(
            "chains: expected (n_chains, n_steps, height, width[, channels]) and every from 1 to "
            f"n_steps; got shape {shape} and every={every!r}"
        )
    steps = list(range(every - 1, shape[1], every))
    rows = [
        as_images(chain[steps], image_shape, f"chains[{i}]")
        for i, chain in enumerate(np.asarray(chains))
    ]
    if start is not None:
        first = as_images(start, image_shape, "start")
        if len(first) not in (1, len(rows)) or first.shape[1:] != rows[0].shape[1:]:
            raise InvalidInputError(
                f"start: expected 1 or {len(rows)} images of shape {rows[0].shape[1:]}; "
                f"got {first.shape}"
            )
        rows = [np.concatenate([first[i % len(first), None], row]) for i, row in enumerate(rows)]
    limits = value_limits(None, np.concatenate(rows), value_range)
    mosaic = join([list(shades(row, limits)) for row in rows])
    figure, axes = _show(mosaic, ax, title, bottom=0.22)
    labels = [str(step + 1) for step in steps]
    if start is not None:
        labels = ["start", *labels]
    axes.set_xticks(
        list(mosaic.column_middles), labels, color=INK, fontsize=SMALL_SIZE, parse_math=False
    )
    return figure
