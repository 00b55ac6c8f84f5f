"""The evidence of a diagnosis as small multiples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from isthmus.errors import InvalidInputError, require
from isthmus.plotting._style import INK, PALETTE, PAPER, SMALL_SIZE, tidy
from isthmus.plotting.learning_curves import learning_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from isthmus.evaluation import Diagnosis, Evidence

__all__ = ["plot_diagnosis"]

_MOST_BARS = 64  # codes drawn one by one; more become a line


def plot_diagnosis(diagnosis: Diagnosis, *, title: str | None = None) -> Figure:
    """Draw the numbers that a diagnosis was judged from.

    Four panels: the squared error as a share of the data's variance, of training rows, of the rows
    given, of rows halfway between two neighbours and of rows whose values were shuffled, with PCA
    as a line; how much each code is used; how far apart neighbours in code are; and the loss.

    Parameters
    ----------
    diagnosis : Diagnosis
        What `isthmus.diagnose` returned.
    title : str, optional
        Text above; the diagnosis' own title without it, "" for none.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If it is given anything else.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from isthmus import Autoencoder, diagnose
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> model = Autoencoder(latent_dim=2, max_epochs=2, random_state=0).fit(X)
    >>> len(plot_diagnosis(diagnose(model, X)).axes)
    4
    """
    evidence = getattr(diagnosis, "evidence", None)
    if evidence is None:
        raise InvalidInputError(
            f"diagnosis: expected what isthmus.diagnose returns; got {type(diagnosis).__name__}"
        )
    figure_class = require("matplotlib.figure", "plot").Figure
    figure: Figure = figure_class(figsize=(11.0, 2.9), layout="constrained", facecolor=PAPER)
    errors, codes, near, loss = figure.subplots(1, 4, width_ratios=(1.25, 1, 1, 1))
    _errors(errors, evidence)
    _codes(codes, evidence)
    _neighbours(near, evidence)
    if evidence.curve and len(next(iter(evidence.curve.values()))):
        learning_curves(evidence.curve, ax=loss)
        tidy(loss, title="Training")
    else:
        tidy(loss, title="Training", xlabel="epoch")
        _say(loss, "not trained")
    heading = diagnosis.title if title is None else title
    if heading:
        figure.suptitle(heading, x=0.01, ha="left", color=INK, fontsize=11, parse_math=False)
    return figure


def _errors(axes: Axes, e: Evidence) -> None:
    bars = [
        ("training rows", e.train_error, PALETTE[0]),
        ("held-out rows" if e.train_rows else "rows", e.error, PALETTE[0]),
        ("between two rows", e.between_error, PALETTE[4]),
        ("shuffled rows", e.shuffled_error, PALETTE[6]),
    ]
    shown = [bar for bar in bars if math.isfinite(bar[1])]
    limit = 1.3
    places = np.arange(len(shown))[::-1]
    axes.barh(places, [min(b[1], limit) for b in shown], color=[b[2] for b in shown], height=0.62)
    for place, (_, value, _) in zip(places, shown, strict=True):
        inside = value > 0.85 * limit
        axes.text(
            min(value, limit) + (-0.03 if inside else 0.03),
            place,
            f"{value:.2f}",
            va="center",
            ha="right" if inside else "left",
            fontsize=SMALL_SIZE - 1,
            color=PAPER if inside else INK,
        )
    axes.axvline(1.0, ymax=0.88, color=INK, alpha=0.45, linewidth=0.9)
    axes.text(1.0, len(shown) - 0.45, "mean", fontsize=SMALL_SIZE - 1, color=INK, ha="center")
    if math.isfinite(e.pca_error):
        axes.axvline(e.pca_error, ymax=0.88, color=INK, linewidth=1.2, linestyle=(0, (4, 1.5)))
        axes.text(
            e.pca_error,
            len(shown) - 0.45,
            f"PCA-{e.pca_codes}",
            fontsize=SMALL_SIZE - 1,
            color=INK,
            ha="center" if e.pca_error < 0.75 else "right",
        )
    axes.set_yticks(places, [bar[0] for bar in shown])
    axes.set_xlim(0, limit)
    axes.set_ylim(-0.6, len(shown) - 0.1)
    tidy(axes, title="Error", xlabel="share of the variance")
    axes.grid(False, axis="y")


def _codes(axes: Axes, e: Evidence) -> None:
    gaussian = e.divergence_per_code.size > 0
    values = np.sort(e.divergence_per_code if gaussian else e.variance_per_code)[::-1]
    if not gaussian and values.size and values[0] > 0:
        values = values / values[0]
    places = np.arange(1, len(values) + 1)
    if len(values) <= _MOST_BARS:
        axes.bar(places, values, color=PALETTE[0], width=0.8)
    else:
        axes.fill_between(places, values, color=PALETTE[0], step="mid", linewidth=0)
    ylabel = "KL (nats)" if gaussian else "variance / largest"
    axes.set_ylim(0, max(1.05 * float(values.max(initial=0.0)), 0.1))
    tidy(axes, title="Use of the codes", xlabel="code, in order", ylabel=ylabel)
    ticker = require("matplotlib.ticker", "plot")
    axes.xaxis.set_major_locator(ticker.MaxNLocator("auto", integer=True))
    axes.grid(False, axis="x")


def _neighbours(axes: Axes, e: Evidence) -> None:
    tidy(axes, title="Neighbours", xlabel="mean distance / random rows")
    if not e.random > 0:
        _say(axes, "all rows are equal")
        return
    bars = [("in the data", e.nearest), ("in code", e.in_code), ("random", e.random)]
    places = [2, 1, 0]
    colours = [PALETTE[3], PALETTE[0], PALETTE[3]]
    axes.barh(places, [value / e.random for _, value in bars], color=colours, height=0.62)
    axes.set_yticks(places, [name for name, _ in bars])
    axes.set_xlim(0, max(1.05, 1.05 * e.in_code / e.random))
    axes.grid(False, axis="y")


def _say(axes: Axes, text: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=INK, fontsize=SMALL_SIZE)
