"""The codes as a map in two dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError, require
from isthmus.plotting._style import INK, PAPER, SMALL_SIZE, TEXT_SIZE, colours, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["latent_map"]

_MOST_CLASSES = 20  # more different numbers than this are a quantity, not classes


def latent_map(
    Z: Any,
    y: Any = None,
    *,
    title: str | None = None,
    point_size: float | None = None,
    ax: Any = None,
) -> Figure:
    """Draw codes as points in the plane, coloured by label.

    Codes of more than two numbers are projected on their first two principal components, and the
    axes say so, with the share of the codes' variance that each shows. Up to ten classes are
    named where their points are densest, so that no colour has to be looked up.

    Parameters
    ----------
    Z : array-like of shape (n_samples, latent_dim)
        Codes, of two numbers or more.
    y : array-like of shape (n_samples,), optional
        A class a sample, or a number a sample: more than 20 different numbers are drawn as a
        quantity with a colour bar.
    title : str, optional
        Text above the axes.
    point_size : float, optional
        Area of a point in points²; smaller the more points there are, without it.
    ax : matplotlib Axes or Figure, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If `Z` is not (n_samples, two or more finite numbers), or `y` has another length.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> figure = latent_map([[0.0, 0.0], [1.0, 1.0], [2.0, 1.0]], ["a", "a", "b"])
    >>> figure.axes[0].get_xlabel(), [text.get_text() for text in figure.axes[0].texts]
    ('code 1', ['a', 'b'])
    """
    codes = _codes(Z)
    labels = None if y is None else np.asarray(y)
    if labels is not None and labels.shape != (len(codes),):
        raise InvalidInputError(
            f"y: expected one label a code, shape ({len(codes)},), got {labels.shape}; "
            "pass the labels of the same samples in the same order"
        )
    points, names = _plane(codes)
    size = point_size or float(np.clip(16000 / len(points), 3, 36))
    figure, axes = new_axes(ax, 6.2, 5.4)
    if labels is None:
        _scatter(axes, points, size, color=colours(1))
    elif labels.dtype.kind in "fiu" and len(np.unique(labels)) > _MOST_CLASSES:
        drawn = _scatter(axes, points, size, c=labels, cmap="viridis")
        bar = figure.colorbar(drawn, ax=axes, shrink=0.8, pad=0.02)
        bar.ax.tick_params(colors=INK, labelsize=SMALL_SIZE)
        bar.outline.set_visible(False)
    else:
        _classes(axes, points, labels, size)
    tidy(axes, title=title, xlabel=names[0], ylabel=names[1])
    axes.set_aspect("equal", adjustable="datalim")  # distances mean the same in both directions
    return figure


def _codes(Z: Any) -> NDArray[np.float64]:
    try:
        codes = np.asarray(Z, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"Z: expected an array of numbers, got {type(Z).__name__}; pass what transform returns"
        ) from error
    if codes.ndim != 2 or len(codes) == 0 or codes.shape[1] < 2:
        raise InvalidInputError(
            f"Z: expected codes (n_samples, 2 or more), got shape {codes.shape}; "
            "fit with latent_dim=2 or more for a map"
        )
    if not np.isfinite(codes).all():
        raise InvalidInputError("Z: expected finite codes, got NaN or infinity; drop those rows")
    return codes


def _plane(codes: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[str, str]]:
    """Return two coordinates a sample, and what they are."""
    if codes.shape[1] == 2:
        return codes, ("code 1", "code 2")
    centred = codes - codes.mean(axis=0)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    directions = np.vstack([directions, np.zeros((2, codes.shape[1]))])[:2]
    # The sign of a component is arbitrary: fix it, so that the map does not flip between machines.
    strongest = directions[[0, 1], np.abs(directions).argmax(axis=1)]
    directions *= np.where(strongest < 0, -1.0, 1.0)[:, None]
    total = float(np.square(lengths).sum()) or 1.0
    shares = np.append(np.square(lengths), [0.0, 0.0])[:2] / total
    names = [
        f"principal component {number} of {codes.shape[1]} codes ({share:.0%} of their variance)"
        for number, share in enumerate(shares, start=1)
    ]
    return centred @ directions.T, (names[0], names[1])


def _classes(axes: Axes, points: NDArray[np.float64], labels: NDArray[Any], size: float) -> None:
    """Draw one colour a class, and name it where its points are or, if many, in a legend."""
    # Labels are compared as text, since a column of objects may mix types that do not sort.
    classes = list(dict.fromkeys(sorted(labels.tolist(), key=_order)))
    of_class = {name: np.array([label == name for label in labels.tolist()]) for name in classes}
    shades = dict(zip(classes, colours(len(classes)), strict=True))
    order = np.random.default_rng(0).permutation(len(points))  # so that no class covers another
    _scatter(axes, points[order], size, color=[shades[labels.tolist()[i]] for i in order])
    if len(classes) > 10 or max(len(str(name)) for name in classes) > 14:
        for name in classes:
            axes.scatter([], [], s=28, color=[shades[name]], label=_text(name))
        axes.legend(
            frameon=False, fontsize=SMALL_SIZE, labelcolor=INK, loc="center left",
            bbox_to_anchor=(1.0, 0.5), ncols=1 + len(classes) // 24,
        )  # fmt: skip
        return
    halo = require("matplotlib.patheffects", "plot").withStroke(linewidth=3.5, foreground=PAPER)
    for name in classes:
        x, height = _densest(points[of_class[name]])
        axes.text(
            x, height, _text(name), color=INK, fontsize=TEXT_SIZE + 4, fontweight="bold",
            ha="center", va="center", path_effects=[halo], parse_math=False, zorder=6,
        )  # fmt: skip


def _densest(points: NDArray[np.float64]) -> Any:
    """Return the point with the nearest neighbours.

    Not the mean or median, which lie outside of a class of two groups or of the shape of a ring.
    """
    some = points[:: -(-len(points) // 500)]  # at most 500: all pairs are compared
    distances = np.linalg.norm(some[:, None] - some[None], axis=2)
    half = np.sort(distances, axis=1)[:, : len(some) // 2 + 1]
    return some[int(half.sum(axis=1).argmin())]


def _order(label: Any) -> tuple[int, float, str]:
    """Sort numbers by value and before texts."""
    number = isinstance(label, int | float)
    return (0, float(label), "") if number else (1, 0.0, str(label))


def _text(label: Any) -> str:
    return f"{label:g}" if isinstance(label, float) else str(label)


def _scatter(axes: Axes, points: NDArray[np.float64], size: float, **how: Any) -> Any:
    # Thousands of points as one bitmap: as vectors they make a page that scrolls badly.
    return axes.scatter(
        points[:, 0],
        points[:, 1],
        s=size,
        alpha=0.8,
        linewidths=0,
        rasterized=len(points) > 3000,
        **how,
    )
