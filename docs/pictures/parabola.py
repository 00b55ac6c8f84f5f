"""y = x² + noise through a code of one number: PCA's line and the autoencoder's bend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from isthmus import Autoencoder
from isthmus.plotting._style import PALETTE, PAPER, tidy


def draw(folder: Path) -> None:
    """Write parabola.png."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=1000)
    X = np.column_stack([x, x**2 + 0.05 * rng.normal(size=1000)])
    pca = PCA(1).fit(X)
    model = Autoencoder(
        latent_dim=1, hidden_layer_sizes=(64, 32), activation="silu", likelihood="gaussian",
        scaling=None, early_stopping=False, batch_size=64, max_epochs=100, learning_rate=0.01,
        random_state=0,
    ).fit(X)  # fmt: skip
    found = {
        "PCA": pca.inverse_transform(pca.transform(X)),
        "Autoencoder": model.reconstruct(X),
    }
    figure = Figure(figsize=(8, 3.4), layout="constrained", facecolor=PAPER)
    for place, (name, X_hat) in enumerate(found.items(), start=1):
        axes = figure.add_subplot(1, 2, place)
        axes.scatter(*X.T, s=5, color=PALETTE[3], alpha=0.6, linewidths=0)
        axes.scatter(*X_hat.T, s=5, color=PALETTE[0], linewidths=0)
        error = np.square(X - X_hat).sum(1).mean()
        tidy(axes, title=f"{name}: error {error:.4f}", xlabel="x", ylabel="y")
    figure.savefig(folder / "parabola.png", dpi=110)
