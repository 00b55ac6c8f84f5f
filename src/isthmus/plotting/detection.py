"""A detector at work: p-values in the order of the rows, precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isthmus.errors import InvalidInputError, check_count, require
from isthmus.plotting._style import INK, PALETTE, PAPER, SMALL_SIZE, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["p_value_stream", "precision_recall"]

_POINTS = 3000  # more would make the picture heavy and show nothing new


def p_value_stream(
    p_values: Any,
    *,
    blocks: Sequence[Any] = (),
    level: float = 0.01,
    rate: float | None = None,
    n_points: int = _POINTS,
    title: str | None = None,
) -> Figure:
    """Draw the p-values of a stream in the order of its rows, and their mean block by block.

    While nothing changes, p-values are spread evenly from 0 to 1 and their mean is ½. Single
    unusual rows are points at the bottom; a model that no longer fits shows as a mean that leaves
    ½.

    Parameters
    ----------
    p_values : array-like of shape (n,)
        As `AnomalyDetector.p_values` gives them; NaN is left out.
    blocks : sequence of Block, optional
        The blocks of `isthmus.applications.anomaly.Drift`; those that differ from the held-out rows
        at `level` are drawn in another colour.
    level : float, default=0.01
        The level of the test of the blocks.
    rate : float, optional
        A line: rows with a p-value of at most so much are alarms.
    n_points : int, default=3000
        The most points that are drawn. Of more rows only the smallest p-values and an even choice
        of the others are drawn.
    title : str, optional
        Text above.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there is no p-value, or one is not between 0 and 1.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> figure = p_value_stream(np.linspace(0.01, 1, 200), rate=0.05)
    >>> len(figure.axes)
    1
    """
    check_count("n_points", n_points)
    values = np.asarray(p_values, dtype=np.float64).ravel()
    rows = np.flatnonzero(~np.isnan(values))
    values = values[rows]
    if not len(values) or not ((values > 0) & (values <= 1)).all():
        raise InvalidInputError(
            "p_values: expected at least one, all above 0 and at most 1, "
            f"got {'none' if not len(values) else f'{values.min():g} to {values.max():g}'}"
        )
    figure_class = require("matplotlib.figure", "plot").Figure
    figure: Figure = figure_class(
        figsize=(7.6, 4.2 if blocks else 2.6), layout="constrained", facecolor=PAPER
    )
    if blocks:
        points, means = figure.subplots(2, 1, sharex=True, height_ratios=(1.6, 1))
    else:
        points, means = figure.subplots(), None
    kept = _thinned(values, n_points)
    odd = values[kept] <= (0.0 if rate is None else rate)
    for chosen, colour, size, label in (
        (~odd, PALETTE[3], 5, None),
        (odd, PALETTE[2], 14, None if rate is None else f"at most {rate:.3g}"),
    ):
        points.scatter(
            rows[kept[chosen]],
            values[kept[chosen]],
            s=size,
            color=colour,
            linewidths=0,
            alpha=0.55 if colour == PALETTE[3] else 0.9,
            label=label if chosen.any() else None,
        )
    points.set_yscale("log")
    points.set_ylim(top=1.3)
    if rate is not None:
        points.axhline(rate, color=INK, linestyle="--", linewidth=1.2, label="alarm line")
        points.legend(
            frameon=False,
            fontsize=SMALL_SIZE,
            labelcolor=INK,
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=2,
        )
    tidy(points, title=title, xlabel=None if blocks else "row", ylabel="p-value")
    if means is not None:
        for block in blocks:
            differs = block.test_p_value <= level
            means.hlines(
                block.mean_p_value,
                block.start,
                block.stop,
                color=PALETTE[2] if differs else PALETTE[0],
                linewidth=3,
            )
        means.axhline(0.5, color=INK, linewidth=0.9, alpha=0.6)
        means.set_ylim(0, 1)
        tidy(means, xlabel="row", ylabel="mean")
    return figure


def precision_recall(
    anomalies: Any,
    scores: Any,
    *,
    offset: float | None = None,
    title: str | None = None,
    ax: Any = None,
) -> Figure:
    """Draw precision over recall for every threshold, and where the chosen one lies.

    Parameters
    ----------
    anomalies : array-like of shape (n,)
        1 for anomalies, 0 for normal rows; rows with NaN are left out.
    scores : array-like of shape (n,)
        Higher is more normal; rows with NaN are left out.
    offset : float, optional
        The threshold: rows with a lower score are alarms.
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
        If there are not both anomalies and normal rows.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> figure = precision_recall([0, 0, 1, 1], [-1.0, -3.0, -2.0, -9.0], offset=-2.5)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['average precision 0.833', 'chance', 'threshold']
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    truth = np.asarray(anomalies, dtype=np.float64).ravel()
    values = np.asarray(scores, dtype=np.float64).ravel()
    if truth.shape != values.shape:
        raise InvalidInputError(
            f"anomalies: expected one label a score, {len(values)} in all; got {len(truth)}"
        )
    known = ~(np.isnan(truth) | np.isnan(values))
    odd, values = truth[known] == 1, values[known]
    if odd.all() or not odd.any():
        raise InvalidInputError("anomalies: expected normal rows and anomalies; got one kind")
    precision, recall, _ = precision_recall_curve(odd, -values)
    average = average_precision_score(odd, -values)
    figure, axes = new_axes(ax, 4.4, 3.6)
    # steps, as average precision counts them: between two thresholds nothing is known
    axes.step(
        *_outline(recall, precision),
        where="pre",
        color=PALETTE[0],
        linewidth=1.8,
        label=f"average precision {average:.3f}",
    )
    axes.axhline(odd.mean(), color=INK, linewidth=1, alpha=0.6, linestyle=":", label="chance")
    if offset is not None and (alarms := values < offset).any():
        axes.plot(
            (alarms & odd).sum() / odd.sum(),
            (alarms & odd).sum() / alarms.sum(),
            marker="o",
            markersize=8,
            color=PALETTE[2],
            linestyle="none",
            label="threshold",
            clip_on=False,
            zorder=5,
        )
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, 1.03)
    tidy(axes, title=title, xlabel="recall", ylabel="precision")
    axes.legend(frameon=False, fontsize=SMALL_SIZE, labelcolor=INK, loc="lower left")
    return figure


def _outline(recall: Any, precision: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the curve from low recall to high, in at most some thousand steps."""
    recall, precision = recall[::-1], precision[::-1]
    if len(recall) > _POINTS:
        kept = np.unique(np.linspace(0, len(recall) - 1, _POINTS).astype(int))
        recall, precision = recall[kept], precision[kept]
    return recall, precision


def _thinned(values: NDArray[Any], n_points: int) -> NDArray[np.intp]:
    """Return places: the smallest values, and an even choice of the others."""
    if len(values) <= n_points:
        return np.arange(len(values))
    smallest = np.argpartition(values, n_points // 3)[: n_points // 3]
    even = np.linspace(0, len(values) - 1, n_points - n_points // 3).astype(int)
    return np.unique(np.concatenate([smallest, even]))
