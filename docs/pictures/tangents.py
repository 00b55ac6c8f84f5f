"""Tangents of a decoder on an arc, and a walk through its code of one number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from isthmus import Autoencoder
from isthmus.geometry import interpolate, tangent_space
from isthmus.plotting._style import PALETTE, PAPER, tidy


def draw(folder: Path) -> None:
    """Write tangents.png."""
    rng = np.random.default_rng(0)
    t = rng.uniform(0, 1.5 * np.pi, size=1500)
    X = np.column_stack([np.cos(t), np.sin(t)]) * rng.uniform(0.9, 1.1, size=(1500, 1))
    model = Autoencoder(
        latent_dim=1, hidden_layer_sizes=(64, 32), activation="silu", likelihood="gaussian",
        scaling=None, early_stopping=False, max_epochs=60, learning_rate=0.01, random_state=0,
    ).fit(X)  # fmt: skip
    figure = Figure(figsize=(4.6, 4.2), layout="constrained", facecolor=PAPER)
    axes = figure.add_subplot()
    axes.scatter(*X.T, s=4, color=PALETTE[3], alpha=0.5, linewidths=0)
    ends = np.array([[1.0, 0.1], [0.1, -1.0]])
    walk = interpolate(model, *ends, 40)
    axes.plot(*ends.T, "--", color=PALETTE[2], label="straight in the data")
    axes.plot(*walk.samples.T, color=PALETTE[0], lw=2, label="straight in the code, decoded")
    places = X[:: len(X) // 24]
    base = model.reconstruct(places)
    tangents = 0.25 * tangent_space(model, places, of="decoder").bases[:, 0]
    for start, step in zip(base, tangents, strict=True):
        axes.plot(*np.column_stack([start - step, start + step]), color=PALETTE[1], lw=1.5)
    axes.plot([], [], color=PALETTE[1], label="tangents of the decoder")
    tidy(axes, grid=False)
    axes.set_aspect("equal")
    axes.legend(fontsize=8, frameon=False, loc="center")
    figure.savefig(folder / "tangents.png", dpi=90)
