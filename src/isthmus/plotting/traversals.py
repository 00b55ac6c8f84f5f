"""Walks along the numbers of a code, and what an edit does: one row a number, one curve a judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.plotting._mosaic import as_images, join, shades, value_limits
from isthmus.plotting._style import INK, PALETTE, SMALL_SIZE, TEXT_SIZE, new_axes, tidy
from isthmus.plotting.images import _show, _text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isthmus.geometry import ConceptEffect, Traversal

__all__ = ["plot_effect", "traversal_grid"]

_UNITS = {"KL": "nats"}


def traversal_grid(
    walks: Traversal,
    *,
    image_shape: tuple[int, ...] | None = None,
    value_range: tuple[float, float] | None = None,
    title: str | None = None,
    ax: Any = None,
) -> Figure:
    """Draw a row of images for each number of the code, and beside it how much that number says.

    Parameters
    ----------
    walks : Traversal
        What `isthmus.geometry.traversals` returns, of images.
    image_shape, value_range, title, ax
        As in `image_rows`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If the samples are no images; flat ones need `image_shape`.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> from isthmus.geometry import traversals
    >>> X = np.random.default_rng(0).random((40, 4, 4))
    >>> model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    >>> figure = traversal_grid(traversals(model, X, n_steps=5))
    >>> len(figure.axes[0].get_yticklabels())
    2
    """
    rows = [as_images(row, image_shape, "walks") for row in walks.samples]
    limits = value_limits(None, np.concatenate(rows), value_range)
    mosaic = join([list(shades(row, limits)) for row in rows])
    labels = [
        f"code {dimension}: {walks.measure} {weight:.2g} {_UNITS.get(walks.measure, '')}".rstrip()
        for dimension, weight in zip(walks.dimensions, walks.weights, strict=True)
    ]
    figure, axes = _show(mosaic, ax, title, left=max(map(_text_width, labels)) + 0.1)
    axes.set_yticks(mosaic.row_middles, labels, color=INK, fontsize=TEXT_SIZE, parse_math=False)
    return figure


def plot_effect(effect: ConceptEffect, *, title: str | None = None, ax: Any = None) -> Figure:
    """Draw the score of the concept over the strength, and in grey that of random directions.

    Parameters
    ----------
    effect : ConceptEffect
        What `ConceptDirection.effect` returns.
    title : str, optional
        Text above the axes.
    ax : matplotlib Axes or Figure, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> from isthmus.geometry import ConceptDirection
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> model = Autoencoder(latent_dim=2, max_epochs=1, random_state=0).fit(X)
    >>> shift = ConceptDirection.from_labels(model, X, X[:, 0] > 0)
    >>> figure = plot_effect(shift.effect(X, probe=lambda edited: edited[:, 0], n_controls=3))
    >>> figure.axes[0].get_xlabel()
    'strength'
    """
    figure, axes = new_axes(ax, 4.6, 3.4)
    for index, curve in enumerate(effect.controls.score):
        name = "random directions" if index == 0 else None
        axes.plot(effect.strengths, curve, color=PALETTE[3], lw=0.8, alpha=0.7, label=name)
    axes.plot(
        effect.strengths, effect.direction.score, "o-", color=PALETTE[0], lw=2, label="the concept"
    )
    axes.axhline(0, color=INK, lw=0.8, alpha=0.45)
    tidy(axes, title=title, xlabel="strength", ylabel="score of the concept")
    axes.legend(frameon=False, fontsize=SMALL_SIZE, labelcolor=INK)
    return figure
