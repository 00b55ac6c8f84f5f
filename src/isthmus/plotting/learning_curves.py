"""The loss over the epochs of a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import InvalidInputError, require
from isthmus.plotting._style import INK, PALETTE, PAPER, SMALL_SIZE, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["learning_curves"]

_LABELS = {"loss": "training", "val_loss": "validation"}


def learning_curves(
    history: Any,
    *,
    terms: Sequence[str] = ("loss", "val_loss"),
    title: str | None = None,
    ax: Any = None,
) -> Figure:
    """Draw the loss, in nats a sample, over the epochs.

    A ring marks the epoch with the smallest validation loss: the state that early stopping keeps.
    The lower end of the axis is the smallest loss, so that heights must not be compared between
    models: a likelihood is only comparable with the same likelihood.

    Parameters
    ----------
    history : History or mapping of str to sequence
        ``history_`` of a fitted estimator, or anything with lists under the same names:
        ``"epoch"``, ``"loss"``, ``"val_loss"``, …
    terms : sequence of str, default ("loss", "val_loss")
        Which of them to draw; those that the history lacks are left out, as ``"val_loss"`` is after
        a fit without validation data.
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
        If the history has none of the `terms`, or no epochs.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> figure = learning_curves({"epoch": [1, 2, 3], "loss": [9.0, 5.0, 4.0]}, title="model")
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['training']
    """
    curves = {term: _curve(history, term) for term in terms}
    drawn = {term: curve for term, curve in curves.items() if curve is not None}
    if not drawn:
        raise InvalidInputError(
            f"history: expected one of {', '.join(terms)} with at least one epoch, "
            f"got {', '.join(_names(history)) or 'nothing'}; pass history_ of a fitted estimator"
        )
    figure, axes = new_axes(ax, 5.0, 3.2)
    epochs = _curve(history, "epoch")
    for number, (term, losses) in enumerate(drawn.items()):
        steps = epochs if epochs is not None else np.arange(1, len(losses) + 1)
        # No markers on long curves; a single epoch would be invisible without one.
        axes.plot(
            steps,
            losses,
            color=PALETTE[(0, 6, 4, 5, 8)[number % 5]],
            linestyle="-" if number % 2 == 0 else (0, (4, 1.5)),
            linewidth=1.8,
            marker="o" if len(losses) == 1 else None,
            label=_LABELS.get(term, term.replace("_", " ")),
        )
        if term == "val_loss" and np.isfinite(losses).any():
            best = int(np.nanargmin(losses))
            axes.plot(
                steps[best],
                losses[best],
                marker="o",
                markersize=6,
                markerfacecolor=PAPER,
                markeredgecolor=PALETTE[6],
                markeredgewidth=1.6,
                linestyle="none",
                label="_best",
                clip_on=False,
                zorder=5,
            )
    tidy(axes, title=title, xlabel="epoch", ylabel="loss (nats a sample)")
    ticker = require("matplotlib.ticker", "plot")
    axes.xaxis.set_major_locator(ticker.MaxNLocator("auto", integer=True))
    axes.legend(frameon=False, fontsize=SMALL_SIZE, labelcolor=INK, loc="upper right")
    return figure


def _names(history: Any) -> list[str]:
    return list(history) if isinstance(history, Mapping) else list(getattr(history, "names", ()))


def _curve(history: Any, name: str) -> Any:
    """Return one list of the history as floats; None if it is not there or empty."""
    if name not in _names(history):
        return None
    values = np.array(
        [np.nan if value is None else value for value in history[name]], dtype=np.float64
    )
    return values if len(values) and not np.isnan(values).all() else None
