"""Vectors in the plane: a score field over its data, beside the true one where that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError
from isthmus.plotting._style import INK, PALETTE, SMALL_SIZE, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["vector_field"]


def vector_field(
    points: Any,
    vectors: Any,
    *,
    data: Any = None,
    true: Any = None,
    title: str | None = None,
    ax: Any = None,
) -> Figure:
    """Draw a vector at each point, over the data.

    All arrows of a picture, those of `true` included, are on one scale, chosen so that the arrow
    at the 95th percentile is about as long as the points lie apart.

    Parameters
    ----------
    points : array-like of shape (n, 2)
        Where the vectors are.
    vectors : array-like of shape (n, 2)
        For example what `isthmus.geometry.score_field` returns.
    data : array-like of shape (m, 2), optional
        Drawn as faint points.
    true : array-like of shape (n, 2), optional
        Vectors to compare with, drawn beneath in another colour, with a legend.
    title : str, optional
        Text above the axes.
    ax : matplotlib Axes or Figure, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If an array is not (n, 2) finite numbers, or there is not one vector a point.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> figure = vector_field([[0.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]])
    >>> len(figure.axes[0].collections)
    1
    """
    places, arrows = _plane(points, "points"), _plane(vectors, "vectors")
    truth = None if true is None else _plane(true, "true")
    for name, array in (("vectors", arrows), ("true", truth)):
        if array is not None and len(array) != len(places):
            raise InvalidInputError(
                f"{name}: expected one vector a point, {len(places)}; got {len(array)}"
            )
    figure, axes = new_axes(ax, 5.6, 5.2)
    if data is not None:
        rows = _plane(data, "data")
        size = float(np.clip(4000 / len(rows), 1.5, 14))
        axes.scatter(
            rows[:, 0], rows[:, 1], s=size, color=PALETTE[3], alpha=0.55, linewidths=0, zorder=1,
            rasterized=len(rows) > 3000,
        )  # fmt: skip
    lengths = np.linalg.norm(arrows if truth is None else np.vstack([arrows, truth]), axis=1)
    # Data units of the arrow at the 95th percentile: the side of a cell if points fill their box.
    box = np.ptp(places, axis=0)
    cell = float(np.sqrt(max(box.prod(), box.max() ** 2 / 100) / len(places))) or 1.0
    scale = (float(np.percentile(lengths, 95)) or 1.0) / cell
    how: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": scale, "pivot": "tail"}
    if truth is not None:
        axes.quiver(
            *places.T, *truth.T, color=PALETTE[1], width=0.007, label="true", zorder=2, **how
        )
    axes.quiver(
        *places.T, *arrows.T, color=PALETTE[0], width=0.0035, label="estimate", zorder=3, **how
    )
    tidy(axes, title=title, grid=False)
    axes.set_aspect("equal", adjustable="datalim")
    if truth is not None:
        axes.legend(
            loc="upper right", fontsize=SMALL_SIZE, labelcolor=INK, frameon=True, framealpha=0.85,
            edgecolor="none",
        )  # fmt: skip
    return figure


def _plane(array: Any, name: str) -> NDArray[np.float64]:
    try:
        rows = np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInputError(
            f"{name}: expected an array of numbers; got {type(array).__name__}"
        ) from None
    if rows.ndim != 2 or rows.shape[1] != 2 or not len(rows):
        raise InvalidInputError(
            f"{name}: expected shape (n, 2), n at least 1; got {rows.shape}; take two of the "
            "columns for a picture"
        )
    if not np.isfinite(rows).all():
        raise InvalidInputError(f"{name}: expected finite numbers; got NaN or infinity")
    return rows
