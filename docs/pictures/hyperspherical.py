"""The picture of docs/models/hyperspherical.md: directions, in the plane and on the circle."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from isthmus import HypersphericalVAE, VariationalAutoencoder

SIZE = 12


def spots(angle):
    """Images of a spot at a distance from the middle, in each direction."""
    grid = np.arange(SIZE) - (SIZE - 1) / 2
    y, x = np.meshgrid(grid, grid, indexing="ij")
    across = x - 3.2 * np.cos(angle)[:, None, None]
    down = y - 3.2 * np.sin(angle)[:, None, None]
    return np.exp(-0.125 * (across**2 + down**2)).reshape(len(angle), -1)


def draw(folder: Path) -> None:
    """Write ``hyperspherical.png``."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 600)
    X = np.clip(spots(angle) + 0.05 * rng.normal(size=(600, SIZE * SIZE)), 0, 1)
    common = {
        "latent_dim": 2,
        "hidden_layer_sizes": (64,),
        "learning_rate": 5e-3,
        "max_epochs": 40,
        "random_state": 0,
    }
    models = {
        "VariationalAutoencoder": VariationalAutoencoder(**common),
        "HypersphericalVAE": HypersphericalVAE(**common),
    }
    figure = Figure(figsize=(9.0, 3.3), layout="constrained", facecolor="white")
    left, *axes = figure.subplots(1, 3)
    shown = spots(np.arange(9) * 2 * np.pi / 9).reshape(3, 3, SIZE, SIZE)
    left.imshow(1 - np.block([list(row) for row in shown]), cmap="gray")
    left.set_axis_off()
    left.set_title("the data: directions", fontsize=10)
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        codes = model.fit(X).transform(X)
        points = ax.scatter(*codes.T, c=np.degrees(angle), cmap="twilight", s=6, linewidths=0)
        bound = model.score(X)
        ax.set_title(f"{name}\nbound {bound:.1f} nats", fontsize=10)
        ax.set_aspect("equal")
        ax.tick_params(labelsize=8)
    figure.colorbar(points, ax=axes, shrink=0.8, label="direction, degrees")
    figure.savefig(folder / "hyperspherical.png", dpi=110)
