"""Walks along the numbers of a code, a concept added to digits, and what it does to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from isthmus import Autoencoder, VariationalAutoencoder
from isthmus.geometry import ConceptDirection, traversals
from isthmus.plotting import image_rows, plot_effect, traversal_grid
from isthmus.plotting._style import PAPER

STRENGTHS = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)


def slant(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how far digits lean to the right: columns a row."""
    rows, columns = np.mgrid[:8, :8]
    images = images.reshape(-1, 8, 8).astype(np.float64)
    mass = images.sum((1, 2))
    row, column = ((images * at).sum((1, 2)) / mass for at in (rows, columns))
    tilt = (images * rows * columns).sum((1, 2)) / mass - row * column
    return np.asarray(-tilt / ((images * rows**2).sum((1, 2)) / mass - row**2))


def draw(folder: Path) -> None:
    """Write latent_space.png."""
    X, target = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    train, test = X[:1300], X[1300:]
    vae = VariationalAutoencoder(
        latent_dim=8, hidden_layer_sizes=(128,), learning_rate=3e-3, max_epochs=60, random_state=0
    ).fit(train)
    model = Autoencoder(
        latent_dim=10, hidden_layer_sizes=(128,), max_epochs=60, random_state=0
    ).fit(train)
    direction = ConceptDirection.from_labels(model, train, slant(train) > np.median(slant(train)))
    figure = Figure(figsize=(9.8, 4.3), layout="constrained", facecolor=PAPER)
    left, right = figure.subfigures(1, 2, width_ratios=(1.5, 1))
    walks = traversals(vae, train, n_steps=9)
    traversal_grid(
        walks, image_shape=(8, 8), value_range=(0, 1), title="One number of the code at a time",
        ax=left.add_subplot(),
    )  # fmt: skip
    above, below = right.subplots(2, 1, height_ratios=(1.25, 1))
    shown = [int(np.flatnonzero(target[1300:] == digit)[3]) for digit in (0, 3, 4, 7)]
    edits = [direction.apply(test[shown], strength) for strength in STRENGTHS]
    image_rows(
        {f"a {target[1300 + row]}": [edit[place] for edit in edits]
         for place, row in enumerate(shown)},
        image_shape=(8, 8), value_range=(0, 1), title="Digits made to lean", ax=above,
    )  # fmt: skip
    effect = direction.effect(test, STRENGTHS, probe=slant)
    plot_effect(effect, title="Slant of held-out digits", ax=below)
    figure.savefig(folder / "latent_space.png", dpi=100)
