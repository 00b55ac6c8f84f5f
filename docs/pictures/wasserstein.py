"""The picture of docs/models/wasserstein.md: codes in the plane and the prior they are to fill."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from sklearn.datasets import load_digits

from isthmus import Autoencoder, InfoVAE, VariationalAutoencoder, WassersteinAutoencoder


def draw(folder: Path) -> None:
    """Write ``wasserstein.png``."""
    data = load_digits()
    X = data.data / 16
    common = {
        "latent_dim": 2,
        "hidden_layer_sizes": (64, 32),
        "learning_rate": 5e-3,
        "max_epochs": 40,
        "batch_size": 128,
        "likelihood": "gaussian_learned_scale",
        "random_state": 0,
    }
    models = {
        "Autoencoder": Autoencoder(**common),
        "VariationalAutoencoder": VariationalAutoencoder(**common),
        "InfoVAE, α = 0.9": InfoVAE(**common),
        "WassersteinAutoencoder": WassersteinAutoencoder(**common),
    }
    figure = Figure(figsize=(9.6, 2.9), layout="constrained", facecolor="white")
    for ax, (name, model) in zip(figure.subplots(1, 4), models.items(), strict=True):
        codes = model.fit(X).transform(X)
        ax.scatter(*codes.T, c=data.target, cmap="tab10", s=3, linewidths=0)
        for radius in (np.sqrt(2 * np.log(2)), np.sqrt(2 * np.log(100))):  # half, and 99 %
            ax.add_patch(Circle((0, 0), radius, fill=False, color="#333333", linewidth=0.8))
        error = ((model.reconstruct(X) - X) ** 2).sum(1).mean()
        ax.set_title(f"{name}\nsquared error {error:.2f}", fontsize=9)
        reach = max(3.6, 1.05 * np.abs(codes).max())
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        ax.tick_params(labelsize=7)
    figure.savefig(folder / "wasserstein.png", dpi=90)
