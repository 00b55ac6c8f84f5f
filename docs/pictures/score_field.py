"""The score field of a denoising autoencoder over the exact one, of a mixture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isthmus import DenoisingAutoencoder
from isthmus.geometry import score_field
from isthmus.plotting import vector_field

SIGMA = 0.3


def draw(folder: Path) -> None:
    """Write score_field.png."""
    rng = np.random.default_rng(0)
    angles = np.pi / 2 + 2 * np.pi * np.arange(5) / 5
    centres = 1.5 * np.column_stack([np.cos(angles), np.sin(angles)])
    X = centres[rng.integers(5, size=3000)] + 0.2 * rng.normal(size=(3000, 2))
    model = DenoisingAutoencoder(
        corruption="gaussian", corruption_level=SIGMA, hidden_layer_sizes=(64,), latent_dim=64,
        activation="silu", latent_activation="silu", likelihood="gaussian", scaling=None,
        early_stopping=False, batch_size=128, max_epochs=120, learning_rate=0.005, random_state=0,
    ).fit(X)  # fmt: skip
    side = np.linspace(-2.3, 2.3, 17)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    variance = 0.2**2 + SIGMA**2
    near = np.exp(-np.square(grid[:, None] - centres).sum(2) / (2 * variance))
    true = ((near / near.sum(1, keepdims=True)) @ centres - grid) / variance
    figure = vector_field(grid, score_field(model, grid), data=X, true=true)
    figure.savefig(folder / "score_field.png", dpi=90)
