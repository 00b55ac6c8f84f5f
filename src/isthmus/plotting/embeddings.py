"""Maps of the same samples by several methods, side by side, with what each keeps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from isthmus.errors import InvalidInputError, require
from isthmus.plotting._style import INK, PAPER, SMALL_SIZE, tidy
from isthmus.plotting.latent import latent_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isthmus.geometry import Embedding

__all__ = ["embeddings"]


def embeddings(comparison: Sequence[Embedding], *, title: str | None = None) -> Figure:
    """Draw what `isthmus.geometry.compare_embeddings` returns, one map a panel.

    Under each name stand trustworthiness (are neighbours on the map neighbours in the data?) and
    continuity (are neighbours in the data neighbours on the map?). A code of more than two numbers
    is shown by its principal plane, with its own numbers written above that; so the panel of the
    code itself is left out. A code of one number is drawn against its rank.

    Parameters
    ----------
    comparison : sequence of Embedding
        One or more.
    title : str, optional
        Text above all.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there is nothing to draw.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> from isthmus.geometry import compare_embeddings
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    >>> figure = embeddings(compare_embeddings(model, X, methods=["pca", "mds"]))
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['code (2 numbers)', 'PCA', 'classical MDS']
    """
    panels = [one for one in comparison if one.points.shape[1] <= 2]
    codes = [one for one in comparison if one.points.shape[1] > 2]
    if not panels:
        raise InvalidInputError(
            "comparison: expected at least one map in the plane; pass what "
            "isthmus.geometry.compare_embeddings returns"
        )
    columns = len(panels) if len(panels) <= 3 else math.ceil(len(panels) / 2)
    rows = math.ceil(len(panels) / columns)
    figure: Figure = require("matplotlib.figure", "plot").Figure(
        figsize=(3.6 * columns, 3.7 * rows + (0.3 if title else 0.0)),
        layout="constrained",
        facecolor=PAPER,
    )
    for place, one in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, columns, place)
        points = one.points
        if points.shape[1] == 1:
            rank = np.argsort(np.argsort(points[:, 0])) / len(points)
            points = np.column_stack([points[:, 0], rank * np.ptp(points)])
        latent_map(points, one.labels, point_size=6.0, ax=axes)
        tidy(axes, title=one.name, xlabel="", ylabel="", grid=False)
        axes.set_xticks([])
        axes.set_yticks([])
        for text in axes.texts:
            text.set_fontsize(SMALL_SIZE + 1)
        lines = [_numbers("", one)]
        if one.name == "code, principal plane":
            lines += [_numbers("all numbers: ", code) for code in codes]
        axes.set_xlabel("\n".join(lines), color=INK, fontsize=SMALL_SIZE, loc="left")
    if title is not None:
        figure.suptitle(title, color=INK, fontweight="bold", x=0.01, ha="left")
    return figure


def _numbers(what: str, one: Embedding) -> str:
    return f"{what}trust {one.trustworthiness:.3f}, continuity {one.continuity:.3f}"
