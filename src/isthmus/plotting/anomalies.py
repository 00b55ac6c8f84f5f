"""What an anomaly detector found: where in an image, how far from the rest, and the worst cases."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.applications.anomaly.explanation import heat_map
from isthmus.errors import InvalidInputError, check_count, require
from isthmus.plotting._mosaic import as_images, join, shades, value_limits
from isthmus.plotting._style import INK, SMALL_SIZE, TEXT_SIZE, colours, new_axes, tidy
from isthmus.plotting.images import _show, _text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["heat_map", "score_histogram", "show_heat_map", "worst_cases"]

_REACH = 6.0  # spreads of the first group from its median that a histogram shows


def show_heat_map(
    images: Any,
    contributions: Any,
    *,
    expected: Any = None,
    n_images: int = 8,
    smoothing: float = 1.0,
    limit: float | None = None,
    value_range: tuple[float, float] | None = None,
    title: str | None = None,
    ax: Any = None,
) -> Figure:
    """Draw images, what was expected of them, and where they are unusual, below one another.

    Parameters
    ----------
    images : array-like of shape (n, height, width[, channels])
        1 or 3 channels.
    contributions : array-like of the same shape
        Nats a value, see `heat_map`.
    expected : array-like of the same shape, optional
        The images repaired, such as ``AnomalyDetector.explain(X).expected``.
    n_images : int, default=8
        The first so many are drawn.
    smoothing : float, default=1.0
        See `heat_map`.
    limit : float, optional
        Nats a pixel that are drawn in full colour, the same for all images; without it the largest
        of the images that are drawn.
    value_range, title, ax
        As in `isthmus.plotting.image_rows`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If the shapes are none of the above, or differ.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> images = np.zeros((2, 8, 8))
    >>> figure = show_heat_map(images, np.eye(8)[None].repeat(2, axis=0))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['image', 'unusual here']
    """
    check_count("n_images", n_images)
    stack = as_images(images, None, "images")
    maps = heat_map(contributions, smoothing=smoothing)
    if maps.shape != stack.shape[:3]:
        raise InvalidInputError(
            f"contributions: expected one a pixel of images of shape {stack.shape[:3]}; got "
            f"{maps.shape}"
        )
    limits = value_limits(images, stack, value_range)
    shown, maps = shades(stack[:n_images], limits), maps[:n_images]
    rows = {"image": list(shown)}
    if expected is not None:
        repaired = as_images(expected, None, "expected")
        if repaired.shape != stack.shape:
            raise InvalidInputError(
                f"expected: expected the shape of the images, {stack.shape}; got {repaired.shape}"
            )
        rows["expected"] = list(shades(repaired[:n_images], limits))
    full = float(maps.max()) if limit is None else float(limit)
    share = np.clip(maps / full, 0, 1) if full > 0 else np.zeros_like(maps)
    rows["unusual here"] = [_glow(image, heat) for image, heat in zip(shown, share, strict=True)]
    mosaic = join(list(rows.values()))
    figure, axes = _show(mosaic, ax, title, left=max(map(_text_width, rows)) + 0.1)
    axes.set_yticks(mosaic.row_middles, list(rows), color=INK, fontsize=TEXT_SIZE, parse_math=False)
    return figure


def _glow(image: NDArray[np.float64], heat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lay colours over a faded grey image: nothing where there is no heat."""
    grey = 0.25 + 0.5 * image[..., :3].mean(-1, keepdims=True)
    colour = require("matplotlib", "plot").colormaps["inferno"](0.35 + 0.6 * heat)[..., :3]
    opacity = np.sqrt(heat)[..., None]
    blended: NDArray[np.float64] = (1 - opacity) * grey + opacity * colour
    return blended


def score_histogram(
    scores: Any,
    *,
    threshold: float | None = None,
    n_bins: int = 50,
    title: str | None = None,
    ax: Any = None,
) -> Figure:
    """Draw how the scores of one or several groups are distributed, and the threshold.

    Each group has an area of 1. Scores of anomalies can be thousands of times as far off as those
    of normal rows: what lies beyond the axis is counted in its last bin, and the legend says how
    many that are.

    Parameters
    ----------
    scores : array-like of shape (n,), or mapping of str to such arrays
        Higher is more normal. The first group decides what the axis shows.
    threshold : float, optional
        ``detector.offset_``: rows with a lower score are anomalies.
    n_bins : int, default=50
        Bins.
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
        If there are no scores, or they are not finite numbers.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> scores = {"normal": np.zeros(10), "new": np.array([0.0, -1e6])}
    >>> figure = score_histogram(scores, threshold=-1.0)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['normal', 'new (1 beyond the axis)', 'threshold']
    """
    check_count("n_bins", n_bins)
    groups = {
        str(name): _numbers(values, f"scores[{name!r}]")
        for name, values in (
            scores.items() if isinstance(scores, Mapping) else {"scores": scores}.items()
        )
    }
    if not groups:
        raise InvalidInputError("scores: expected at least one group; got none")
    low, high = _window(groups, threshold)
    edges = np.linspace(low, high, n_bins + 1)
    figure, axes = new_axes(ax, 5.6, 3.2)
    for (name, values), colour in zip(groups.items(), colours(len(groups)), strict=True):
        beyond = int(((values < low) | (values > high)).sum())
        axes.hist(
            np.clip(values, low, high),
            bins=edges.tolist(),
            density=True,
            color=colour,
            alpha=0.55,
            label=f"{name} ({beyond:,} beyond the axis)" if beyond else name,
        )
    if threshold is not None:
        axes.axvline(threshold, color=INK, linestyle="--", linewidth=1.4, label="threshold")
    tidy(axes, title=title, xlabel="score (lower is more unusual)", ylabel="density")
    if len(groups) > 1 or threshold is not None or axes.get_legend_handles_labels()[1] != [*groups]:
        # Few scores are low. To look for the best place takes matplotlib seconds, and a warning.
        axes.legend(frameon=False, fontsize=SMALL_SIZE, labelcolor=INK, loc="upper left")
    return figure


def _numbers(values: Any, name: str) -> NDArray[np.float64]:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInputError(f"{name}: expected numbers, (n,)") from None
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
        raise InvalidInputError(
            f"{name}: expected at least one score, (n,), all finite; got shape {array.shape}"
        )
    return array


def _window(
    groups: Mapping[str, NDArray[np.float64]], threshold: float | None
) -> tuple[float, float]:
    """Return the ends of the axis: all scores, but not more than some spreads of the first group.

    The spread on either side is that from the median to the outermost twentieth.
    """
    low_twentieth, middle, high_twentieth = np.quantile(next(iter(groups.values())), [0.05, 0.5, 1])
    every = np.concatenate(list(groups.values()))
    span = max(middle - low_twentieth, high_twentieth - middle)
    low = max(float(every.min()), middle - _REACH * span)
    high = min(float(every.max()), middle + _REACH * span)
    if threshold is not None:
        low, high = min(low, threshold), max(high, threshold)
    if not low < high:
        half = max(abs(middle), 1.0) / 2
        low, high = middle - half, middle + half
    margin = 0.02 * (high - low)
    return float(low - margin), float(high + margin)


def worst_cases(
    images: Any,
    scores: Any,
    *,
    n_images: int = 16,
    n_columns: int = 8,
    captions: Any = None,
    image_shape: tuple[int, ...] | None = None,
    value_range: tuple[float, float] | None = None,
    title: str | None = None,
    ax: Any = None,
) -> Figure:
    """Draw the most unusual images, the most unusual first.

    Parameters
    ----------
    images : array-like
        ``(n, height, width[, channels])``, or ``(n, values)`` together with `image_shape`.
    scores : array-like of shape (n,)
        Higher is more normal.
    n_images : int, default=16
        At most so many.
    n_columns : int, default=8
        Images a row.
    captions : sequence of str of length n, optional
        What stands on each image; without it, its score.
    image_shape, value_range, title, ax
        As in `isthmus.plotting.image_rows`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there is not one score an image, or the shapes are none of the above.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> figure = worst_cases(np.zeros((3, 4, 4)), [-1.0, -30.0, -2.0], n_images=2)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['-30', '-2']
    """
    check_count("n_images", n_images)
    check_count("n_columns", n_columns)
    stack = as_images(images, image_shape, "images")
    values = _numbers(scores, "scores")
    if len(values) != len(stack):
        raise InvalidInputError(
            f"scores: expected one an image, {len(stack)} of them; got {len(values)}"
        )
    if captions is not None and len(captions) != len(stack):
        raise InvalidInputError(
            f"captions: expected one an image, {len(stack)} of them; got {len(captions)}"
        )
    order = np.argsort(values, kind="stable")[:n_images]
    shown = shades(stack[order], value_limits(images, stack, value_range))
    columns = min(n_columns, len(order))
    cells = [
        [shown[i] if i < len(shown) else None for i in range(start, start + columns)]
        for start in range(0, len(shown), columns)
    ]
    mosaic = join(cells)
    figure, axes = _show(mosaic, ax, title)
    effects = require("matplotlib.patheffects", "plot")
    for place, row in enumerate(order):
        text = f"{values[row]:.3g}" if captions is None else str(captions[row])
        height = mosaic.picture.shape[0] / math.ceil(len(order) / columns)
        label = axes.text(
            mosaic.column_middles[place % columns],
            mosaic.row_middles[place // columns] + 0.44 * min(mosaic.tile, height),
            text,
            color="white",
            fontsize=7.5,
            ha="center",
            va="bottom",
            parse_math=False,
        )
        label.set_path_effects([effects.withStroke(linewidth=1.8, foreground="black")])
    return figure
